//! What processes see of each other, and of `/dev/shm`.

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork};
use shmcount::{Error, Foreign, Segment, ValueGuard};

use crate::stage::{Parent, Process, Scratch, Skipped, needs_own_shm};

const NONE: Option<&str> = None;

pub fn another_pid_namespace_is_refused_with_its_remedy() -> Result<(), Skipped> {
    needs_own_shm()?;
    for proc in ["own /proc", "outer /proc"] {
        let scratch = Scratch::new("pid-namespace");
        let segment = Segment::create(scratch.name()).expect("the name is new");
        let value = segment.value("value", 1i64).expect("there is room");
        Process::perform(
            "namespaces::open_in_another_pid_namespace",
            &[scratch.name(), proc],
        );
        assert_eq!(value.load(), 1);
        assert!(segment.remove().expect("it was left alone"));
    }
    Ok(())
}

/// Argument 0 names the segment, argument 1 says whether the namespace has a `/proc` of its own.
pub fn open_in_another_pid_namespace(parent: Parent) {
    unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWPID).expect("root may");
    mount(NONE, "/", NONE, MsFlags::MS_REC | MsFlags::MS_PRIVATE, NONE).expect("root may");
    // SAFETY: an act has one thread, so nothing is half done in the child.
    match unsafe { fork() }.expect("a process can be made") {
        ForkResult::Parent { child } => {
            let status = waitpid(child, None).expect("it is a child");
            assert!(matches!(status, WaitStatus::Exited(_, 0)), "{status:?}");
        }
        ForkResult::Child => {
            if parent.argument(1) == "own /proc" {
                mount(Some("proc"), "/proc", Some("proc"), MsFlags::empty(), NONE)
                    .expect("root may");
            }
            assert_eq!(std::process::id(), 1);
            for result in [
                Segment::open(parent.argument(0)),
                Segment::open_or_create(parent.argument(0)),
            ] {
                match result {
                    Err(error @ Error::Foreign { .. }) => {
                        let help = error.help().unwrap_or_default();
                        assert!(help.contains("--pid="), "{help}");
                        let Error::Foreign { foreign, .. } = error else {
                            unreachable!("it was one before")
                        };
                        assert!(
                            matches!(foreign, Foreign::PidNamespace { .. }),
                            "{foreign:?}"
                        );
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
    }
}

pub fn the_same_namespace_under_another_mount_works() -> Result<(), Skipped> {
    needs_own_shm()?;
    let scratch = Scratch::new("mount");
    let segment = Segment::create(scratch.name()).expect("the name is new");
    let value = segment.value("value", 1i64).expect("there is room");
    let mut other = Process::start("namespaces::open_under_another_mount", &[scratch.name()]);
    other.expect("ready");
    assert_eq!(value.load(), 2);
    let holder = value.holder().and_then(|holder| holder.pid);
    assert_eq!(holder, Some(other.id()));
    other.kill();
    assert!(ValueGuard::owner_died(
        &value.lock().expect("its death frees it")
    ));
    assert!(segment.remove().expect("it is ours"));
    Ok(())
}

/// Argument 0 names the segment. Sees `/dev/shm` through a bind mount, under a mount of its own.
pub fn open_under_another_mount(parent: Parent) {
    unshare(CloneFlags::CLONE_NEWNS).expect("root may");
    mount(NONE, "/", NONE, MsFlags::MS_REC | MsFlags::MS_PRIVATE, NONE).expect("root may");
    let place = std::env::temp_dir().join(format!("shmcount-test-{}", std::process::id()));
    std::fs::create_dir(&place).expect("the name is new");
    let bind = MsFlags::MS_BIND;
    mount(Some("/dev/shm"), &place, NONE, bind, NONE).expect("root may");
    mount(
        Some("tmpfs"),
        "/dev/shm",
        Some("tmpfs"),
        MsFlags::empty(),
        NONE,
    )
    .expect("root may");
    let hidden = Segment::open(parent.argument(0));
    assert!(matches!(hidden, Err(Error::NotFound { .. })), "{hidden:?}");
    mount(Some(&place), "/dev/shm", NONE, bind, NONE).expect("root may");
    nix::mount::umount(&place).expect("it is not used");
    std::fs::remove_dir(&place).expect("it is empty");
    let segment = Segment::open(parent.argument(0)).expect("it is the same one");
    let value = segment.open_value::<i64>("value").expect("it is there");
    value.fetch_add(1).expect("it is free");
    let _guard = value.lock().expect("it is free");
    parent.ready();
}
