//! Lets all workers start adding at one moment.
//!
//! Two values: how many threads have arrived, and when the gate opened. Who waits sleeps on the second
//! only, so that an arrival wakes nobody. The last one to arrive opens it; killed before it does, the
//! one that takes its place comes to it again. A worker that is killed is noticed by its end, not here.

#[cfg(feature = "cli")]
use std::time::Duration;

use crate::segment::{Error, Segment};
use crate::sync::{LockError, Value};
use crate::sys::clock;

/// `opened_ns` of a gate that is closed.
const CLOSED: u64 = 0;

/// The gate of a run.
#[derive(Debug)]
pub(crate) struct Gate {
    arrived: Value<u64>,
    opened_ns: Value<u64>,
}

impl Gate {
    /// Opens the run's gate, or makes it, closed.
    pub(crate) fn new(segment: &Segment) -> Result<Self, Error> {
        Ok(Self {
            arrived: segment.value("arrived", 0)?,
            opened_ns: segment.value("opened", CLOSED)?,
        })
    }

    /// Says that a thread stands before the gate. The last of `all` opens it, for ever: who takes
    /// a killed worker's place finds it open.
    pub(crate) fn arrive(&self, all: u64) -> Result<(), LockError> {
        let arrived = self.arrived.update(|arrived| {
            *arrived += 1;
            *arrived
        })?;
        if arrived >= all {
            // Refused where it is open already: once a worker is replaced, more than all arrive.
            let _ = self
                .opened_ns
                .compare_exchange(CLOSED, clock::monotonic_ns())?;
        }
        Ok(())
    }

    /// Waits until the gate is open.
    pub(crate) fn pass(&self) {
        let is_open = |opened: &u64| *opened != CLOSED;
        // Without a timeout this returns when it is open.
        let _ = self.opened_ns.wait_until(is_open, None);
    }

    /// Waits until the gate is open; tells whether it is.
    #[cfg(feature = "cli")]
    pub(crate) fn pass_within(&self, timeout: Duration) -> bool {
        let is_open = |opened: &u64| *opened != CLOSED;
        self.opened_ns.wait_until(is_open, Some(timeout)).is_ok()
    }

    /// Returns when the gate was opened, in nanoseconds of the monotonic clock.
    pub(crate) fn opened_ns(&self) -> Option<u64> {
        match self.opened_ns.load() {
            CLOSED => None,
            opened => Some(opened),
        }
    }
}
