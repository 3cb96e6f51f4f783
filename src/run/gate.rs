//! Lets all workers start adding at one moment.
//!
//! One committed value: how many threads stand before the gate, and whether it is open. A worker
//! that is killed before it was noticed by its end, not here.

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
pub(super) struct Gate {
    state: Value<State>,
}

impl Gate {
    /// Opens the run's gate object, or makes it, closed.
    pub(super) fn new(segment: &Segment) -> Result<Self, Error> {
        let closed = State {
            arrived: 0,
            open: 0,
        };
        Ok(Self {
            state: segment.value(NAME, closed)?,
        })
    }

    /// Says that a thread stands before the gate.
    pub(super) fn arrive(&self) -> Result<(), LockError> {
        self.state.update(|state| state.arrived += 1)
    }

    /// Waits until the gate is open.
    pub(super) fn pass(&self) {
        let _ = self.state.wait_until(|state| state.open == 1, None);
    }

    /// Tells whether that many threads stand before the gate.
    pub(super) fn has(&self, threads: u64) -> bool {
        u64::from(self.state.load().arrived) >= threads
    }

    /// Opens it, for ever.
    pub(super) fn open(&self) -> Result<(), LockError> {
        self.state.update(|state| state.open = 1)
    }
}
