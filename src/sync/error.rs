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

/// Why a wait at a barrier ended without all parties, or was not begun.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BarrierError {
    /// Somebody will not come. The barrier stays broken until it is reset.
    #[error("the barrier is broken: {0}")]
    Broken(BrokenBy),
    /// The others did not come in time. The barrier is broken by that.
    #[error("{arrived} of {parties} parties came to the barrier within {timeout:?}")]
    TimedOut {
        /// How many had come at the end.
        arrived: usize,
        /// How many were to come.
        parties: usize,
        /// How long the caller waited.
        timeout: Duration,
    },
    /// All places are taken already.
    #[error("{parties} take part in the barrier already, which has {parties} parties")]
    TooManyParties {
        /// How many there are.
        parties: usize,
    },
    /// The party was copied by a fork, and belongs to the process that forked this one.
    #[error("the party belongs to the process that forked this one")]
    CopiedByFork,
    /// The lock of the barrier's own state was not got.
    #[error(transparent)]
    Lock(#[from] LockError),
}

/// What broke a barrier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BrokenBy {
    /// The process of this id died, or the thread of it that took part ended.
    Death(u32),
    /// This process dropped its [`Party`](crate::Party) while others needed it.
    Leaving(u32),
    /// This process did not want to wait longer.
    Timeout(u32),
    /// The barrier was reset while the caller waited.
    Reset,
    /// The state says something that this version does not know, or is damaged.
    Unknown,
}

impl fmt::Display for BrokenBy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Death(pid) => write!(formatter, "process {pid} died"),
            Self::Leaving(pid) => write!(formatter, "process {pid} left"),
            Self::Timeout(pid) => write!(formatter, "process {pid} waited no longer"),
            Self::Reset => write!(formatter, "it was reset"),
            Self::Unknown => write!(formatter, "nobody knows why"),
        }
    }
}

/// Why a wait group did not do what it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WaitGroupError {
    /// There is no task to be done that nobody has taken on.
    #[error("no task is open that nobody has taken on")]
    NoneOpen,
    /// As many tasks are taken on as can be at the same time.
    #[error("{most} tasks are taken on, and the wait group has room for {most}")]
    TooManyTasks {
        /// How many can be.
        most: usize,
    },
    /// The tasks were not done in time.
    #[error("{open} tasks were still open after {timeout:?}")]
    TimedOut {
        /// How many were open at the end.
        open: u64,
        /// How long the caller waited.
        timeout: Duration,
    },
    /// The calling thread has taken on a task itself. Waiting would be for ever.
    #[error("this thread has taken on one of the tasks that it waits for")]
    TaskOfCaller,
    /// The lock of the wait group's own state was not got.
    #[error(transparent)]
    Lock(#[from] LockError),
}
