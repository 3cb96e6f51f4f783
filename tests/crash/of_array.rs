//! Arrays: what is changed in place is undone, whoever is killed and wherever, the undoing one included.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use shmcount::{Array, ArrayGuard, Release};

use super::scenario::{Scenario, few_lock_scenarios, lock_scenarios};
use super::situations::Cast;
use super::subject::{Stage, Subject};

const LENGTH: usize = 4;
const INITIAL: [i64; LENGTH] = [1, 2, 3, 4];

type Operation = fn(&Array<i64>);

/// An array on a stage, and what is done to it.
pub struct StagedArray {
    array: Array<i64>,
    stage: Stage,
    operation: Operation,
}

impl Subject for StagedArray {
    type State = [i64; LENGTH];
    type Held<'a> = ArrayGuard<'a, i64>;

    fn operate(&self) {
        (self.operation)(&self.array);
    }

    fn load(&self) -> [i64; LENGTH] {
        let elements = self.array.snapshot();
        elements.try_into().expect("as long as it was made")
    }

    fn hold(&self) -> ArrayGuard<'_, i64> {
        self.array.lock().expect("not held by this process")
    }

    fn try_hold(&self) -> Option<ArrayGuard<'_, i64>> {
        self.array.try_lock().ok()
    }

    fn is_held(&self) -> bool {
        self.array.holder().is_some()
    }

    fn hold_within(&self, timeout: Duration) -> Option<ArrayGuard<'_, i64>> {
        self.array.lock_timeout(timeout).ok()
    }

    fn digest(&self) -> u64 {
        self.stage.digest()
    }
}

fn cast(
    release: Release,
    operation: Operation,
    next: fn([i64; LENGTH]) -> [i64; LENGTH],
) -> Cast<StagedArray> {
    let make = move || {
        let stage = Stage::new(release);
        let array = stage.segment.array_from("main", &INITIAL);
        StagedArray {
            array: array.expect("there is room"),
            stage,
            operation,
        }
    };
    Cast {
        make: Box::new(make),
        initial: INITIAL,
        next,
    }
}

/// Returns the scenarios of arrays.
pub fn scenarios() -> Vec<Scenario> {
    let mut all = Vec::new();
    macro_rules! both_releases {
        ($scenarios_of:ident, $operation:literal, $act:expr, $next:expr) => {
            all.extend($scenarios_of($operation, "exchange", || {
                cast(Release::Exchange, $act, $next)
            }));
            all.extend($scenarios_of($operation, "plain", || {
                cast(Release::Plain, $act, $next)
            }));
        };
    }
    both_releases!(lock_scenarios, "array: fetch_add", add, |[a, b, c, d]| {
        [a, b, c + 5, d]
    });
    both_releases!(
        lock_scenarios,
        "array: guard of several elements",
        rotate_and_add,
        |[a, b, c, d]| [b, c, d + 1, a]
    );
    both_releases!(few_lock_scenarios, "array: store", store, |[a, b, c, _]| {
        [a, b, c, 9]
    });
    both_releases!(
        few_lock_scenarios,
        "array: guard discarded",
        discard,
        |all| all
    );
    both_releases!(
        few_lock_scenarios,
        "array: guard dropped by a panic",
        panic_inside,
        |all| all
    );
    all
}

fn add(array: &Array<i64>) {
    array.fetch_add(2, 5).expect("no overflow, not held");
}

fn store(array: &Array<i64>) {
    array.store(3, 9).expect("not held");
}

fn rotate_and_add(array: &Array<i64>) {
    let mut guard = array.lock().expect("not held");
    for index in 1..LENGTH {
        guard.swap(index - 1, index);
    }
    guard.update(2, |element| *element += 1);
}

fn discard(array: &Array<i64>) {
    let mut guard = array.lock().expect("not held");
    guard.fill(99);
    guard.discard();
}

fn panic_inside(array: &Array<i64>) {
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let mut guard = array.lock().expect("not held");
        guard.fill(99);
        // Without the panic hook, whose message is not part of what is killed.
        resume_unwind(Box::new(()));
    }));
    assert!(outcome.is_err());
}
