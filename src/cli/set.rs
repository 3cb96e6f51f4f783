//! `set`: puts another number in its place.

use clap::Args;

use super::address::Address;
use super::exit_code::Failure;
use super::number::Number;

/// Put another number in its place
#[derive(Args)]
#[command(after_help = "\
Waits while somebody holds the number's lock. To change a number only if it is what you think, use \
`shmcount cas`.

Example: shmcount set visits 0")]
pub(super) struct Set {
    /// Segment, SEGMENT/OBJECT, or either with [ELEMENT], to write
    name: Address,
    /// The number
    #[arg(value_name = "N", allow_negative_numbers = true)]
    value: i64,
    /// Make the number, or a map for [KEY], and the segment, when they are missing
    #[arg(long)]
    create: bool,
}

impl Set {
    pub(super) fn run(self) -> Result<(), Failure> {
        let number = Number::to_change(&self.name, self.create)?;
        let stored = number.store(self.value);
        stored.map_err(|failure| failure.about(&self.name))
    }
}
