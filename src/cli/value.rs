//! `create`, `get`, `add`, `set` and `rm`: what a script needs of a number.

use clap::Args;

use super::address::Address;
use super::exit_code::Failure;
use super::output;
use crate::segment::Segment;

/// Make a segment with a number
#[derive(Args)]
#[command(after_help = "Example: shmcount create visits --value 10")]
pub(super) struct Create {
    /// Segment, or SEGMENT/OBJECT, to make
    name: Address,
    /// Number to start with [default: 0]
    #[arg(
        long,
        value_name = "N",
        default_value_t = 0,
        hide_default_value = true,
        allow_negative_numbers = true
    )]
    value: i64,
}

impl Create {
    pub(super) fn run(self) -> Result<(), Failure> {
        let segment = Segment::create(&self.name.segment)?;
        if let Err(error) = segment.value(&self.name.object, self.value) {
            // Nothing half made is left behind.
            segment.remove()?;
            return Err(error.into());
        }
        Ok(())
    }
}

/// Print a number, or the total of a run so far
#[derive(Args)]
#[command(after_help = "Example: shmcount get visits")]
pub(super) struct Get {
    /// Segment, or SEGMENT/OBJECT, to read
    name: Address,
}

impl Get {
    pub(super) fn run(self) -> Result<(), Failure> {
        output::line(self.name.load()?)
    }
}

/// Add to a number and print the new one
#[derive(Args)]
#[command(
    after_help = "Example: shmcount add visits -3\n\nA sum beyond 64 bits is an error, and \
    the number is unchanged."
)]
pub(super) struct Add {
    /// Segment, or SEGMENT/OBJECT, to add to
    name: Address,
    /// How much to add [default: 1]
    #[arg(
        value_name = "N",
        default_value_t = 1,
        hide_default_value = true,
        allow_negative_numbers = true
    )]
    by: i64,
}

impl Add {
    pub(super) fn run(self) -> Result<(), Failure> {
        // Before the number is changed, lest somebody add again what was added.
        output::check()?;
        let before = self.name.open()?.fetch_add(self.by)?;
        output::line(before + self.by)
    }
}

/// Put another number in its place
#[derive(Args)]
#[command(after_help = "Example: shmcount set visits 0")]
pub(super) struct Set {
    /// Segment, or SEGMENT/OBJECT, to write
    name: Address,
    /// The number
    #[arg(value_name = "N", allow_negative_numbers = true)]
    value: i64,
}

impl Set {
    pub(super) fn run(self) -> Result<(), Failure> {
        Ok(self.name.open()?.store(self.value)?)
    }
}

/// Remove segments
#[derive(Args)]
#[command(
    after_help = "Example: shmcount rm visits\n\nWho has a segment open goes on with it; its \
    memory is free when the last one ends."
)]
pub(super) struct Rm {
    /// Segments to remove
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
}

impl Rm {
    pub(super) fn run(self) -> Result<(), Failure> {
        let failures = self
            .names
            .iter()
            .filter_map(|name| Segment::remove_named(name).err());
        // All that can be removed are; the last failure is the one reported by the exit code.
        let mut last = Ok(());
        for failure in failures {
            if let Err(earlier) = std::mem::replace(&mut last, Err(failure.into())) {
                super::exit_code::of(Err(earlier));
            }
        }
        last
    }
}
