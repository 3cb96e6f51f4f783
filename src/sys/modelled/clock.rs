//! Time: a moment that every deadline has, and that comes when a thread of the model says so.

use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::time::Duration;

use loom::sync::Mutex;

use super::futex::Sleeper;

/// A moment that has come once the clock has [struck](strike).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline;

impl Deadline {
    /// Returns the moment.
    pub fn after(_timeout: Duration) -> Self {
        Self
    }

    /// Tells whether the clock has struck.
    pub fn has_passed(self) -> bool {
        with_clock(|clock| clock.has_struck)
    }

    /// Returns the moment.
    pub fn or_within(_this: Option<Self>, _slice: Duration) -> Self {
        Self
    }
}

/// Lets every deadline pass, once in a model.
pub fn strike() {
    with_clock(|clock| {
        clock.has_struck = true;
        clock.sleepers.drain(..).for_each(|sleeper| sleeper.call());
    });
}

/// Has the sleeper called when the clock strikes; tells whether that is still to come.
pub(super) fn call_at_deadline(sleeper: &Arc<Sleeper>) -> bool {
    with_clock(|clock| {
        if !clock.has_struck {
            clock.sleepers.push(sleeper.clone());
        }
        !clock.has_struck
    })
}

#[derive(Default)]
struct Clock {
    has_struck: bool,
    sleepers: Vec<Arc<Sleeper>>,
}

loom::lazy_static! {
    static ref CLOCK: Mutex<Clock> = Mutex::default();
}

/// Never dropped by unwinding, as a futex queue.
fn with_clock<R>(work: impl FnOnce(&mut Clock) -> R) -> R {
    let mut clock = ManuallyDrop::new(CLOCK.lock().expect("loom's never poisons"));
    let result = work(&mut clock);
    drop(ManuallyDrop::into_inner(clock));
    result
}
