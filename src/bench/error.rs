//! Why a benchmark came to no result.

use std::io;
use std::time::Duration;

use super::entrant::Entrant;
use crate::contender;
use crate::segment;
use crate::sync::LockError;

/// Why a benchmark came to no result. Nothing is left behind.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A number is beyond its limits.
    #[error("{what} is {found}, expected {expected}")]
    OutOfRange {
        /// Which number.
        what: &'static str,
        /// What was given.
        found: String,
        /// The limits.
        expected: &'static str,
    },
    /// A contender could not be made.
    #[error(transparent)]
    Contender(#[from] contender::Error),
    /// A process could not be started.
    #[error("cannot start a process")]
    Start(#[source] io::Error),
    /// A process ended otherwise than it should.
    #[error("a process that added with {entrant} {end}")]
    Failed {
        /// With what.
        entrant: Entrant,
        /// How it ended.
        end: String,
    },
    /// A process did not come to its end.
    #[error("a process that added with {entrant} was not done after {after:?}")]
    Stuck {
        /// With what.
        entrant: Entrant,
        /// How long there was patience.
        after: Duration,
    },
    /// The picture was asked for in another format.
    #[error("plots are SVG, and '{path}' does not end in .svg")]
    NotSvg {
        /// Where to.
        path: String,
    },
    /// The picture cannot be written.
    #[error("cannot write the plot '{path}'")]
    Plot {
        /// Where to.
        path: String,
        /// What was wrong.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A signal asked for the end.
    #[error("interrupted by {}", signal_name(*signal))]
    Interrupted {
        /// Its number.
        signal: i32,
    },
}

impl From<segment::Error> for Error {
    fn from(error: segment::Error) -> Self {
        Self::Contender(error.into())
    }
}

impl From<LockError> for Error {
    fn from(error: LockError) -> Self {
        Self::Contender(error.into())
    }
}

fn signal_name(signal: i32) -> &'static str {
    nix::sys::signal::Signal::try_from(signal).map_or("a signal", |signal| signal.as_str())
}
