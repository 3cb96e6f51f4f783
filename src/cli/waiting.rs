//! How long to wait for a lock or a permit, and what to end with when it was not had: the options and
//! the manners of flock(1).

use std::time::{Duration, Instant};

use clap::Args;

use super::address::Address;
use super::args;
use super::exit_code::{Failure, USAGE};
use super::output;
use crate::segment::{Segment, SegmentOptions};
use crate::sys::clock::Deadline;

#[derive(Args)]
pub(super) struct Waiting {
    /// Fail rather than wait
    #[arg(short, long, alias = "nb")]
    nonblock: bool,
    /// Fail after this time; 0 means at once
    #[arg(short = 'w', long, alias = "wait", value_name = "SECONDS", value_parser = args::time)]
    timeout: Option<Duration>,
    /// Exit status when it failed so [default: 1]
    #[arg(
        short = 'E',
        long,
        value_name = "N",
        default_value_t = 1,
        hide_default_value = true
    )]
    conflict_exit_code: u8,
    /// Say how long it took, or who has it
    #[arg(long)]
    verbose: bool,
}

/// A wait that has begun.
pub(super) struct Wait {
    begun: Instant,
    timeout: Option<Duration>,
    deadline: Option<Deadline>,
    conflict_exit_code: u8,
    is_verbose: bool,
}

/// Why nothing was run.
pub(super) enum NotHeld {
    /// Others have it. Who called this program expects as much, so it is said only when asked for.
    Conflict(Failure),
    /// Something is wrong.
    Failed(Failure),
}

impl Waiting {
    pub(super) fn begin(&self) -> Wait {
        let timeout = match self.nonblock {
            true => Some(Duration::ZERO),
            false => self.timeout,
        };
        Wait {
            begun: Instant::now(),
            timeout,
            deadline: timeout.map(Deadline::after),
            conflict_exit_code: self.conflict_exit_code,
            is_verbose: self.verbose,
        }
    }
}

impl Wait {
    pub(super) fn deadline(&self) -> Option<Deadline> {
        self.deadline
    }

    /// Returns how long the whole wait may take.
    pub(super) fn timeout(&self) -> Duration {
        self.timeout.unwrap_or(Duration::MAX)
    }

    /// Says something if it is asked for.
    pub(super) fn say(&self, text: impl FnOnce() -> String) {
        if self.is_verbose {
            output::complain(format_args!("shmcount: {}\n", text()));
        }
    }

    pub(super) fn say_it_is_over(&self, what: &str) {
        let seconds = self.begun.elapsed().as_secs_f64();
        self.say(|| format!("getting the {what} took {seconds:.6} s"));
    }

    /// Others have it.
    pub(super) fn conflict(
        &self,
        error: impl Into<Box<dyn std::error::Error>>,
        help: Option<String>,
    ) -> NotHeld {
        NotHeld::Conflict(Failure::Error {
            code: self.conflict_exit_code,
            error: error.into(),
            help,
        })
    }

    /// What is left of the last holder's programs has it.
    pub(super) fn kept(&self, segment: &Segment, what: &str) -> NotHeld {
        let error = format!("{what} is kept by a program that outlived the one which started it");
        let path = segment.path();
        let help = format!(
            "find it with `fuser -v {}`; what a command with -o starts keeps nothing",
            path.display()
        );
        self.conflict(error, Some(help))
    }

    /// Returns the exit status of a conflict, with a message if that is asked for.
    pub(super) fn settle(&self, not_held: NotHeld) -> Result<u8, Failure> {
        match not_held {
            NotHeld::Conflict(failure) if self.is_verbose => Err(failure),
            NotHeld::Conflict(_) => Ok(self.conflict_exit_code),
            NotHeld::Failed(failure) => Err(failure),
        }
    }
}

impl<E: Into<Failure>> From<E> for NotHeld {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Opens the segment, or makes it; a path, as flock(1) takes, is told what to be instead.
pub(super) fn open_or_create(options: &SegmentOptions, name: &Address) -> Result<Segment, Failure> {
    // Of NAME/OBJECT, this is what comes before the first slash.
    if !matches!(&*name.segment, "" | "." | "..") {
        return name.open_or_create(options);
    }
    Err(Failure::Error {
        code: USAGE,
        error: "NAME begins like a path, and it is the name of a segment".into(),
        help: Some("choose a word: `shmcount lock backup COMMAND`".to_owned()),
    })
}
