//! Lets all workers start adding at one moment.
//!
//! One committed value: how many threads stand before the gate, and when it opened. The last one to
//! arrive opens it. A worker that is killed before is noticed by its end, not here.

#[cfg(feature = "cli")]
use std::time::Duration;

use bytemuck::{Pod, Zeroable};

use crate::segment::{Error, Segment};
use crate::sync::{LockError, Value};
use crate::sys::clock;

const NAME: &str = "gate";
/// `opened_ns` of a gate that is closed.
const CLOSED: u64 = 0;

#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
struct State {
    arrived: u64,
    opened_ns: u64,
}

/// The gate of a run.
#[derive(Debug)]
pub(crate) struct Gate {
    state: Value<State>,
}

impl Gate {
    /// Opens the run's gate object, or makes it, closed.
    pub(crate) fn new(segment: &Segment) -> Result<Self, Error> {
        let closed = State {
            arrived: 0,
            opened_ns: CLOSED,
        };
        Ok(Self {
            state: segment.value(NAME, closed)?,
        })
    }

    /// Says that a thread stands before the gate. The last of `all` opens it, for ever: who takes
    /// a killed worker's place finds it open.
    pub(crate) fn arrive(&self, all: u64) -> Result<(), LockError> {
        self.state.update(|state| {
            state.arrived += 1;
            if state.arrived == all {
                state.opened_ns = clock::monotonic_ns();
            }
        })
    }

    /// Waits until the gate is open.
    pub(crate) fn pass(&self) {
        let is_open = |state: &State| state.opened_ns != CLOSED;
        // Without a timeout this returns when it is open.
        let _ = self.state.wait_until(is_open, None);
    }

    /// Waits until the gate is open; tells whether it is.
    #[cfg(feature = "cli")]
    pub(crate) fn pass_within(&self, timeout: Duration) -> bool {
        let is_open = |state: &State| state.opened_ns != CLOSED;
        self.state.wait_until(is_open, Some(timeout)).is_ok()
    }

    /// Returns when the gate was opened, in nanoseconds of the monotonic clock.
    pub(crate) fn opened_ns(&self) -> Option<u64> {
        match self.state.load().opened_ns {
            CLOSED => None,
            opened => Some(opened),
        }
    }
}
