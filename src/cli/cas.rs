//! `cas`: changes a number if it is what the caller thinks.

use clap::Args;

use super::address::Address;
use super::exit_code::Failure;
use super::number::Number;
use super::output;

/// Change a number from OLD to NEW, if it is OLD
#[derive(Args)]
#[command(after_help = "\
Prints the number that was there. Of processes that do the same at once, one succeeds. A key that \
a map does not have is taken for 0.

Exit status: 0 it was OLD and is NEW; 1 it was another and is unchanged.

Example: shmcount cas leader 0 $$ && echo 'I lead'")]
pub(super) struct Cas {
    /// Segment, SEGMENT/OBJECT, or either with [ELEMENT], to change
    name: Address,
    /// What it is to be before
    #[arg(allow_negative_numbers = true)]
    old: i64,
    /// What it is to be afterwards
    #[arg(allow_negative_numbers = true)]
    new: i64,
    /// Make the number, 0, or a map for [KEY], and the segment, when they are missing
    #[arg(long)]
    create: bool,
}

impl Cas {
    pub(super) fn run(self) -> Result<(), Failure> {
        output::check()?;
        let number = Number::to_change(&self.name, self.create)?;
        let exchanged = number.compare_exchange(self.old, self.new);
        match exchanged.map_err(|failure| failure.about(&self.name))? {
            Ok(found) => output::line(found),
            Err(found) => {
                output::line(found)?;
                Err(Failure::No)
            }
        }
    }
}
