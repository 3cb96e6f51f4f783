//! Repairing a count of sleepers that is too high. A model repairs at every wake-up that woke nobody:
//! whoever registered and got the lock without sleeping gives cause enough.

use shmcount::raw::committed::Committed;
use shmcount::sys::robust_list::Thread;

use crate::model::{Shared, check, first, join, spawn};

fn add_one(counter: Committed<'_, u64>, me: Thread) {
    let add = |value| (Some(value + 1), ());
    counter.modify(me, None, add).expect("it is not held");
}

#[test]
fn a_repair_forgets_nobody_of_two() {
    check("2 adders x2, repairs", [4, 6], || {
        let counter = Shared::new(0u64);
        let me = first();
        let other = spawn({
            let counter = counter.clone();
            move |me| (0..2).for_each(|_| add_one(counter.view(), me))
        });
        (0..2).for_each(|_| add_one(counter.view(), me));
        join([other]);
        assert_eq!(counter.view().load(), 4);
    });
}
