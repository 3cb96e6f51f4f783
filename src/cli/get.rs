//! `get`: prints a number.

use clap::Args;
use serde_json::json;

use super::address::Address;
use super::exit_code::Failure;
use super::number::Number;
use super::object::Object;
use super::output;
use crate::segment::Kind;

/// Print a number, or the total of a run so far
#[derive(Args)]
#[command(after_help = "\
Reading takes no lock: it waits for nobody and delays nobody. Of a barrier it is how many wait, of a \
wait-group how many tasks are open. \
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
        let value = self.load()?;
        match self.json {
            true => output::line(json!({"name": self.name.to_string(), "value": value})),
            false => output::line(value),
        }
    }

    fn load(&self) -> Result<i64, Failure> {
        let object = Object::at(&self.name)?;
        let count = match object.entry().kind() {
            Some(Kind::Barrier) => object.barrier()?.waiting() as u64,
            Some(Kind::WaitGroup) => object.wait_group()?.open(),
            _ => {
                let number = Number::of(&object)?.load();
                return number.map_err(|failure| failure.about(&self.name));
            }
        };
        Ok(i64::try_from(count).unwrap_or(i64::MAX))
    }
}
