//! Waiting for a value: whoever sleeps for it hears of it.

use shmcount::raw::committed::Committed;
use shmcount::raw::watching::Unsatisfied;
use shmcount::sys::clock::{self, Deadline};
use shmcount::sys::robust_list::Thread;

use crate::model::{Shared, check, first, join, spawn};

fn add_one(counter: Committed<'_, u64>, me: Thread) {
    let add = |value| (Some(value + 1), ());
    counter.modify(me, None, add).expect("it is not held");
}

#[test]
fn a_watcher_wakes_at_the_second_of_two_commits() {
    check("1 adder x2, 1 watcher of 2", [3, 4], || {
        let counter = Shared::new(0u64);
        let me = first();
        let adder = spawn({
            let counter = counter.clone();
            move |me| (0..2).for_each(|_| add_one(counter.view(), me))
        });
        assert_eq!(
            counter.view().wait_until(me, |value| *value == 2, None),
            Ok(2)
        );
        join([adder]);
    });
}

#[test]
fn a_watcher_wakes_when_two_threads_commit() {
    check("2 adders, 1 watcher of 2", [2, 3], || {
        let counter = Shared::new(0u64);
        let me = first();
        let adders: [_; 2] = std::array::from_fn(|_| {
            let counter = counter.clone();
            spawn(move |me| add_one(counter.view(), me))
        });
        assert_eq!(
            counter.view().wait_until(me, |value| *value == 2, None),
            Ok(2)
        );
        join(adders);
    });
}

/// The second announcement must not hide the first.
#[test]
fn two_watchers_of_different_values_both_wake() {
    check("1 adder x2, watchers of 1 and 2", [1, 2], || {
        let counter = Shared::new(0u64);
        let me = first();
        let watchers = [1, 2].map(|target| {
            let counter = counter.clone();
            spawn(move |me| {
                let reached = counter
                    .view()
                    .wait_until(me, |value| *value >= target, None);
                assert!(reached.is_ok());
            })
        });
        (0..2).for_each(|_| add_one(counter.view(), me));
        join(watchers);
    });
}

#[test]
fn a_watcher_of_a_large_value_wakes_and_sees_it_whole() {
    check("1 writer, 1 watcher, large", [3, 5], || {
        let pair = Shared::new([0u64; 2]);
        let me = first();
        let writer = spawn({
            let pair = pair.clone();
            move |me| {
                let raise = |[one, other]: [u64; 2]| (Some([one + 1, other + 1]), ());
                pair.view().modify(me, None, raise).expect("it is not held");
            }
        });
        let reached = pair.view().wait_until(me, |[one, _]| *one == 1, None);
        assert_eq!(reached, Ok([1, 1]));
        join([writer]);
    });
}

#[test]
fn a_watcher_that_gives_up_takes_nothing_along() {
    check("1 adder, 2 watchers, 1 of them gives up", [2, 3], || {
        let counter = Shared::new(0u64);
        let me = first();
        let timed = spawn({
            let counter = counter.clone();
            move |me| {
                let seen = counter
                    .view()
                    .wait_until(me, |value| *value == 1, Some(Deadline));
                assert!([Ok(1), Err(Unsatisfied::TimedOut(0))].contains(&seen));
            }
        });
        let patient = spawn({
            let counter = counter.clone();
            move |me| {
                let seen = counter.view().wait_until(me, |value| *value == 1, None);
                assert_eq!(seen, Ok(1));
            }
        });
        clock::strike();
        add_one(counter.view(), me);
        join([timed]);
        join([patient]);
    });
}
