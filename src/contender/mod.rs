//! Floor 4: ways for processes to add to one number, each behind one trait.
//!
//! Ours, the locks of others, and none at all, so that one harness and one benchmark run them side
//! by side. Each file says what a killed process leaves.

mod atomic;
mod bare;
mod fifo;
mod foreign;
mod ledger;
mod lock;
mod none;
mod robust;
mod robust_guard;
mod seats;
mod sharded;
mod work;

mod flock;
mod futex;
mod ofd;
mod posix_sem;
mod process_mutex;
mod pthread;
mod pthread_robust;
mod raw_sync;
mod thread_file;

use std::fmt;
use std::io;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use self::{
    flock::Flock, futex::Futex, ofd::Ofd, posix_sem::PosixSem, pthread::Pthread,
    pthread_robust::PthreadRobust, raw_sync::RawSync,
};
use crate::segment::{self, Segment};
use crate::sync::{AddError, LockError, Value};
use crate::sys::atomic::{AtomicU64, Relaxed};
pub use bare::Bare;
use foreign::{Foreign, Layout};
pub use ledger::Ledger;
pub use lock::{Acquired, ForeignLock, PLACE_ALIGN, Place};
pub use seats::{Phase, Seat, Seats};
pub use work::Work;

/// The object that a bare segment name stands for.
pub const MAIN: &str = "main";

/// One way for processes to add to one number.
pub trait Contender: Send + Sync {
    /// Adds, and counts the add in the caller's seat. An observer is told what is read and written,
    /// while the lock, if there is one, is held.
    ///
    /// # Errors
    ///
    /// [`Error`], with nothing added.
    fn add(&self, seat: Seat<'_>, by: i64, observer: Option<&mut Observer>) -> Result<(), Error>;

    /// Returns the number.
    fn total(&self) -> i64;

    /// Returns how many adds of a seat are in the number, as far as this way can tell.
    fn tally(&self, seat: Seat<'_>) -> u64 {
        seat.tally()
    }

    /// Returns how often a lock was taken over from an owner that died.
    fn recoveries(&self) -> u32 {
        0
    }
}

/// Is told of every step of an add.
pub type Observer<'a> = dyn FnMut(Step) + 'a;

/// A step of an add.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The total was read.
    Read(i64),
    /// The total is written; with a guard, it commits when the add ends.
    Wrote(i64),
}

/// Why nothing was added.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The sum is no 64-bit number.
    #[error("adding {by} to {total} overflows 64 bits")]
    Overflow {
        /// The total, which stays.
        total: i64,
        /// What was to be added.
        by: i64,
    },
    /// Our lock was not got.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A foreign lock failed.
    #[error("cannot {action} the {lock} lock")]
    System {
        /// Which.
        lock: &'static str,
        /// What was tried.
        action: &'static str,
        /// What the system answered.
        source: io::Error,
    },
    /// The segment cannot hold it.
    #[error(transparent)]
    Segment(#[from] segment::Error),
}

impl Error {
    fn system(lock: &'static str, action: &'static str, source: io::Error) -> Self {
        Self::System {
            lock,
            action,
            source,
        }
    }
}

impl From<AddError> for Error {
    fn from(error: AddError) -> Self {
        match error {
            AddError::Overflow { value, by } => Self::Overflow {
                total: value as i64,
                by: by as i64,
            },
            AddError::Lock(error) => Self::Lock(error),
        }
    }
}

/// The ways there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LockKind {
    /// Ours.
    Robust,
    /// Ours, granted in the order of asking.
    Fifo,
    /// No lock: our counter, with a cell for each thread.
    Sharded,
    /// The raw_sync crate's mutex.
    RawSync,
    /// A process-shared pthread mutex.
    Pthread,
    /// A robust, process-shared pthread mutex.
    PthreadRobust,
    /// A POSIX semaphore with one permit.
    PosixSem,
    /// The three-state mutex on a bare futex.
    Futex,
    /// `flock(2)` on a file.
    Flock,
    /// An open-file-description lock.
    Ofd,
    /// No lock: one atomic instruction.
    Atomic,
    /// No lock: read, add, write back.
    None,
}

impl LockKind {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Robust,
        Self::Fifo,
        Self::Sharded,
        Self::RawSync,
        Self::Pthread,
        Self::PthreadRobust,
        Self::PosixSem,
        Self::Futex,
        Self::Flock,
        Self::Ofd,
        Self::Atomic,
        Self::None,
    ];

    /// Returns its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Robust => "robust",
            Self::Fifo => "fifo",
            Self::Sharded => "sharded",
            Self::RawSync => "raw-sync",
            Self::Pthread => "pthread",
            Self::PthreadRobust => "pthread-robust",
            Self::PosixSem => "posix-sem",
            Self::Futex => "futex",
            Self::Flock => "flock",
            Self::Ofd => "ofd",
            Self::Atomic => "atomic",
            Self::None => "none",
        }
    }

    /// Opens this way to add to the number of a segment, or makes it: for whoever has no seats.
    ///
    /// # Errors
    ///
    /// [`Error::Segment`], [`Error::System`].
    pub fn open(self, value: Value<i64>) -> Result<Box<dyn Contender>, Error> {
        Ok(self.open_as(value, Layout::Apart)?)
    }

    /// Opens this way for a benchmark, or makes it. The number of a foreign lock lies beside it then,
    /// on one cache line, where a program that knows the price of a second one would put it; only
    /// [`Contender::total`] finds it there.
    ///
    /// # Errors
    ///
    /// [`Error::Segment`], [`Error::System`].
    pub fn open_bare(self, value: Value<i64>) -> Result<Box<dyn Bare>, Error> {
        self.open_as(value, Layout::Beside)
    }

    fn open_as(self, value: Value<i64>, layout: Layout) -> Result<Box<dyn Bare>, Error> {
        match self {
            Self::Robust => Ok(Box::new(robust::Robust::new(value))),
            Self::Fifo => Ok(Box::new(fifo::Fifo::open_or_create(value)?)),
            Self::Sharded => Ok(Box::new(sharded::Sharded::open_or_create(value)?)),
            Self::RawSync => foreign::<RawSync>(value, layout),
            Self::Pthread => foreign::<Pthread>(value, layout),
            Self::PthreadRobust => foreign::<PthreadRobust>(value, layout),
            Self::PosixSem => foreign::<PosixSem>(value, layout),
            Self::Futex => foreign::<Futex>(value, layout),
            Self::Flock => foreign::<Flock>(value, layout),
            Self::Ofd => foreign::<Ofd>(value, layout),
            Self::Atomic => Ok(Box::new(atomic::Atomic::new(value))),
            Self::None => Ok(Box::new(none::Unlocked::new(value))),
        }
    }

    /// Opens this way for the workers of a run, or makes it. Our locks keep a ledger then, so that a
    /// killed worker's successor resumes exactly.
    ///
    /// # Errors
    ///
    /// [`Error::Segment`], [`Error::System`].
    pub fn open_for_run(
        self,
        segment: &Segment,
        seats: Seats,
    ) -> Result<Box<dyn Contender>, Error> {
        match self {
            Self::Robust => Ok(Box::new(ledger::LedgerContender::open_or_create(
                segment, seats,
            )?)),
            Self::Fifo => Ok(Box::new(fifo::FifoLedger::open_or_create(segment, seats)?)),
            _ => self.open(segment.value(MAIN, 0)?),
        }
    }
}

impl fmt::Display for LockKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

/// There is no lock of that name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown lock '{0}': there are {names}", names = LockKind::ALL.map(LockKind::name).join(", "))]
pub struct UnknownLock(String);

impl FromStr for LockKind {
    type Err = UnknownLock;

    fn from_str(name: &str) -> Result<Self, UnknownLock> {
        let known = Self::ALL.into_iter().find(|kind| kind.name() == name);
        known.ok_or_else(|| UnknownLock(name.to_owned()))
    }
}

/// Opens our lock, taken through a guard, for a benchmark: beside [`LockKind::Robust`], which adds
/// without one.
pub fn open_bare_guard(value: Value<i64>) -> Box<dyn Bare> {
    Box::new(robust_guard::RobustGuard::new(value))
}

fn foreign<L: ForeignLock + 'static>(
    value: Value<i64>,
    layout: Layout,
) -> Result<Box<dyn Bare>, Error> {
    Ok(Box::new(Foreign::<L>::open_or_create(value, layout)?))
}

/// Adds by a read and a write, with nothing between them: what a lock is for.
#[inline(always)]
fn read_and_write(
    total: &AtomicU64,
    by: i64,
    observer: Option<&mut Observer>,
) -> Result<(), Error> {
    // Relaxed, here and below: if anything is ordered, it is by the lock.
    let read = total.load(Relaxed) as i64;
    let sum = sum(read, by)?;
    match observer {
        None => total.store(sum as u64, Relaxed),
        Some(observe) => {
            observe(Step::Read(read));
            total.store(sum as u64, Relaxed);
            observe(Step::Wrote(sum));
        }
    }
    Ok(())
}

#[inline]
fn sum(total: i64, by: i64) -> Result<i64, Error> {
    total.checked_add(by).ok_or(Error::Overflow { total, by })
}
