//! The lock: one at a time, nobody forgotten.

use std::sync::Arc;

use loom::cell::UnsafeCell;
use shmcount::raw::robust_lock::{Acquired, Refused};
use shmcount::sys::clock::{self, Deadline};
use shmcount::sys::robust_list::Thread;

use crate::model::{Shared, check, first, join, spawn};

/// A lock and a number that only its owner touches. Loom panics when two accesses to the number are
/// not ordered, so it sees a lock that lets two in and one that orders nothing.
#[derive(Clone)]
struct Witnessed {
    lock: Shared<u64>,
    inside: Arc<UnsafeCell<u64>>,
}

impl Witnessed {
    fn new() -> Self {
        Self {
            lock: Shared::new(0),
            inside: Arc::new(UnsafeCell::new(0)),
        }
    }

    fn raise(&self) {
        // SAFETY: the caller holds the lock; that this orders all accesses is what loom checks.
        self.inside.with_mut(|inside| unsafe { *inside += 1 });
    }

    fn lock_and_raise(&self, me: Thread) {
        let (_, acquired) = self.lock.view().lock(me, None).expect("it is not held");
        assert_eq!(acquired, Acquired::Clean);
        self.raise();
        // SAFETY: this thread has taken it.
        unsafe { self.lock.view().unlock(me, &0, false) };
    }

    fn raised(&self, me: Thread) -> u64 {
        let _ = self.lock.view().lock(me, None).expect("it is not held");
        // SAFETY: as in `raise`.
        self.inside.with(|inside| unsafe { *inside })
    }
}

#[test]
fn two_threads_two_rounds_are_never_inside_together() {
    check("2 lockers x2", [4, 6], || {
        let witnessed = Witnessed::new();
        let me = first();
        let other = spawn({
            let witnessed = witnessed.clone();
            move |me| (0..2).for_each(|_| witnessed.lock_and_raise(me))
        });
        (0..2).for_each(|_| witnessed.lock_and_raise(me));
        join([other]);
        assert_eq!(witnessed.raised(me), 4);
    });
}

/// Loom reports a sleeper that nobody wakes as a deadlock.
#[test]
fn three_threads_are_never_inside_together_and_none_sleeps_for_ever() {
    check("3 lockers", [3, 4], || {
        let witnessed = Witnessed::new();
        let me = first();
        let others: [_; 2] = std::array::from_fn(|_| {
            let witnessed = witnessed.clone();
            spawn(move |me| witnessed.lock_and_raise(me))
        });
        witnessed.lock_and_raise(me);
        join(others);
        assert_eq!(witnessed.raised(me), 3);
    });
}

#[test]
fn try_lock_gets_it_or_says_who_has_it() {
    check("1 locker, 2 that try", [3, 4], || {
        let witnessed = Witnessed::new();
        let me = first();
        let others: [_; 2] = std::array::from_fn(|_| {
            let witnessed = witnessed.clone();
            spawn(move |me| match witnessed.lock.view().try_lock(me) {
                Ok((_, acquired)) => {
                    assert_eq!(acquired, Acquired::Clean);
                    witnessed.raise();
                    // SAFETY: this thread has taken it.
                    unsafe { witnessed.lock.view().unlock(me, &0, false) };
                    1
                }
                Err(Refused::WouldBlock(owner)) => {
                    assert!((1..=3).contains(&owner) && owner != me.tid());
                    0
                }
                Err(other) => panic!("{other:?}"),
            })
        });
        witnessed.lock_and_raise(me);
        let raised: u64 = join(others).iter().sum();
        assert_eq!(witnessed.raised(me), 1 + raised);
    });
}

#[test]
fn a_holder_is_refused_its_own_lock() {
    check("1 holder, 1 locker", [4, 6], || {
        let witnessed = Witnessed::new();
        let me = first();
        let other = spawn({
            let witnessed = witnessed.clone();
            move |me| witnessed.lock_and_raise(me)
        });
        let view = witnessed.lock.view();
        let _ = view.lock(me, None).expect("it is not held");
        assert_eq!(view.lock(me, None), Err(Refused::HeldByCaller));
        assert_eq!(view.try_lock(me), Err(Refused::HeldByCaller));
        // SAFETY: this thread has taken it.
        unsafe { view.unlock(me, &0, false) };
        join([other]);
    });
}

#[test]
fn a_wait_that_runs_out_takes_nobodys_wake_up() {
    check("2 lockers, 1 that gives up", [2, 3], || {
        let witnessed = Witnessed::new();
        let me = first();
        let patient = spawn({
            let witnessed = witnessed.clone();
            move |me| witnessed.lock_and_raise(me)
        });
        let timed = spawn({
            let witnessed = witnessed.clone();
            move |me| match witnessed.lock.view().lock(me, Some(Deadline)) {
                // SAFETY: this thread has taken it.
                Ok(_) => unsafe { witnessed.lock.view().unlock(me, &0, false) },
                Err(refused) => assert!(matches!(refused, Refused::TimedOut(_))),
            }
        });
        let _ = witnessed
            .lock
            .view()
            .lock(me, None)
            .expect("it is not held");
        clock::strike();
        // SAFETY: this thread has taken it.
        unsafe { witnessed.lock.view().unlock(me, &0, false) };
        join([patient]);
        join([timed]);
    });
}
