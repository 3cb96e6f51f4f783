//! What the processes of a storm write down beside the segment: outside of what is tested.

use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// Four times the processors of a small machine, so that holders lose theirs and waiters sleep.
pub const WORKERS: usize = 8;

/// What workers write down outside the segment.
#[derive(Default)]
pub struct Board {
    pub stop: AtomicBool,
    pub witness: AtomicU64,
    pub slots: [Slot; WORKERS],
    pub violations: [AtomicU64; Violation::NAMES.len()],
}

#[derive(Default)]
#[repr(align(64))]
pub struct Slot {
    /// When the worker last finished something, in nanoseconds of the monotonic clock.
    pub beat: AtomicU64,
    pub operations: AtomicU64,
    pub begun: AtomicU64,
    pub returned: AtomicU64,
    pub adds_begun: AtomicU64,
    pub adds_returned: AtomicU64,
}

#[derive(Clone, Copy, Debug)]
pub enum Violation {
    TwoInside,
    PairUnequal,
    LargeTorn,
    TotalWrong,
    TallyWrong,
    Refused,
    Leaked,
}

impl Violation {
    pub const NAMES: [&'static str; 7] = [
        "two were inside the lock",
        "a pair was unequal",
        "a large value was torn",
        "the total was not the sum of the tallies",
        "a tally was not what its worker had committed",
        "an operation failed",
        "a worker leaked descriptors or mappings",
    ];
}

/// Returns the nanoseconds of the clock that all processes share.
pub fn now() -> u64 {
    // The same clock in all processes.
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).expect("Linux has a monotonic clock");
    Duration::from(now).as_nanos() as u64
}
