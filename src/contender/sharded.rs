//! Our counter with a cell for each thread: [`Counter::add`](crate::Counter::add).
//!
//! A killed process leaves its cell's count with its last add or without it. Its tally is in its seat, and a
//! second word: killed between the two, its successor adds one more. So a total is exact without kills, and
//! up to one add too much for each kill.
//!
//! The number itself stays as it was, and only this contender's total has both: `shmcount get` on the number
//! of a worker program that counted like this tells of no add.

use super::{Bare, Contender, Error, MAIN, Observer, Seat, Step};
use crate::segment;
use crate::sync::{Counter, Value};

/// A number, and a counter of what was added to it.
#[derive(Debug)]
pub struct Sharded {
    value: Value<i64>,
    counter: Counter,
}

impl Sharded {
    /// Opens the counter of a number's segment, or makes it.
    ///
    /// # Errors
    ///
    /// As [`Segment::counter`](crate::Segment::counter).
    pub fn open_or_create(value: Value<i64>) -> Result<Self, segment::Error> {
        let counter = value.segment().counter(&format!("{MAIN}.cells"))?;
        Ok(Self { value, counter })
    }
}

impl Contender for Sharded {
    fn add(&self, seat: Seat<'_>, by: i64, observer: Option<&mut Observer>) -> Result<(), Error> {
        match observer {
            None => self.counter.add(by),
            Some(observe) => {
                // No cell knows the total; others may add while it is summed up.
                observe(Step::Read(self.total()));
                self.counter.add(by);
                observe(Step::Wrote(self.total()));
            }
        }
        seat.set_tally(seat.tally() + 1);
        Ok(())
    }

    fn total(&self) -> i64 {
        self.value.load().wrapping_add(self.counter.sum())
    }
}

impl Bare for Sharded {
    #[inline(always)]
    fn add_bare(&self, by: i64) -> Result<(), Error> {
        self.counter.add(by);
        Ok(())
    }
}
