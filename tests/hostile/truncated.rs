//! A file that is cut while others have it mapped.
//!
//! Whoever then touches memory that is no longer there is killed by SIGBUS, as with any mapped
//! file. There is no sound way around it: only a memfd can be sealed against shrinking, and that
//! has no name that others could open; a length looked at before each access may have changed
//! by the access; a handler for SIGBUS belongs to the program, not to a library. Segments have
//! mode 0600, so who can cut one can as well send a signal.

use std::os::unix::process::ExitStatusExt;

use nix::sys::signal::Signal;
use shmcount::{LockError, Segment};

use crate::files::file_of;
use crate::stage::{Parent, Process, Scratch};

pub fn who_uses_a_segment_that_was_cut_is_killed_by_sigbus() {
    for operation in ["load", "add", "entries", "make"] {
        let scratch = Scratch::new("cut");
        let segment = Segment::create(scratch.name()).expect("the name is new");
        segment.value("number", 1i64).expect("there is room");
        let mut victim = Process::start("truncated::touch", &[scratch.name(), operation]);
        victim.expect("ready");
        file_of(&scratch).set_len(0).expect("it is ours");
        victim.tell("go");
        let status = victim.end();
        assert_eq!(
            status.signal(),
            Some(Signal::SIGBUS as i32),
            "{operation}: {status}"
        );
        // Its own drop would look at who holds a lock there.
        std::mem::forget(segment);
    }
}

/// Argument 0 names the segment, argument 1 what to do with it.
pub fn touch(parent: Parent) {
    let segment = Segment::open(parent.argument(0)).expect("it is whole");
    let number = segment.open_value::<i64>("number").expect("it is there");
    parent.ready();
    match parent.argument(1) {
        "load" => drop(number.load()),
        "add" => drop(number.fetch_add(1)),
        "entries" => drop(segment.entries()),
        "make" => drop(segment.value("new", 1i64)),
        other => panic!("{other} is no operation"),
    }
}

pub fn who_is_killed_by_sigbus_leaves_its_other_locks_free() {
    assert!(is_free_after_sigbus("held-elsewhere"));
}

/// A limit, written down: the kernel walks a dead thread's list from the newest lock to the
/// oldest and stops where it cannot read. What was taken before a lock that is gone stays taken.
pub fn a_held_lock_that_was_cut_off_hides_older_ones_from_the_kernel() {
    assert!(!is_free_after_sigbus("held-in-both"));
}

/// Has a process hold a lock in one segment and touch another, which was cut; tells whether the
/// lock is free again.
fn is_free_after_sigbus(how: &str) -> bool {
    let (cut, whole) = (Scratch::new("cut"), Scratch::new("whole"));
    let cut_segment = Segment::create(cut.name()).expect("the name is new");
    let segment = Segment::create(whole.name()).expect("the name is new");
    let lock = segment.lock("lock").expect("there is room");
    let names = [cut.name(), whole.name(), how];
    let mut victim = Process::start("truncated::hold_and_touch", &names);
    victim.expect("ready");
    file_of(&cut).set_len(0).expect("it is ours");
    victim.tell("go");
    let id = victim.id();
    assert_eq!(victim.end().signal(), Some(Signal::SIGBUS as i32));
    std::mem::forget(cut_segment);
    match lock.try_lock() {
        Ok(guard) => {
            assert!(guard.owner_died());
            true
        }
        Err(LockError::WouldBlock(holder)) => {
            assert_eq!(holder.tid, id);
            false
        }
        Err(other) => panic!("{other}"),
    }
}

/// Argument 0 names the segment that will be cut, argument 1 the other, argument 2 where to hold.
pub fn hold_and_touch(parent: Parent) {
    let cut = Segment::open(parent.argument(0)).expect("it is whole");
    let whole = Segment::open(parent.argument(1)).expect("it is whole");
    let lock = whole.lock("lock").expect("it is there");
    let _held = lock.lock().expect("it is free");
    let number = cut.value("number", 1i64).expect("there is room");
    let also_held = (parent.argument(2) == "held-in-both").then(|| number.lock());
    parent.ready();
    let _ = number.load();
    drop(also_held);
}
