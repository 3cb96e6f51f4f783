//! Why an operation on an object did not happen. Nothing has changed then, and nothing is held.

use std::fmt;
use std::time::Duration;

use super::waiting::Circle;
use crate::raw::robust_lock::Refused;
use crate::raw::watching::Unsatisfied;
use crate::sys::process;
use crate::sys::robust_list::TooManyHeld;

/// Why a lock was not got.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// The calling thread holds it already. Waiting would be for ever.
    #[error("this thread holds the lock already")]
    HeldByCaller,
    /// Another thread holds it.
    #[error("the lock is held by {0}")]
    WouldBlock(Holder),
    /// Another thread held it all the time.
    #[error("the lock was held by {holder} and not released within {timeout:?}")]
    TimedOut {
        /// Who held it at the end.
        holder: Holder,
        /// How long the caller waited.
        timeout: Duration,
    },
    /// Each of some threads waits for a lock that the next one holds, the calling thread among them,
    /// and it is the one of them to give up: that with the largest id. The others go on waiting until it
    /// releases what it holds.
    ///
    /// It was so at one moment; a wait with a timeout is part of it like any other. Not seen are
    /// circles through locks of more than one segment, through waits for anything but a lock, and
    /// through a process that waits for another's end; a timeout is the way out of those.
    #[error("waiting would be for ever: {circle}")]
    Deadlock {
        /// Who waits for what.
        circle: Circle,
    },
    /// The calling thread holds as many locks as the kernel would free at its death.
    #[error(transparent)]
    TooManyHeld(#[from] TooManyHeld),
}

impl LockError {
    /// Returns what a person can do about it, if there is something to say.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::WouldBlock(holder) | Self::TimedOut { holder, .. } => {
                let pid = holder.pid?;
                Some(format!(
                    "look at it with `ps -p {pid}`: it lives, perhaps stopped"
                ))
            }
            Self::HeldByCaller => Some("drop the guard first".to_owned()),
            Self::Deadlock { .. } => Some(
                "drop the guards of this thread and try again; let all take locks in the same order"
                    .to_owned(),
            ),
            Self::TooManyHeld(_) => Some("drop guards that are not needed".to_owned()),
        }
    }

    pub(crate) fn new(refused: Refused, timeout: Duration) -> Self {
        match refused {
            Refused::HeldByCaller => Self::HeldByCaller,
            Refused::WouldBlock(tid) => Self::WouldBlock(Holder::of_thread(tid)),
            Refused::TimedOut(tid) => Self::TimedOut {
                holder: Holder::of_thread(tid),
                timeout,
            },
        }
    }
}

/// Why a wait for a value ended without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WaitError<T> {
    /// The time is over. This is the last value, which is not what was waited for.
    #[error("the value did not come in time")]
    TimedOut(T),
    /// The calling thread holds the value's lock, so nobody else can change it.
    #[error("this thread holds the lock of the value it waits for")]
    HeldByCaller(T),
}

impl<T> From<Unsatisfied<T>> for WaitError<T> {
    fn from(unsatisfied: Unsatisfied<T>) -> Self {
        match unsatisfied {
            Unsatisfied::TimedOut(value) => Self::TimedOut(value),
            Unsatisfied::HeldByCaller(value) => Self::HeldByCaller(value),
        }
    }
}

/// The thread that holds a lock, as it was when somebody looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Holder {
    /// The thread's id.
    pub tid: u32,
    /// Its process, unless it has ended since.
    pub pid: Option<u32>,
}

impl Holder {
    pub(super) fn of_thread(tid: u32) -> Self {
        Self {
            tid,
            pid: process::of_thread(tid),
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pid {
            Some(pid) => write!(formatter, "process {pid}"),
            None => write!(formatter, "thread {}", self.tid),
        }
    }
}

/// Why a number was not added.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddError {
    /// The sum is no number of this type. The value is unchanged.
    #[error("adding {by} to {value} overflows")]
    Overflow {
        /// The value, which stays.
        value: i128,
        /// What was to be added.
        by: i128,
    },
    /// The lock was not got.
    #[error(transparent)]
    Lock(#[from] LockError),
}

/// Why a permit was not got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AcquireError {
    /// All permits are taken.
    #[error("no permit is free")]
    NoPermit,
    /// All permits were taken all the time.
    #[error("none of the {permits} permits was free within {timeout:?}")]
    TimedOut {
        /// How many there are.
        permits: usize,
        /// How long the caller waited.
        timeout: Duration,
    },
    /// The calling thread holds all of them. Waiting would be for ever.
    #[error("this thread holds all permits already")]
    AllHeldByCaller,
    /// The calling thread holds as many locks and permits as the kernel would free at its death.
    #[error(transparent)]
    TooManyHeld(#[from] TooManyHeld),
}
