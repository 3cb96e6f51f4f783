//! How long a thread waits for a lock.
//!
//! Said at the door, worked out only by those who have to wait: reading the clock costs more than
//! taking a lock that is free.

use std::time::Duration;

use super::protocol::Protocol;
use crate::sys::clock::Deadline;

/// How long a thread waits for a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// As long as it takes.
    Forever,
    /// Until this moment.
    Until(Deadline),
    /// Until the protocol's first look, if it has one; this long, if that is shorter.
    UntilLook(Option<Duration>),
}

/// After what time a waiter looks whether it waits in a circle. Small, for it is at hand wherever a lock
/// is taken: the rest of the [`Protocol`] and this fit a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirstLook {
    milliseconds: u16,
}

impl FirstLook {
    /// A waiter does not look.
    pub const NEVER: Self = Self {
        milliseconds: u16::MAX,
    };

    /// A waiter looks after this time, to a millisecond, and after 65 s at the latest.
    pub fn after(wait: Duration) -> Self {
        let most = u128::from(Self::NEVER.milliseconds) - 1;
        Self {
            milliseconds: wait.as_millis().min(most) as u16,
        }
    }

    /// Returns after what time, if ever.
    pub fn wait(self) -> Option<Duration> {
        (self != Self::NEVER).then(|| Duration::from_millis(self.milliseconds.into()))
    }
}

impl Patience {
    /// Returns the moment at which the wait that begins now is over.
    pub(super) fn deadline(self, protocol: Protocol) -> Option<Deadline> {
        match self {
            Self::Forever => None,
            Self::Until(deadline) => Some(deadline),
            Self::UntilLook(timeout) => {
                let ends = timeout.into_iter().chain(protocol.first_look.wait());
                ends.min().map(Deadline::after)
            }
        }
    }
}

impl From<Option<Deadline>> for Patience {
    #[inline(always)]
    fn from(deadline: Option<Deadline>) -> Self {
        match deadline {
            None => Self::Forever,
            Some(deadline) => Self::Until(deadline),
        }
    }
}
