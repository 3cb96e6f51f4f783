//! Holders that go: by fork, exec, the end of a thread, or only seemingly.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork, gettid};
use shmcount::sys::process::Identity;
use shmcount::{LockError, Segment, ValueGuard};

use crate::sandbox::{needs_sandboxes, refuse};
use crate::stage::{Parent, Process, Scratch, Skipped};

/// Where a segment says how many of its bytes are in use, and what it says when it is empty.
const USED: u64 = 296;
const FIRST_ENTRY: u64 = 320 + 64 * 64;

/// Runs `child` in a forked child of this process, which must have one thread; returns how it
/// ended. A child that panics ends with 101.
fn in_forked_child(child: impl FnOnce()) -> WaitStatus {
    // SAFETY: an act has one thread, so nothing is half done in the child.
    match unsafe { fork() }.expect("a process can be made") {
        ForkResult::Parent { child } => waitpid(child, None).expect("it is a child"),
        ForkResult::Child => {
            let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(child)).is_err();
            // SAFETY: ends the child at once, and runs nothing that belongs to its parent.
            unsafe { libc::_exit(if panicked { 101 } else { 0 }) }
        }
    }
}

pub fn a_guard_that_a_fork_copied_does_nothing_in_the_child() {
    let scratch = Scratch::new("fork");
    Process::perform("death::fork_with_guard", &[scratch.name()]);
}

/// Argument 0 names the segment to make.
pub fn fork_with_guard(parent: Parent) {
    let segment = Segment::create(parent.argument(0)).expect("the name is new");
    let value = segment.value("value", 1i64).expect("there is room");
    let wide = segment.value("wide", [1i64; 8]).expect("there is room");
    let own = std::process::id();
    let (mut guard, mut wide_guard) = (value.lock().expect("free"), wide.lock().expect("free"));
    *guard = 2;
    wide_guard[7] = 2;
    let mut guards = Some((guard, wide_guard));
    let still_held = || {
        assert_eq!(value.holder().and_then(|holder| holder.pid), Some(own));
        assert_eq!(wide.holder().and_then(|holder| holder.pid), Some(own));
        assert_eq!(
            (value.load(), wide.load()),
            (1, [1; 8]),
            "nothing is committed"
        );
    };
    let ended_well = |status| assert!(matches!(status, WaitStatus::Exited(_, 0)), "{status:?}");

    ended_well(in_forked_child(|| {}));
    still_held();
    ended_well(in_forked_child(|| {
        drop(guards.take());
        still_held();
    }));
    still_held();
    ended_well(in_forked_child(|| {
        still_held();
        for refused in [
            value.try_lock(),
            value.lock_timeout(Duration::from_millis(50)),
        ] {
            match refused {
                Err(LockError::WouldBlock(holder) | LockError::TimedOut { holder, .. }) => {
                    assert_eq!(holder.pid, Some(own));
                }
                other => panic!("{other:?}"),
            }
        }
        // Other locks are the child's to take, and its death frees them.
        let other = segment.value("other", 1i64).expect("there is room");
        std::mem::forget(other.lock().expect("it is free"));
    }));
    still_held();
    let other = segment
        .open_value::<i64>("other")
        .expect("the child made it");
    assert!(ValueGuard::owner_died(
        &other.try_lock().expect("its holder died")
    ));

    drop(guards.take());
    assert_eq!((value.load(), wide.load()[7]), (2, 2));
    ended_well(in_forked_child(|| {
        value.fetch_add(1).expect("it is free");
        // Neither unlinks nor unmaps anything of the parent's.
        drop(segment.clone());
    }));
    assert_eq!(value.fetch_add(1), Ok(3));
    assert_eq!(value.recoveries(), 0);
    assert!(segment.remove().expect("it still has its name"));
}

/// Argument 0 names a segment with a number `value`, which is one more when it is released.
pub fn hold(parent: Parent) {
    let segment = Segment::open(parent.argument(0)).expect("it is there");
    let value = segment.open_value::<i64>("value").expect("it is there");
    let mut guard = value.lock().expect("it is free");
    *guard += 1;
    parent.ready();
}

pub fn exec_frees_what_was_held() {
    let scratch = Scratch::new("exec");
    let segment = Segment::create(scratch.name()).expect("the name is new");
    let value = segment.value("value", 1i64).expect("there is room");
    let mut holder = Process::start("death::hold_and_exec", &[scratch.name()]);
    holder.expect("ready");
    let pid = value.holder().and_then(|found| found.pid);
    assert_eq!(pid, Some(holder.id()));
    holder.tell("go");
    holder.expect("here");
    let guard = value.lock().expect("exec freed it");
    assert!(ValueGuard::owner_died(&guard));
    assert_eq!(*guard, 1, "nothing was committed");
    holder.tell("go");
    holder.succeed();
}

/// Argument 0 names the segment.
pub fn hold_and_exec(parent: Parent) {
    let segment = Segment::open(parent.argument(0)).expect("it is there");
    let value = segment.open_value::<i64>("value").expect("it is there");
    let mut guard = value.lock().expect("it is free");
    *guard = 5;
    parent.ready();
    let test = nix::unistd::getppid().to_string();
    let program = std::env::current_exe().expect("/proc is mounted");
    let refused = Command::new(program)
        .args(["--act", "death::sit", &test])
        .exec();
    panic!("{refused}");
}

/// Lives, and does nothing.
pub fn sit(parent: Parent) {
    parent.tell("here");
    parent.hear();
}

pub fn the_end_of_a_thread_frees_what_it_held() {
    let scratch = Scratch::new("thread");
    let segment = Segment::create(scratch.name()).expect("the name is new");
    let value = segment.value("value", 1i64).expect("there is room");
    thread::scope(|scope| {
        let (held, is_held) = mpsc::channel();
        let (end, may_end) = mpsc::channel::<()>();
        let value = &value;
        scope.spawn(move || {
            let mut guard = value.lock().expect("it is free");
            *guard = 5;
            std::mem::forget(guard);
            held.send(gettid().as_raw() as u32)
                .expect("it is waited for");
            may_end.recv().expect("it is told");
        });
        let tid = is_held.recv().expect("it gets the lock");
        match value.lock_timeout(Duration::from_millis(100)) {
            Err(LockError::TimedOut { holder, .. }) => {
                assert_eq!((holder.tid, holder.pid), (tid, Some(std::process::id())));
            }
            other => panic!("{other:?}"),
        }
        end.send(()).expect("it waits");
        // Waits for the thread's death in the kernel, not for its join.
        let guard = value.lock().expect("its end frees it");
        assert!(ValueGuard::owner_died(&guard));
        assert_eq!(*guard, 1);
    });
}

pub fn a_forgotten_guard_keeps_lock_and_memory_until_its_thread_ends() {
    for damaged in ["whole", "damaged", "shortened"] {
        let scratch = Scratch::new("forgotten");
        let segment = Segment::create(scratch.name()).expect("the name is new");
        let value = segment.value("value", 1i64).expect("there is room");
        let mut holder = Process::start("death::forget_guard", &[scratch.name()]);
        holder.expect("ready");
        // What the directory says by now must not matter.
        let used = match damaged {
            "whole" => None,
            "damaged" => Some(u64::MAX),
            _ => Some(FIRST_ENTRY),
        };
        let file = File::options().write(true).open(scratch.path());
        if let Some(used) = used {
            let file = file.expect("it is there");
            file.write_all_at(&used.to_ne_bytes(), USED)
                .expect("there is room");
        }
        holder.tell("go");
        holder.expect("ready");
        assert_eq!(value.holder().map(|found| found.tid), Some(holder.id()));
        holder.tell("go");
        holder.succeed();
        let freed = value.lock_timeout(Duration::from_secs(30));
        assert!(ValueGuard::owner_died(&freed.expect("its end freed it")));
        assert_eq!(value.load(), 1);
    }
}

/// Argument 0 names the segment.
pub fn forget_guard(parent: Parent) {
    let segment = Segment::open(parent.argument(0)).expect("it is there");
    let value = segment.open_value::<i64>("value").expect("it is there");
    std::mem::forget(value.lock().expect("it is free"));
    parent.ready();
    drop((value, segment));
    // The next lock is linked before the forgotten one, and writes into it.
    let scratch = Scratch::new("forgetful");
    let other = Segment::create(scratch.name()).expect("the name is new");
    let other = other.value("value", 1i64).expect("there is room");
    for _ in 0..10 {
        *other.lock().expect("it is free") += 1;
    }
    parent.ready();
}

pub fn a_forgotten_guard_keeps_them_where_no_thread_may_be_asked_for() -> Result<(), Skipped> {
    needs_sandboxes()?;
    let scratch = Scratch::new("unasked");
    let segment = Segment::create(scratch.name()).expect("the name is new");
    let value = segment.value("value", 1i64).expect("there is room");
    let mut holder = Process::start("death::forget_guard_unasked", &[scratch.name()]);
    for _ in 0..2 {
        holder.expect("ready");
        assert_eq!(value.holder().map(|found| found.tid), Some(holder.id()));
        holder.tell("go");
    }
    holder.succeed();
    let freed = value.lock_timeout(Duration::from_secs(30));
    assert!(ValueGuard::owner_died(&freed.expect("its end freed it")));
    Ok(())
}

/// Argument 0 names the segment.
pub fn forget_guard_unasked(parent: Parent) {
    refuse([libc::SYS_tgkill], libc::EPERM).expect("it was tried before");
    forget_guard(parent);
}

pub fn a_process_whose_first_thread_has_ended_is_alive() {
    let mut process = Process::start("death::end_first_thread", &[]);
    process.expect("here");
    let stat = || std::fs::read_to_string(format!("/proc/{}/stat", process.id()));
    // The first thread says so before it ends.
    while !stat().expect("it is there").contains(") Z ") {
        thread::yield_now();
    }
    let start = shmcount::sys::process::start_time(process.id()).expect("it is there");
    let pid = process.id();
    let identity = Identity { pid, start };
    assert!(identity.is_alive());
    process.tell("end");
    process.expect("end");
    process.succeed();
    assert!(!identity.is_alive());
}

pub fn end_first_thread(parent: Parent) {
    thread::spawn(move || {
        parent.tell("here");
        parent.tell(&parent.hear());
        std::process::exit(0);
    });
    // SAFETY: ends this thread alone; nothing that lives on its stack is used by the other.
    unsafe { libc::syscall(libc::SYS_exit, 0) };
}
