//! Every scenario there is. An object joins with a line: how it is made, what is done to it, and
//! what that makes of its state.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use shmcount::{Release, Value};

use super::scenario::{Scenario, lock_scenarios, value_cast, watch_scenarios};

type Large = [u64; 16];

const EXCHANGE: Release = Release::Exchange;
const PLAIN: Release = Release::Plain;

macro_rules! for_both_releases {
    ($scenarios:ident, $of:ident, $operation:literal, $initial:expr, $act:expr, $next:expr) => {
        $scenarios.extend($of($operation, "exchange", || {
            value_cast(EXCHANGE, $initial, $act, $next)
        }));
        $scenarios.extend($of($operation, "plain", || {
            value_cast(PLAIN, $initial, $act, $next)
        }));
    };
}

pub fn scenarios() -> Vec<Scenario> {
    let mut all = Vec::new();
    for_both_releases!(all, lock_scenarios, "fetch_add", 7i64, add, |n| n + 5);
    for_both_releases!(all, lock_scenarios, "guard of a small value", 7i64, add_by_guard, |n| n + 5);
    for_both_releases!(all, lock_scenarios, "guard of a large value", [1; 16], add_to_all, next_of_all);
    for_both_releases!(all, lock_scenarios, "store of a large value", [1; 16], store, |_| [2; 16]);
    for_both_releases!(all, lock_scenarios, "guard dropped by a panic", 7i64, panic_inside, |n| n);
    for_both_releases!(all, watch_scenarios, "fetch_add", 7i64, add, |n| n + 5);
    for_both_releases!(all, watch_scenarios, "guard of a large value", [1; 16], add_to_all, next_of_all);
    all
}

fn add(value: &Value<i64>) {
    value.fetch_add(5).expect("no overflow, not held");
}

fn add_by_guard(value: &Value<i64>) {
    *value.lock().expect("not held") += 5;
}

fn add_to_all(value: &Value<Large>) {
    let mut guard = value.lock().expect("not held");
    guard.iter_mut().for_each(|word| *word += 1);
}

fn next_of_all(all: Large) -> Large {
    all.map(|word| word + 1)
}

fn store(value: &Value<Large>) {
    value.store([2; 16]).expect("not held");
}

fn panic_inside(value: &Value<i64>) {
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let mut guard = value.lock().expect("not held");
        *guard = 99;
        // Without the panic hook, whose message is not part of what is killed.
        resume_unwind(Box::new(()));
    }));
    assert!(outcome.is_err());
}
