//! Our own lock, with a total that knows who added last: what makes kills exact.
//!
//! Total, the last adder's seat and its tally change in one commit. The next one to add notes that
//! tally in the seat before it commits its own, under the lock and as often as it takes, so no
//! tally is ever lost or counted twice: whoever takes a killed worker's place resumes exactly where
//! its predecessor's commits ended.

use bytemuck::{Pod, Zeroable};

use super::{Contender, Error, Observer, Seat, Seats, Step};
use crate::segment::{self, Segment};
use crate::sync::{Value, ValueGuard};

/// A total and who added to it last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Ledger {
    total: i64,
    seat: u64,
    tally: u64,
}

/// A ledger that the workers of a run add to.
#[derive(Debug)]
pub struct LedgerContender {
    ledger: Value<Ledger>,
    seats: Seats,
}

impl Ledger {
    /// Nobody has added yet.
    const EMPTY: Self = Self {
        total: 0,
        seat: u64::MAX,
        tally: 0,
    };

    /// Opens the ledger of a run from outside.
    ///
    /// # Errors
    ///
    /// When the segment's main object is none.
    pub fn open(segment: &Segment) -> Result<Value<Self>, segment::Error> {
        segment.open_value(super::MAIN)
    }

    /// Returns the total.
    pub fn total(&self) -> i64 {
        self.total
    }

    fn tally_of(&self, seat: Seat<'_>) -> u64 {
        match self.seat == seat.index() as u64 {
            true => self.tally,
            false => seat.tally(),
        }
    }
}

impl LedgerContender {
    /// Opens the ledger of a run, or makes it.
    ///
    /// # Errors
    ///
    /// As [`Segment::value`].
    pub fn open_or_create(segment: &Segment, seats: Seats) -> Result<Self, segment::Error> {
        Ok(Self {
            ledger: segment.value(super::MAIN, Ledger::EMPTY)?,
            seats,
        })
    }

    /// Notes the last adder's tally and returns the ledger after the next add.
    fn after_add(&self, ledger: &Ledger, seat: Seat<'_>, by: i64) -> Result<Ledger, Error> {
        let tally = ledger.tally_of(seat) + 1;
        if ledger.seat != u64::MAX {
            // Killed after this and before the commit, the next one notes the same again.
            self.seats
                .seat(ledger.seat as usize)
                .set_tally(ledger.tally);
        }
        Ok(Ledger {
            total: super::sum(ledger.total, by)?,
            seat: seat.index() as u64,
            tally,
        })
    }
}

impl Contender for LedgerContender {
    fn add(&self, seat: Seat<'_>, by: i64, observer: Option<&mut Observer>) -> Result<(), Error> {
        let mut ledger = self.ledger.lock()?;
        match self.observed_add(&mut ledger, seat, by, observer) {
            Ok(()) => Ok(()),
            Err(error) => {
                ValueGuard::discard(ledger);
                Err(error)
            }
        }
    }

    fn total(&self) -> i64 {
        self.ledger.load().total
    }

    fn tally(&self, seat: Seat<'_>) -> u64 {
        // Without the lock, so that a kill is not timed by it. A seat that is not in the ledger had
        // its tally noted before the commit that took its place, so what is read is not older.
        self.ledger.load().tally_of(seat)
    }

    fn recoveries(&self) -> u32 {
        self.ledger.recoveries()
    }
}

impl LedgerContender {
    fn observed_add(
        &self,
        ledger: &mut ValueGuard<'_, Ledger>,
        seat: Seat<'_>,
        by: i64,
        observer: Option<&mut Observer>,
    ) -> Result<(), Error> {
        let next = self.after_add(ledger, seat, by)?;
        if let Some(observe) = observer {
            observe(Step::Read(ledger.total));
            observe(Step::Wrote(next.total));
        }
        **ledger = next;
        Ok(())
    }
}
