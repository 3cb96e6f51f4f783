//! Committed values: nothing lost, nothing torn.

use shmcount::raw::committed::Committed;
use shmcount::sys::robust_list::Thread;

use crate::model::{Shared, check, first, join, spawn};

/// Two words that every commit keeps equal: too large for one store.
type Pair = [u64; 2];

fn add_one(counter: Committed<'_, u64>, me: Thread) {
    let add = |value| (Some(value + 1), ());
    counter.modify(me, None, add).expect("it is not held");
}

fn raise(pair: Committed<'_, Pair>, me: Thread) {
    let raise = |[one, other]: Pair| {
        assert_eq!(one, other, "the owner's copy is torn");
        (Some([one + 1, other + 1]), ())
    };
    pair.modify(me, None, raise).expect("it is not held");
}

#[test]
fn three_threads_count_exactly() {
    check("3 adders", [3, 4], || {
        let counter = Shared::new(0u64);
        let me = first();
        let others: [_; 2] = std::array::from_fn(|_| {
            let counter = counter.clone();
            spawn(move |me| add_one(counter.view(), me))
        });
        add_one(counter.view(), me);
        join(others);
        assert_eq!(counter.view().load(), 3);
    });
}

#[test]
fn a_reader_sees_a_small_value_only_rise() {
    check("2 adders, 1 reader x2", [3, 4], || {
        let counter = Shared::new(0u64);
        let me = first();
        let others: [_; 2] = std::array::from_fn(|_| {
            let counter = counter.clone();
            spawn(move |me| add_one(counter.view(), me))
        });
        let [before, after] = std::array::from_fn(|_| counter.view().load());
        assert!(before <= after && after <= 2);
        join(others);
        add_one(counter.view(), me);
        assert_eq!(counter.view().load(), 3);
    });
}

/// Two commits: the second goes to the place that the reader may still be reading.
#[test]
fn a_large_value_is_never_torn_for_a_reader_past_whom_go_two_commits() {
    check("1 writer x2, 1 reader x2", [3, 4], || {
        let pair = Shared::new([0u64; 2]);
        first();
        let writer = spawn({
            let pair = pair.clone();
            move |me| (0..2).for_each(|_| raise(pair.view(), me))
        });
        let mut last = 0;
        for _ in 0..2 {
            let [one, other] = pair.view().load();
            assert_eq!(one, other, "torn");
            assert!(last <= one, "an older value after a newer one");
            last = one;
        }
        join([writer]);
        assert_eq!(pair.view().load(), [2, 2]);
    });
}

#[test]
fn a_large_value_is_never_torn_by_two_writers() {
    check("2 writers, 1 reader", [3, 4], || {
        let pair = Shared::new([0u64; 2]);
        first();
        let writers: [_; 2] = std::array::from_fn(|_| {
            let pair = pair.clone();
            spawn(move |me| raise(pair.view(), me))
        });
        let [one, other] = pair.view().load();
        assert_eq!(one, other, "torn");
        join(writers);
        assert_eq!(pair.view().load(), [2, 2]);
    });
}
