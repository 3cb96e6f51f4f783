//! Lets all workers start adding at one moment.
//!
//! One committed value: how many threads stand before the gate, and whether it is open. A worker
//! that is killed before it was noticed by its end, not here.

#[cfg(feature = "cli")]
use std::time::Duration;

use bytemuck::{Pod, Zeroable};

use crate::segment::{Error, Segment};
use crate::sync::{LockError, Value};

const NAME: &str = "gate";

#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
struct State {
    arrived: u32,
    open: u32,
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
            open: 0,
        };
        Ok(Self {
            state: segment.value(NAME, closed)?,
        })
    }

    /// Says that a thread stands before the gate.
    pub(crate) fn arrive(&self) -> Result<(), LockError> {
        self.state.update(|state| state.arrived += 1)
    }

    /// Waits until the gate is open.
    pub(crate) fn pass(&self) {
        let _ = self.state.wait_until(|state| state.open == 1, None);
    }

    /// Tells whether that many threads stand before the gate.
    pub(crate) fn has(&self, threads: u64) -> bool {
        u64::from(self.state.load().arrived) >= threads
    }

    /// Waits until that many threads stand before the gate; tells whether they do.
    #[cfg(feature = "cli")]
    pub(crate) fn wait_for(&self, threads: u64, timeout: Duration) -> bool {
        let all_arrived = |state: &State| u64::from(state.arrived) >= threads;
        self.state.wait_until(all_arrived, Some(timeout)).is_ok()
    }

    /// Opens it, for ever.
    pub(crate) fn open(&self) -> Result<(), LockError> {
        self.state.update(|state| state.open = 1)
    }
}
