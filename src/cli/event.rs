//! `event`: a sign that is set or not, and waited for.

use std::time::Duration;

use clap::{Args, ValueEnum};

use super::address::{self, Address};
use super::args;
use super::exit_code::Failure;
use super::object::Object;
use crate::segment::SegmentOptions;
use crate::sync::WaitError;

/// Set, clear or wait for an event
#[derive(Args)]
#[command(after_help = "\
All who wait go on when an event is set, and who comes later does not wait, until it is cleared. An event \
that is set and cleared at once may not be seen by all who waited.

Exit status: 0 done; 1 it is not set (test); 124 the time was over (wait).

Examples:
  shmcount event wait ready --create --timeout 1m && start-the-client
  shmcount event set ready --create")]
pub(super) struct Event {
    /// What to do
    #[arg(value_enum)]
    action: Action,
    /// Segment, or SEGMENT/OBJECT, of the event
    #[arg(value_parser = address::whole)]
    name: Address,
    /// Give up waiting after TIME, 0 for at once [default: never]
    #[arg(long, short = 'w', value_name = "TIME", value_parser = args::time)]
    timeout: Option<Duration>,
    /// Make the event, not set, and its segment, when they are missing
    #[arg(long)]
    create: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Action {
    /// Have all go on who wait
    Set,
    /// Have all wait who come
    Clear,
    /// Sleep until it is set
    Wait,
    /// Exit with 0 when it is set, with 1 when not
    Test,
}

impl Event {
    pub(super) fn run(self) -> Result<(), Failure> {
        if self.timeout.is_some() && self.action != Action::Wait {
            return Err(Failure::usage("--timeout goes with `event wait` alone"));
        }
        let event = match self.create {
            true => {
                let segment = self.name.open_or_create(&SegmentOptions::new())?;
                segment.event(&self.name.object)?
            }
            false => Object::made_as("event", &self.name)?.event()?,
        };
        match (self.action, self.timeout) {
            (Action::Set, _) => Ok(event.set()?),
            (Action::Clear, _) => Ok(event.clear()?),
            (Action::Test, _) if event.is_set() => Ok(()),
            (Action::Test, _) => Err(Failure::No),
            (Action::Wait, None) => event.wait().map_err(|error| self.not_seen(error)),
            (Action::Wait, Some(timeout)) => {
                let waited = event.wait_timeout(timeout);
                waited.map_err(|error| self.not_seen(error))
            }
        }
    }

    fn not_seen(&self, error: WaitError<bool>) -> Failure {
        match error {
            WaitError::TimedOut(_) => Failure::timed_out(format!(
                "event '{}' is not set after {:?}",
                self.name,
                self.timeout.unwrap_or_default()
            )),
            error => Failure::refused(error, None),
        }
    }
}
