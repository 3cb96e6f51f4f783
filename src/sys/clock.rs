//! Deadlines on the monotonic clock.
//!
//! A wait that is interrupted goes on to the same moment, so every timeout becomes a
//! deadline once, at the door. `CLOCK_MONOTONIC` is what futexes measure with.

use std::time::Duration;

use nix::sys::time::TimeSpec;
use nix::time::{ClockId, clock_gettime};

/// A moment on `CLOCK_MONOTONIC`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(TimeSpec);

impl Deadline {
    /// Returns the moment `timeout` from now, or the last one the clock knows.
    pub fn after(timeout: Duration) -> Self {
        let now = Duration::from(now());
        let then = now.saturating_add(timeout);
        // The kernel counts nanoseconds in an i64: 292 years are for ever.
        Self(TimeSpec::from_duration(
            then.min(Duration::from_nanos(i64::MAX as u64)),
        ))
    }

    /// Tells whether the moment is over.
    pub fn has_passed(self) -> bool {
        now() >= self.0
    }

    /// Returns this moment or the one `slice` from now, whichever comes first.
    pub fn or_within(this: Option<Self>, slice: Duration) -> Self {
        let slice = Self::after(slice);
        this.map_or(slice, |deadline| deadline.min(slice))
    }

    /// Returns the time that is left until the moment.
    pub fn remaining(self) -> Duration {
        Duration::from(self.0).saturating_sub(Duration::from(now()))
    }

    pub(super) fn as_timespec(&self) -> &libc::timespec {
        self.0.as_ref()
    }
}

/// Returns the nanoseconds that `CLOCK_MONOTONIC` has counted, the same in every process.
pub fn monotonic_ns() -> u64 {
    Duration::from(now()).as_nanos() as u64
}

fn now() -> TimeSpec {
    clock_gettime(ClockId::CLOCK_MONOTONIC).expect("Linux has a monotonic clock")
}
