//! `get`: prints a number.

use clap::Args;
use serde_json::json;

use super::address::Address;
use super::exit_code::Failure;
use super::number::Number;
use super::output;

/// Print a number, or the total of a run so far
#[derive(Args)]
#[command(after_help = "\
Reading takes no lock: it waits for nobody and delays nobody. \
--json prints {\"name\": NAME, \"value\": N}.

Exit status: 0 printed; 1 the map has no such key.

Example: shmcount get visits")]
pub(super) struct Get {
    /// Segment, SEGMENT/OBJECT, or either with [ELEMENT], to read
    name: Address,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

impl Get {
    pub(super) fn run(self) -> Result<(), Failure> {
        let value = Number::at(&self.name)?.load()?;
        match self.json {
            true => output::line(json!({"name": self.name.to_string(), "value": value})),
            false => output::line(value),
        }
    }
}
