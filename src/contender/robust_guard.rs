//! Our own lock, taken through a guard: [`Value::lock`](crate::Value::lock).
//!
//! What a program does that changes more than a number. A killed process leaves the lock free and
//! the last committed total.

use super::{Bare, Contender, Error, Observer, Seat, Step};
use crate::sync::Value;

/// A number that is added to while a guard holds its lock.
#[derive(Debug)]
pub struct RobustGuard {
    value: Value<i64>,
}

impl RobustGuard {
    /// Takes the number.
    pub fn new(value: Value<i64>) -> Self {
        Self { value }
    }
}

impl Contender for RobustGuard {
    fn add(&self, seat: Seat<'_>, by: i64, observer: Option<&mut Observer>) -> Result<(), Error> {
        let mut value = self.value.lock()?;
        let sum = super::sum(*value, by)?;
        if let Some(observe) = observer {
            observe(Step::Read(*value));
            observe(Step::Wrote(sum));
        }
        *value = sum;
        drop(value);
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

impl Bare for RobustGuard {
    #[inline(always)]
    fn add_bare(&self, by: i64) -> Result<(), Error> {
        let mut value = self.value.lock()?;
        *value = super::sum(*value, by)?;
        Ok(())
    }
}
