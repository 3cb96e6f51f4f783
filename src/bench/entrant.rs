//! Who takes part in a benchmark.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use crate::contender::{self, Bare, LockKind};
use crate::sync::Value;

/// A contender, as a benchmark names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entrant {
    /// One that a run could use, too.
    Lock(LockKind),
    /// Our lock, taken through a guard, where [`LockKind::Robust`] adds without one.
    RobustGuard,
}

impl Entrant {
    /// The one that all others are compared with.
    pub const MEASURE: Self = Self::Lock(LockKind::Robust);

    /// All of them: ours, those of others, those of the kernel, and none.
    pub const ALL: [Self; 13] = [
        Self::MEASURE,
        Self::RobustGuard,
        Self::Lock(LockKind::Fifo),
        Self::Lock(LockKind::Sharded),
        Self::Lock(LockKind::Futex),
        Self::Lock(LockKind::Pthread),
        Self::Lock(LockKind::PthreadRobust),
        Self::Lock(LockKind::PosixSem),
        Self::Lock(LockKind::RawSync),
        Self::Lock(LockKind::Atomic),
        Self::Lock(LockKind::Flock),
        Self::Lock(LockKind::Ofd),
        Self::Lock(LockKind::None),
    ];

    /// Returns its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lock(kind) => kind.name(),
            Self::RobustGuard => "robust-guard",
        }
    }

    /// Tells whether it is one of ours.
    pub fn is_ours(self) -> bool {
        use LockKind::{Fifo, Robust, Sharded};
        matches!(
            self,
            Self::RobustGuard | Self::Lock(Robust | Fifo | Sharded)
        )
    }

    /// Tells whether it loses adds, and is there to show that this is noticed.
    pub fn is_wrong_on_purpose(self) -> bool {
        self == Self::Lock(LockKind::None)
    }

    pub(super) fn open(self, value: Value<i64>) -> Result<Box<dyn Bare>, contender::Error> {
        match self {
            Self::Lock(kind) => kind.open_bare(value),
            Self::RobustGuard => Ok(contender::open_bare_guard(value)),
        }
    }
}

impl fmt::Display for Entrant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

impl Serialize for Entrant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// There is no contender of that name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown contender '{0}': there are {names}", names = Entrant::ALL.map(Entrant::name).join(", "))]
pub struct UnknownEntrant(String);

impl FromStr for Entrant {
    type Err = UnknownEntrant;

    fn from_str(name: &str) -> Result<Self, UnknownEntrant> {
        let known = Self::ALL.into_iter().find(|entrant| entrant.name() == name);
        known.ok_or_else(|| UnknownEntrant(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lock_of_a_run_takes_part() {
        for kind in LockKind::ALL {
            assert!(Entrant::ALL.contains(&Entrant::Lock(kind)), "{kind}");
        }
    }
}
