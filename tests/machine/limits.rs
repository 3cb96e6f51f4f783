//! What one thread may hold.

use std::time::Duration;

use shmcount::{AddError, LockError, Segment};

use crate::stage::{Parent, Process, Scratch};

/// The kernel follows 2,048 links of a dead thread; some are left to the program's own mutexes.
const MOST: usize = 2_000;
/// Of an object with its directory entry.
const OBJECT: usize = 128 + 64;

pub fn the_lock_too_many_is_refused_and_death_frees_all_the_others() {
    let scratch = Scratch::new("most");
    let options = Segment::options().capacity((MOST + 1) * OBJECT);
    let segment = options.create(scratch.name()).expect("there is room");
    let locks = (0..=MOST).map(|i| segment.lock(&format!("lock-{i}")));
    let locks: Vec<_> = locks.collect::<Result<_, _>>().expect("there is room");
    let mut holder = Process::start("limits::hold_most", &[scratch.name()]);
    holder.expect("ready");
    for lock in &locks[..MOST] {
        assert_eq!(lock.holder().map(|holder| holder.tid), Some(holder.id()));
    }
    assert_eq!(locks[MOST].holder(), None);
    holder.kill();
    for lock in &locks[..MOST] {
        assert!(lock.try_lock().expect("the kernel freed it").owner_died());
    }
    assert!(segment.remove().expect("it is ours"));
}

/// Argument 0 names the segment.
pub fn hold_most(parent: Parent) {
    let segment = Segment::open(parent.argument(0)).expect("it is there");
    let locks = (0..=MOST).map(|i| segment.lock(&format!("lock-{i}")));
    let locks: Vec<_> = locks.collect::<Result<_, _>>().expect("they are there");
    let guards = locks[..MOST].iter().map(|lock| lock.lock());
    let mut guards: Vec<_> = guards
        .collect::<Result<_, _>>()
        .expect("there is room for them");
    let (last, soon) = (&locks[MOST], Duration::from_secs(1));
    for refused in [last.lock(), last.try_lock(), last.lock_timeout(soon)] {
        assert!(
            matches!(refused, Err(LockError::TooManyHeld(_))),
            "{refused:?}"
        );
    }
    // One for another.
    drop(guards.swap_remove(MOST / 2));
    drop(last.lock().expect("there is room for one more"));
    guards.push(locks[MOST / 2].lock().expect("and again"));
    parent.ready();
}

pub fn a_lock_taken_twice_by_one_thread_is_an_error() {
    let scratch = Scratch::new("twice");
    let segment = Segment::create(scratch.name()).expect("the name is new");
    let value = segment.value("value", 1i64).expect("there is room");
    // Another handle of the same object, through another mapping.
    let again = Segment::open(scratch.name()).expect("it is there");
    let again = again.open_value::<i64>("value").expect("it is there");
    let guard = value.lock().expect("it is free");
    for handle in [&value, &again] {
        let timeout = Duration::from_secs(60);
        for refused in [
            handle.lock(),
            handle.try_lock(),
            handle.lock_timeout(timeout),
        ] {
            let refused = refused.expect_err("this thread holds it");
            assert_eq!(refused, LockError::HeldByCaller);
        }
        let added = handle.fetch_add(1);
        assert_eq!(added, Err(AddError::Lock(LockError::HeldByCaller)));
        assert_eq!(handle.store(5), Err(LockError::HeldByCaller));
    }
    drop(guard);
    assert_eq!(again.fetch_add(1), Ok(1));
    assert_eq!(value.load(), 2);
}
