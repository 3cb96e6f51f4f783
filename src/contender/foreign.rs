//! A number that is added to under somebody else's lock.
//!
//! The number lies where [`Value`] keeps it, or for a benchmark beside the lock, and is read and
//! written plainly. A seat says what its
//! thread is doing, because these locks cannot be asked who holds them. A killed process leaves the
//! number with its last add or without, and the lock as its own file says.

use std::path::PathBuf;
use std::ptr::NonNull;

use super::seats::Phase;
use super::{Acquired, Bare, Contender, Error, ForeignLock, Observer, Place, Seat};
use crate::segment::{Kind, Located, Shape};
use crate::sync::Value;
use crate::sys::atomic::{Acquire, AtomicU64, Relaxed};

/// A number and a foreign lock.
pub struct Foreign<L> {
    lock: L,
    value: Value<i64>,
    layout: Layout,
    /// Keeps the lock's bytes mapped.
    place: Located,
}

/// Where the number lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// In the value, where everybody finds it.
    Apart,
    /// On the cache line of the lock: a contended add moves one line and not two.
    Beside,
}

/// The lock's bytes begin on the second cache line; the first counts the owners found dead.
const HEAD: usize = 8;
/// The number beside the lock: the last word of its line.
const BESIDE: usize = HEAD + 7;
/// What is left to a lock that shares its line with the number.
const MOST_BYTES: usize = 56;

impl<L: ForeignLock> Foreign<L> {
    /// Opens the lock of this kind in the number's segment, or makes it.
    ///
    /// # Errors
    ///
    /// [`Error::Segment`]; [`Error::System`] when the system refuses such a lock.
    pub fn open_or_create(value: Value<i64>, layout: Layout) -> Result<Self, Error> {
        const { assert!(L::BYTES <= MOST_BYTES) };
        let file = value.segment().path();
        let object = format!("lock.{}", L::NAME);
        let words = BESIDE + 1;
        let shape = Shape::of::<u64>(Kind::Words, L::BYTES as u64, words);
        let mut made = Ok(());
        let place = value.segment().locate(&object, shape, |words| {
            // SAFETY: fresh zeroed words of an object that nobody else can open yet, BYTES long.
            made = unsafe { L::create(&place_in(words, &file)) };
        })?;
        made.map_err(|source| Error::system(L::NAME, "make", source))?;
        // SAFETY: the object was published after its lock was made; `place` keeps it mapped.
        let lock = unsafe { L::attach(&place_in(place.words(), &file)) };
        let lock = lock.map_err(|source| Error::system(L::NAME, "open", source))?;
        Ok(Self {
            lock,
            value,
            layout,
            place,
        })
    }

    fn deaths(&self) -> &AtomicU64 {
        &self.place.words()[0]
    }

    #[inline]
    fn number(&self) -> &AtomicU64 {
        match self.layout {
            Layout::Apart => self.value.unprotected(),
            Layout::Beside => &self.place.words()[BESIDE],
        }
    }

    #[inline]
    fn lock(&self) -> Result<(), Error> {
        let acquired = self.lock.lock();
        let acquired = acquired.map_err(|source| Error::system(L::NAME, "take", source))?;
        if acquired == Acquired::OwnerDied {
            self.deaths().fetch_add(1, Relaxed);
        }
        Ok(())
    }

    #[inline]
    fn unlock(&self) -> Result<(), Error> {
        let released = self.lock.unlock();
        released.map_err(|source| Error::system(L::NAME, "release", source))
    }
}

impl<L: ForeignLock> Contender for Foreign<L> {
    fn add(&self, seat: Seat<'_>, by: i64, observer: Option<&mut Observer>) -> Result<(), Error> {
        seat.set_phase(Phase::Waiting);
        self.lock()?;
        seat.set_phase(Phase::Holding);
        let added = super::read_and_write(self.number(), by, observer);
        let released = self.unlock();
        seat.set_phase(Phase::Away);
        released?;
        added?;
        seat.set_tally(seat.tally() + 1);
        Ok(())
    }

    fn total(&self) -> i64 {
        // Acquire: as in `Value::load`.
        self.number().load(Acquire) as i64
    }

    fn recoveries(&self) -> u32 {
        self.deaths().load(Relaxed) as u32
    }
}

impl<L: ForeignLock> Bare for Foreign<L> {
    #[inline(always)]
    fn add_bare(&self, by: i64) -> Result<(), Error> {
        self.lock()?;
        let added = super::read_and_write(self.number(), by, None);
        self.unlock()?;
        added
    }
}

fn place_in<'a>(words: &[AtomicU64], file: &'a PathBuf) -> Place<'a> {
    Place {
        bytes: NonNull::from(&words[HEAD..]).cast(),
        file,
    }
}
