//! `wait`: sleeps until something is so.

use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use serde_json::json;

use super::address::Address;
use super::condition::Condition;
use super::exit_code::Failure;
use super::number::Number;
use super::object::Object;
use super::{args, output, wg};
use crate::segment::Kind;
use crate::sync::WaitError;

/// Sleep until a number is what it should be, and print it
#[derive(Args)]
#[command(after_help = "\
CONDITION is ==, !=, <, <=, > or >= and a whole number; of a queue `empty`; of a wait-group `done`, which \
need not be said. Nothing is polled: whoever changes the number wakes this. A number that comes and goes in \
between may not be seen. What was taken from an empty queue may still be at work. --json prints \
{\"name\": NAME, \"value\": N}.

Exit status: 0 it is so; 1 tasks of the wait-group were lost; 124 the time was over.

Example: shmcount wait done --until '>= 500' --timeout 10m")]
pub(super) struct Wait {
    /// Segment, or SEGMENT/OBJECT, to wait for
    name: Address,
    /// What to wait for, such as '>= 500'
    #[arg(long, value_name = "CONDITION", allow_hyphen_values = true)]
    until: Option<Until>,
    /// Give up after TIME, 0 for at once [default: never]
    #[arg(long, short = 'w', value_name = "TIME", value_parser = args::time)]
    timeout: Option<Duration>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// What can be waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Until {
    /// That a number is so.
    Holds(Condition),
    /// That a queue has no items.
    Empty,
    /// That a wait group has no open tasks.
    Done,
}

impl FromStr for Until {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        match text.trim() {
            "empty" => Ok(Self::Empty),
            "done" => Ok(Self::Done),
            condition => condition.parse().map(Self::Holds),
        }
    }
}

impl Wait {
    pub(super) fn run(self) -> Result<(), Failure> {
        output::check()?;
        let object = match self.until {
            Some(Until::Empty) => Object::made_as("queue", &self.name)?,
            Some(Until::Done) => Object::made_as("wait-group", &self.name)?,
            _ => Object::at(&self.name)?,
        };
        match (self.until, object.entry().kind()) {
            (Some(Until::Holds(condition)), _) => self.wait_for_number(&object, condition),
            (Some(Until::Empty), _) => self.wait_for_empty(&object),
            (Some(Until::Done), _) | (None, Some(Kind::WaitGroup)) => {
                wg::wait(&object.wait_group()?, &self.name, self.timeout)?;
                self.tell_nothing_left()
            }
            (None, _) => Err(Failure::usage(
                "say what to wait for: --until CONDITION, such as --until '>= 500'",
            )),
        }
    }

    fn wait_for_number(&self, object: &Object, condition: Condition) -> Result<(), Failure> {
        let waited = Number::of(object)?.wait_until(condition, self.timeout);
        match waited.map_err(|failure| failure.about(&self.name))? {
            Ok(value) if self.json => self.tell_as_json(value),
            Ok(value) => output::line(value),
            Err(value) => Err(self.not_so(&format!("is {value}"), &condition.to_string())),
        }
    }

    fn wait_for_empty(&self, object: &Object) -> Result<(), Failure> {
        let queue = object.lines()?;
        let waited = match self.timeout {
            None => queue.wait_empty(),
            Some(timeout) => queue.wait_empty_timeout(timeout),
        };
        match waited {
            Ok(()) => self.tell_nothing_left(),
            Err(WaitError::TimedOut(1)) => Err(self.not_so("has 1 item", "none")),
            Err(WaitError::TimedOut(items)) => {
                Err(self.not_so(&format!("has {items} items"), "none"))
            }
            Err(error) => Err(Failure::refused(error, None)),
        }
    }

    /// Says nothing, for what is waited for is all there is to know, unless a program asks.
    fn tell_nothing_left(&self) -> Result<(), Failure> {
        match self.json {
            true => self.tell_as_json(0),
            false => Ok(()),
        }
    }

    fn tell_as_json(&self, value: i64) -> Result<(), Failure> {
        output::line(json!({"name": self.name.to_string(), "value": value}))
    }

    fn not_so(&self, found: &str, expected: &str) -> Failure {
        Failure::timed_out(format!(
            "'{}' {found} after {:?}, expected {expected}",
            self.name,
            self.timeout.unwrap_or_default(),
        ))
    }
}
