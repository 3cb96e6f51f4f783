//! What the program ends with, in one place.

use std::fmt::Write;
use std::io;
use std::process::ExitCode;

use super::output;
use crate::{contender, run, segment, sync};

/// The total is wrong.
pub(super) const WRONG: u8 = 1;
/// The arguments make no sense.
pub(super) const USAGE: u8 = 2;
/// A worker failed, or the time was over.
pub(super) const FAILED: u8 = 3;
/// The system or the segment refused.
pub(super) const REFUSED: u8 = 4;
/// A command was found and cannot be run.
pub(super) const CANNOT_RUN: u8 = 126;
/// A command was not found.
pub(super) const NOT_FOUND: u8 = 127;

/// Why a verb ends otherwise than with 0.
pub(super) enum Failure {
    /// What is wrong, and what to do about it.
    Error {
        code: u8,
        error: Box<dyn std::error::Error>,
        help: Option<String>,
    },
}

impl Failure {
    pub(super) fn usage(error: impl Into<Box<dyn std::error::Error>>) -> Self {
        Self::Error {
            code: USAGE,
            error: error.into(),
            help: None,
        }
    }

    fn refused(error: impl std::error::Error + 'static, help: Option<String>) -> Self {
        Self::Error {
            code: REFUSED,
            error: Box::new(error),
            help,
        }
    }
}

/// Says what is wrong, if something is, and returns the program's exit code.
pub(super) fn of(done: Result<(), Failure>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Error { code, error, help }) => {
            output::complain(message(&*error, help.as_deref()));
            ExitCode::from(code)
        }
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
    if let Some(help) = help {
        let _ = writeln!(text, "  help: {help}");
    }
    text
}

impl From<segment::Error> for Failure {
    fn from(error: segment::Error) -> Self {
        let help = error.help();
        match error {
            segment::Error::InvalidName { .. } | segment::Error::InvalidObjectName { .. } => {
                Self::usage(error)
            }
            _ => Self::refused(error, help),
        }
    }
}

impl From<sync::AddError> for Failure {
    fn from(error: sync::AddError) -> Self {
        let help = match error {
            sync::AddError::Overflow { .. } => Some("the value is unchanged".to_owned()),
            _ => None,
        };
        Self::refused(error, help)
    }
}

impl From<sync::LockError> for Failure {
    fn from(error: sync::LockError) -> Self {
        Self::refused(error, None)
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
