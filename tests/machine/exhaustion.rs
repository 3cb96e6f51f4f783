//! What runs out: memory, inodes, address space, descriptors, numbers and permissions.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;

use nix::sys::resource::{Resource, setrlimit};
use nix::sys::stat::{Mode, umask};
use shmcount::sys::shm;
use shmcount::{Error, Segment};

use crate::stage::{Parent, Process, Scratch, Skipped, needs_own_shm, own_shm};

fn names() -> Vec<String> {
    shm::names().expect("/dev/shm can be read").collect()
}

pub fn a_full_shm_is_an_error_and_leaves_nothing() -> Result<(), Skipped> {
    needs_own_shm()?;
    // Its directory and a link are an inode each: there is none for the file, or none for its name.
    for options in ["size=128k", "nr_inodes=1", "nr_inodes=2"] {
        Process::perform("exhaustion::fill_up", &[options]);
    }
    Ok(())
}

/// Argument 0 is how `/dev/shm` is limited.
pub fn fill_up(parent: Parent) {
    own_shm(parent.argument(0));
    let large = Segment::options().capacity(1 << 20).create("large");
    match large {
        Err(error @ Error::NoSpace { .. }) => assert!(error.help().is_some(), "{error}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(names(), [""; 0], "nothing is left");
    if parent.argument(0) == "size=128k" {
        Segment::create("small").expect("there is room for 64 KiB");
    }
}

pub fn a_segment_made_before_shm_was_full_can_be_used_to_its_end() -> Result<(), Skipped> {
    needs_own_shm()?;
    Process::perform("exhaustion::use_when_full", &[]);
    Ok(())
}

pub fn use_when_full(_: Parent) {
    own_shm("size=256k");
    let segment = Segment::create("early").expect("there is room");
    let mut rest = File::create("/dev/shm/rest").expect("there is room");
    while rest.write_all(&[1; 4096]).is_ok() {}
    // A page that was not reserved would be a SIGBUS now.
    let mut made = 0;
    let full = loop {
        match segment.value(&format!("object-{made}"), [made; 20]) {
            Ok(value) => assert_eq!(value.load(), [made; 20]),
            Err(full) => break full,
        }
        made += 1;
    };
    assert!(matches!(full, Error::Full { .. }), "{full:?}");
    assert!(made > 64);
}

pub fn too_little_address_space_is_an_error_and_leaves_nothing() {
    let (small, large) = (Scratch::new("small"), Scratch::new("large"));
    let size = 64 << 20;
    let segment = Segment::options().capacity(size).create(large.name());
    let segment = segment.expect("there is room");
    let names = [small.name(), large.name()];
    Process::perform("exhaustion::run_out_of_address_space", &names);
    assert!(!fs::exists(small.path()).expect("/dev/shm can be read"));
    assert!(segment.remove().expect("it is ours"));
}

/// Argument 0 names a segment to make, argument 1 one to open, of 64 MiB each.
pub fn run_out_of_address_space(parent: Parent) {
    let pages = fs::read_to_string("/proc/self/statm").expect("/proc is mounted");
    let pages = pages.split(' ').next().and_then(|pages| pages.parse().ok());
    let used: u64 = 4096 * pages.unwrap_or(1 << 20);
    let limit = used + (32 << 20);
    setrlimit(Resource::RLIMIT_AS, limit, limit).expect("less is always allowed");
    let made = Segment::options()
        .capacity(64 << 20)
        .create(parent.argument(0));
    for result in [made, Segment::open(parent.argument(1))] {
        assert_system_error(result, libc::ENOMEM, "ulimit -v");
    }
    Segment::create(parent.argument(0)).expect("64 KiB fit");
    Segment::remove_named(parent.argument(0)).expect("it is ours");
}

fn assert_system_error(result: Result<Segment, Error>, errno: i32, remedy: &str) {
    match result {
        Err(error @ Error::System { .. }) => {
            let help = error.help().unwrap_or_default();
            assert!(help.contains(remedy), "{error:?}");
            let Error::System { source, .. } = error else {
                unreachable!("it was one before")
            };
            assert_eq!(source.raw_os_error(), Some(errno));
        }
        other => panic!("{other:?}"),
    }
}

pub fn too_few_descriptors_are_an_error_and_leave_nothing() -> Result<(), Skipped> {
    needs_own_shm()?;
    Process::perform("exhaustion::run_out_of_descriptors", &[]);
    Ok(())
}

pub fn run_out_of_descriptors(_: Parent) {
    own_shm("size=1m");
    drop(Segment::create("there").expect("there is room"));
    // Somebody who lives is building: this process itself, for one.
    let own = shmcount::sys::process::Identity::own().expect("/proc is mounted");
    let namespace = shmcount::sys::process::pid_namespace().expect("/proc is mounted");
    let building = format!("shmcount~{namespace}.{}.{}.1000", own.pid, own.start);
    File::create(shm::path_of(&building)).expect("there is room");
    let (_, most) = nix::sys::resource::getrlimit(Resource::RLIMIT_NOFILE).expect("it has a limit");
    let mut refused = (0, 0);
    for limit in 3..20 {
        let before = names();
        setrlimit(Resource::RLIMIT_NOFILE, limit, most).expect("less is always allowed");
        let (created, opened) = (Segment::create("new"), Segment::open("there"));
        setrlimit(Resource::RLIMIT_NOFILE, 64, most).expect("so much was allowed");
        match created {
            Ok(segment) => assert!(segment.remove().expect("it is ours")),
            error => {
                refused.0 += 1;
                assert_system_error(error, libc::EMFILE, "ulimit -n");
            }
        }
        if opened.is_err() {
            refused.1 += 1;
            assert_system_error(opened, libc::EMFILE, "ulimit -n");
        }
        let after = names();
        assert_eq!(
            after.len(),
            before.len(),
            "{before:?} became {after:?} at {limit}"
        );
    }
    let some = 2..10;
    assert!(
        some.contains(&refused.0) && some.contains(&refused.1),
        "{refused:?}"
    );
}

pub fn a_capacity_that_nothing_holds_is_an_error() {
    let scratch = Scratch::new("huge");
    for capacity in [usize::MAX, usize::MAX - 400, 1 << 63, isize::MAX as usize] {
        let made = Segment::options().capacity(capacity).create(scratch.name());
        assert!(
            matches!(made, Err(Error::NoSpace { .. })),
            "{capacity}: {made:?}"
        );
    }
    // A number of bytes like any other to the kernel, which has no room for it.
    for capacity in [1 << 62, 1 << 52, 1 << 47] {
        let made = Segment::options().capacity(capacity).create(scratch.name());
        let refused = matches!(made, Err(Error::NoSpace { .. } | Error::System { .. }));
        assert!(refused, "{capacity}: {made:?}");
    }
    assert!(!fs::exists(scratch.path()).expect("/dev/shm can be read"));
}

pub fn a_umask_that_takes_everything_away_makes_a_segment_all_the_same() {
    let scratch = Scratch::new("umask");
    Process::perform("exhaustion::create_under_umask", &[scratch.name()]);
    let found = fs::metadata(scratch.path()).expect("it was made");
    assert_eq!(found.permissions().mode() & 0o7777, 0o600);
    Segment::open(scratch.name()).expect("it is ours and private");
}

/// Argument 0 names the segment.
pub fn create_under_umask(parent: Parent) {
    umask(Mode::from_bits_truncate(0o777));
    let segment = Segment::create(parent.argument(0)).expect("the name is new");
    segment.value("number", 1i64).expect("there is room");
    Segment::open(parent.argument(0)).expect("its own");
}
