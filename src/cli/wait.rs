//! `wait`: sleeps until something is so.

use std::time::Duration;

use clap::Args;
use serde_json::json;

use super::address::Address;
use super::condition::Condition;
use super::exit_code::Failure;
use super::number::Number;
use super::{args, output};

/// Sleep until a number is what it should be, and print it
#[derive(Args)]
#[command(after_help = "\
CONDITION is ==, !=, <, <=, > or >= and a whole number. Nothing is polled: whoever changes the number \
wakes this. A number that comes and goes in between may not be seen. --json prints {\"name\": NAME, \
\"value\": N}.

Exit status: 0 it is so; 124 the time was over.

Example: shmcount wait done --until '>= 500' --timeout 10m")]
pub(super) struct Wait {
    /// Segment, or SEGMENT/OBJECT, to wait for
    name: Address,
    /// What to wait for, such as '>= 500'
    #[arg(long, value_name = "CONDITION", allow_hyphen_values = true)]
    until: Condition,
    /// Give up after TIME, 0 for at once [default: never]
    #[arg(long, short = 'w', value_name = "TIME", value_parser = args::time)]
    timeout: Option<Duration>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

impl Wait {
    pub(super) fn run(self) -> Result<(), Failure> {
        output::check()?;
        let number = Number::at(&self.name)?;
        match number.wait_until(self.until, self.timeout)? {
            Ok(value) if self.json => {
                output::line(json!({"name": self.name.to_string(), "value": value}))
            }
            Ok(value) => output::line(value),
            Err(value) => Err(Failure::timed_out(format!(
                "'{}' is {value} after {:?}, expected {}",
                self.name,
                self.timeout.unwrap_or_default(),
                self.until
            ))),
        }
    }
}
