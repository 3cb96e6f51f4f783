//! `none`: no lock, and wrong on purpose.
//!
//! It reads the total and writes it back, as `total += by` does in every language: two that read the same
//! total lose one add. A killed process leaves the total with its last add or without.

use super::{Bare, Contender, Error, Observer, Seat};
use crate::sync::Value;

/// A read and a write, and nothing between processes.
#[derive(Debug)]
pub struct Unlocked {
    value: Value<i64>,
}

impl Unlocked {
    /// Takes the number.
    pub fn new(value: Value<i64>) -> Self {
        Self { value }
    }
}

impl Contender for Unlocked {
    fn add(&self, seat: Seat<'_>, by: i64, observer: Option<&mut Observer>) -> Result<(), Error> {
        super::read_and_write(self.value.unprotected(), by, observer)?;
        seat.set_tally(seat.tally() + 1);
        Ok(())
    }

    fn total(&self) -> i64 {
        self.value.load()
    }
}

impl Bare for Unlocked {
    #[inline(always)]
    fn add_bare(&self, by: i64) -> Result<(), Error> {
        super::read_and_write(self.value.unprotected(), by, None)
    }
}
