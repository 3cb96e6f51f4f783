//! Why a run did not come to a verdict.

use std::io;

use crate::contender;
use crate::segment;

/// Why a run could not be carried out. Nothing is left behind.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The plan makes no sense; nothing was started.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The segment could not be made.
    #[error(transparent)]
    Segment(#[from] segment::Error),
    /// The lock could not be made.
    #[error(transparent)]
    Contender(#[from] contender::Error),
    /// A worker could not be started.
    #[error("cannot start worker {worker}")]
    Start {
        /// Which.
        worker: usize,
        /// What the system answered.
        source: io::Error,
    },
    /// The program that was to be the worker cannot be run.
    #[error("cannot run '{program}'")]
    Program {
        /// Its name.
        program: String,
        /// What the system answered.
        source: io::Error,
    },
    /// The limit of open files is too low for so many workers.
    #[error("{workers} workers need {needed} open files, and {limit} are allowed")]
    TooFewDescriptors {
        /// How many workers.
        workers: u64,
        /// How many descriptors.
        needed: u64,
        /// How many there may be.
        limit: u64,
    },
    /// The system refused what the coordinator needs.
    #[error("cannot {action}")]
    System {
        /// What was tried.
        action: &'static str,
        /// What the system answered.
        source: io::Error,
    },
}

impl Error {
    pub(super) fn system(action: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::System { action, source }
    }

    /// Returns what a person can do about it, if there is something to say.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Segment(error) | Self::Contender(contender::Error::Segment(error)) => {
                error.help()
            }
            Self::TooFewDescriptors { .. } => {
                Some("allow more open files: `ulimit -n`, or start fewer workers".to_owned())
            }
            Self::Start { source, .. } | Self::System { source, .. } => {
                match source.raw_os_error()? {
                    libc::EAGAIN => Some("allow more processes: `ulimit -u`".to_owned()),
                    libc::EMFILE => Some("allow more open files: `ulimit -n`".to_owned()),
                    libc::ENOMEM => Some("fewer workers need less memory".to_owned()),
                    _ => None,
                }
            }
            _ => None,
        }
    }
}

/// What makes no sense about a plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Invalid {
    /// A number is zero or beyond its limit.
    #[error("{what} is {found}, expected 1 to {most}: {reason}")]
    OutOfRange {
        /// Which number.
        what: &'static str,
        /// What was given.
        found: u64,
        /// The limit.
        most: u64,
        /// Why there is one.
        reason: &'static str,
    },
    /// There is nothing to add.
    #[error("the list of what to add is empty")]
    NothingToAdd,
    /// The total does not fit.
    #[error("the total of {total} is beyond 64 bits")]
    TotalOverflows {
        /// What it would be.
        total: i128,
    },
    /// A worker would start workers of its own, and they theirs.
    #[error("this program was started as a worker and does not call `run::work_as_told`")]
    StartedAsWorker,
    /// The two do not go together.
    #[error("{one} does not go with {other}")]
    Conflict {
        /// One of them.
        one: &'static str,
        /// The other.
        other: &'static str,
    },
}
