//! `atomic`: one `lock xadd`, which needs no lock.
//!
//! A killed process leaves the total with its last add or without.

use super::{Bare, Contender, Error, Observer, Seat, Step};
use crate::sync::Value;
use crate::sys::atomic::Relaxed;

/// A fetch-and-add.
#[derive(Debug)]
pub struct Atomic {
    value: Value<i64>,
}

impl Atomic {
    /// Takes the number.
    pub fn new(value: Value<i64>) -> Self {
        Self { value }
    }
}

impl Contender for Atomic {
    fn add(&self, seat: Seat<'_>, by: i64, observer: Option<&mut Observer>) -> Result<(), Error> {
        // Relaxed: a count publishes nothing. It wraps, as the instruction does.
        let before = self.value.unprotected().fetch_add(by as u64, Relaxed) as i64;
        if let Some(observe) = observer {
            observe(Step::Read(before));
            observe(Step::Wrote(before.wrapping_add(by)));
        }
        seat.set_tally(seat.tally() + 1);
        Ok(())
    }

    fn total(&self) -> i64 {
        self.value.load()
    }
}

impl Bare for Atomic {
    #[inline(always)]
    fn add_bare(&self, by: i64) -> Result<(), Error> {
        // Relaxed: as above.
        self.value.unprotected().fetch_add(by as u64, Relaxed);
        Ok(())
    }
}
