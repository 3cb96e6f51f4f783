//! Our own lock: [`Value::fetch_add`](crate::Value::fetch_add).
//!
//! A killed process leaves the lock free and the last committed total.

use super::{Bare, Contender, Error, Observer, Seat, Step};
use crate::sync::Value;

/// A number that is added to under its own lock.
#[derive(Debug)]
pub struct Robust {
    value: Value<i64>,
}

impl Robust {
    /// Takes the number.
    pub fn new(value: Value<i64>) -> Self {
        Self { value }
    }
}

impl Contender for Robust {
    fn add(&self, seat: Seat<'_>, by: i64, observer: Option<&mut Observer>) -> Result<(), Error> {
        match observer {
            None => {
                self.value.fetch_add(by)?;
            }
            Some(observe) => {
                let mut value = self.value.lock()?;
                observe(Step::Read(*value));
                *value = super::sum(*value, by)?;
                observe(Step::Wrote(*value));
            }
        }
        seat.set_tally(seat.tally() + 1);
        Ok(())
    }

    fn total(&self) -> i64 {
        self.value.load()
    }

    fn recoveries(&self) -> u32 {
        self.value.recoveries()
    }
}

impl Bare for Robust {
    #[inline(always)]
    fn add_bare(&self, by: i64) -> Result<(), Error> {
        self.value.fetch_add(by)?;
        Ok(())
    }
}
