//! Our FIFO lock: every add waits for its turn, in the order of asking.
//!
//! A killed process leaves the lock to the next in line, and the number with its last add or without;
//! in a run the number is a ledger, so a killed worker's successor resumes exactly.

use super::ledger::LedgerContender;
use super::seats::Seats;
use super::{Bare, Contender, Error, Observer, Seat};
use crate::segment::{self, Segment};
use crate::sync::{FifoLock, Value};

/// The object's name.
const LOCK: &str = "lock.fifo";

/// A number that is added to by turns.
#[derive(Debug)]
pub struct Fifo {
    lock: FifoLock,
    value: Value<i64>,
}

/// A ledger that the workers of a run add to by turns.
#[derive(Debug)]
pub struct FifoLedger {
    lock: FifoLock,
    ledger: LedgerContender,
}

impl Fifo {
    /// Opens the lock of a number's segment, or makes it.
    ///
    /// # Errors
    ///
    /// As [`Segment::fifo_lock`].
    pub fn open_or_create(value: Value<i64>) -> Result<Self, segment::Error> {
        Ok(Self {
            lock: value.segment().fifo_lock(LOCK)?,
            value,
        })
    }
}

impl FifoLedger {
    /// Opens lock and ledger of a run, or makes them.
    ///
    /// # Errors
    ///
    /// As [`Segment::fifo_lock`].
    pub fn open_or_create(segment: &Segment, seats: Seats) -> Result<Self, segment::Error> {
        Ok(Self {
            lock: segment.fifo_lock(LOCK)?,
            ledger: LedgerContender::open_or_create(segment, seats)?,
        })
    }
}

impl Contender for Fifo {
    fn add(&self, seat: Seat<'_>, by: i64, observer: Option<&mut Observer>) -> Result<(), Error> {
        let turn = self.lock.lock()?;
        super::read_and_write(self.value.unprotected(), by, observer)?;
        drop(turn);
        seat.set_tally(seat.tally() + 1);
        Ok(())
    }

    fn total(&self) -> i64 {
        self.value.load()
    }

    fn recoveries(&self) -> u32 {
        self.lock.recoveries()
    }
}

impl Bare for Fifo {
    #[inline(always)]
    fn add_bare(&self, by: i64) -> Result<(), Error> {
        let _turn = self.lock.lock()?;
        super::read_and_write(self.value.unprotected(), by, None)
    }
}

impl Contender for FifoLedger {
    fn add(&self, seat: Seat<'_>, by: i64, observer: Option<&mut Observer>) -> Result<(), Error> {
        let _turn = self.lock.lock()?;
        // Under a lock of its own as well, which is always free here: its commit is what is exact.
        self.ledger.add(seat, by, observer)
    }

    fn total(&self) -> i64 {
        self.ledger.total()
    }

    fn tally(&self, seat: Seat<'_>) -> u64 {
        self.ledger.tally(seat)
    }

    fn recoveries(&self) -> u32 {
        // Of the ledger's own lock too, the next in line finds the owner dead.
        self.lock.recoveries()
    }
}
