//! What loom must find: each twin differs from the sketch in one thing, and the sketch is right.

use std::sync::Arc;

use loom::thread;

use crate::model::check;
use crate::sketch::{Fault, SketchedLock, SketchedPair};

fn lock(fault: Option<Fault>) {
    check(
        &format!("3 visitors of a sketch, {fault:?}"),
        [2, 3],
        move || {
            let lock = Arc::new(SketchedLock::new(fault));
            let others: [_; 2] = std::array::from_fn(|_| {
                let lock = lock.clone();
                thread::spawn(move || lock.visit())
            });
            lock.visit();
            crate::model::join(others);
        },
    );
}

fn read(fault: Option<Fault>) {
    check(
        &format!("1 writer x2 of a sketch, {fault:?}"),
        [3, 4],
        move || {
            let pair = Arc::new(SketchedPair::new(fault));
            let writer = thread::spawn({
                let pair = pair.clone();
                move || (1..=2).for_each(|value| pair.commit([value, value]))
            });
            let [one, other] = pair.load();
            assert_eq!(one, other, "torn");
            crate::model::join([writer]);
        },
    );
}

#[test]
fn the_sketches_are_right() {
    lock(None);
    read(None);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_release_that_orders_nothing_is_caught() {
    lock(Some(Fault::RelaxedRelease));
}

#[test]
#[should_panic(expected = "deadlock")]
fn a_release_without_a_barrier_before_the_look_is_caught() {
    lock(Some(Fault::ReleaseWithoutBarrier));
}

#[test]
#[should_panic(expected = "deadlock")]
fn a_sleeper_that_does_not_look_again_is_caught() {
    lock(Some(Fault::SleepWithoutSecondLook));
}

#[test]
#[should_panic(expected = "deadlock")]
fn a_sleeper_that_queues_on_the_word_first_is_caught() {
    lock(Some(Fault::WordQueuedFirst));
}

#[test]
#[should_panic(expected = "torn")]
fn a_copy_without_the_sequence_check_is_caught() {
    read(Some(Fault::ReadWithoutCheck));
}

#[test]
#[should_panic(expected = "torn")]
fn a_check_that_may_come_before_the_copy_is_caught() {
    read(Some(Fault::CheckWithoutFence));
}

#[test]
#[should_panic(expected = "torn")]
fn a_commit_that_publishes_nothing_is_caught() {
    read(Some(Fault::RelaxedCommit));
}

#[test]
#[should_panic(expected = "torn")]
fn a_write_that_may_come_before_the_last_commit_is_caught() {
    read(Some(Fault::WriteWithoutFence));
}
