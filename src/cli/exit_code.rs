//! What the program ends with, in one place.

use std::fmt::{Display, Write};
use std::io;

use super::{nearest, output};
use crate::{contender, run, segment, sync};

/// All went well.
pub(super) const DONE: u8 = 0;
/// The total is wrong, or the answer is no.
pub(super) const WRONG: u8 = 1;
/// The arguments make no sense.
pub(super) const USAGE: u8 = 2;
/// A worker failed, or the time was over.
pub(super) const FAILED: u8 = 3;
/// The system or the segment refused.
pub(super) const REFUSED: u8 = 4;
/// What was waited for did not come in time, as with timeout(1).
pub(super) const TIMED_OUT: u8 = 124;
/// A command was found and cannot be run.
pub(super) const CANNOT_RUN: u8 = 126;
/// A command was not found.
pub(super) const NOT_FOUND: u8 = 127;

/// Why a verb ends otherwise than with 0.
pub(super) enum Failure {
    /// What is wrong, and what to do about it, a line each.
    Error {
        code: u8,
        error: Box<dyn std::error::Error>,
        help: Option<String>,
    },
    /// The answer is no. It was given on standard output, and nothing is wrong.
    No,
}

impl Failure {
    pub(super) fn usage(error: impl Into<Box<dyn std::error::Error>>) -> Self {
        Self::Error {
            code: USAGE,
            error: error.into(),
            help: None,
        }
    }

    pub(super) fn refused(
        error: impl Into<Box<dyn std::error::Error>>,
        help: Option<String>,
    ) -> Self {
        Self::Error {
            code: REFUSED,
            error: error.into(),
            help,
        }
    }

    /// Says of which object it is.
    pub(super) fn about(self, name: impl Display) -> Self {
        match self {
            Self::Error { code, error, help } => Self::Error {
                code,
                error: Box::new(About {
                    name: name.to_string(),
                    error,
                }),
                help,
            },
            Self::No => Self::No,
        }
    }

    /// Says how what is missing is made, if that is what is wrong, beside what may have been meant.
    pub(super) fn or_made_by(self, how: impl FnOnce() -> String) -> Self {
        use segment::Error::{NoSuchObject, NotFound};
        match self {
            Self::Error { code, error, help }
                if matches!(
                    error.downcast_ref(),
                    Some(NotFound { .. } | NoSuchObject { .. })
                ) =>
            {
                let help = help.iter().flat_map(|help| help.lines());
                let meant = help.filter(|line| line.starts_with(nearest::DID_YOU_MEAN));
                let mut help: Vec<_> = meant.map(str::to_owned).collect();
                help.push(format!("make it with `{}`", how()));
                let help = Some(help.join("\n"));
                Self::Error { code, error, help }
            }
            other => other,
        }
    }

    pub(super) fn timed_out(error: impl Into<Box<dyn std::error::Error>>) -> Self {
        Self::Error {
            code: TIMED_OUT,
            error: error.into(),
            help: None,
        }
    }
}

/// An error that does not say itself of which object it is.
#[derive(Debug, thiserror::Error)]
#[error("'{name}': {error}")]
struct About {
    name: String,
    error: Box<dyn std::error::Error>,
}

/// What a verb ends with.
pub(super) trait Outcome {
    /// Says what is wrong, if something is, and returns the program's exit code.
    fn end(self) -> u8;
}

impl Outcome for Result<(), Failure> {
    fn end(self) -> u8 {
        of(self)
    }
}

/// Of a verb that ends as the command did that it ran.
impl Outcome for u8 {
    fn end(self) -> u8 {
        self
    }
}

/// Says what is wrong, if something is, and returns the program's exit code.
pub(super) fn of(done: Result<(), Failure>) -> u8 {
    match done {
        Ok(()) => DONE,
        Err(Failure::Error { code, error, help }) => {
            output::complain(message(&*error, help.as_deref()));
            code
        }
        Err(Failure::No) => WRONG,
    }
}

fn message(error: &dyn std::error::Error, help: Option<&str>) -> String {
    let mut text = format!("error: {error}");
    let mut source = error.source();
    while let Some(error) = source {
        // Writing to a string cannot fail.
        let _ = write!(text, ": {error}");
        source = error.source();
    }
    text.push('\n');
    for help in help.into_iter().flat_map(str::lines) {
        let _ = writeln!(text, "  help: {help}");
    }
    text
}

impl From<segment::Error> for Failure {
    fn from(error: segment::Error) -> Self {
        let help = match &error {
            segment::Error::NotFound { name } => {
                let near = nearest::segment(name).into_iter();
                Some(near.chain(error.help()).collect::<Vec<_>>().join("\n"))
            }
            _ => error.help(),
        };
        match error {
            segment::Error::InvalidName { .. }
            | segment::Error::InvalidObjectName { .. }
            | segment::Error::OutOfRange { .. } => Self::Error {
                code: USAGE,
                error: error.into(),
                help,
            },
            _ => Self::refused(error, help),
        }
    }
}

impl From<sync::AddError> for Failure {
    fn from(error: sync::AddError) -> Self {
        match error {
            sync::AddError::Overflow { .. } => {
                Self::refused(error, Some("the value is unchanged".to_owned()))
            }
            sync::AddError::Lock(error) => error.into(),
        }
    }
}

impl From<sync::MapError> for Failure {
    fn from(error: sync::MapError) -> Self {
        let help = match error {
            sync::MapError::Overflow { .. } => Some("the value is unchanged".to_owned()),
            _ => error.help(),
        };
        Self::refused(error, help)
    }
}

impl From<sync::LockError> for Failure {
    fn from(error: sync::LockError) -> Self {
        let help = error.help();
        Self::refused(error, help)
    }
}

impl From<contender::Error> for Failure {
    fn from(error: contender::Error) -> Self {
        match error {
            contender::Error::Segment(error) => error.into(),
            error => Self::refused(error, None),
        }
    }
}

impl From<run::Error> for Failure {
    fn from(error: run::Error) -> Self {
        let help = error.help();
        let code = match &error {
            run::Error::Invalid(_) => USAGE,
            run::Error::Segment(segment::Error::InvalidName { .. }) => USAGE,
            run::Error::Program { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                NOT_FOUND
            }
            run::Error::Program { .. } => CANNOT_RUN,
            _ => REFUSED,
        };
        Self::Error {
            code,
            error: Box::new(error),
            help,
        }
    }
}
