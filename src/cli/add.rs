//! `add`: adds to a number.

use clap::Args;

use super::address::Address;
use super::exit_code::Failure;
use super::number::Number;
use super::output;

/// Add to a number and print the new one
#[derive(Args)]
#[command(after_help = "\
An add that printed is counted once; one that was killed, once or not at all. A sum beyond 64 bits is an \
error, and the number is unchanged.

Examples:
  shmcount add visits -3
  xargs -P 8 -n 1 sh -c 'work \"$1\" && shmcount add done >/dev/null' sh <list")]
pub(super) struct Add {
    /// Segment, SEGMENT/OBJECT, or either with [ELEMENT], to add to
    name: Address,
    /// How much to add [default: 1]
    #[arg(
        value_name = "N",
        default_value_t = 1,
        hide_default_value = true,
        allow_negative_numbers = true
    )]
    by: i64,
    /// Make the number, or a map for [KEY], and the segment, when they are missing
    #[arg(long)]
    create: bool,
}

impl Add {
    pub(super) fn run(self) -> Result<(), Failure> {
        // Before the number is changed, lest somebody add again what was added.
        output::check()?;
        let number = Number::to_change(&self.name, self.create)?;
        let sum = number.add(self.by);
        output::line(sum.map_err(|failure| failure.about(&self.name))?)
    }
}
