//! A seat for each worker thread of a run: how much it has counted, and how far it may go.
//!
//! Plain words, one pair of cache lines a seat. `tally` is written as its contender says; `phase`
//! by the thread in the seat; `mark` and `limit` by the coordinator, before the thread starts.
//! A killed thread leaves its seat as it was, for the one that takes its place.

use crate::segment::{Error, Kind, Located, Segment, Shape};
use crate::sys::atomic::{AtomicU64, Relaxed};

/// The object's name.
const NAME: &str = "seats";
/// 128 bytes: neighbours never share a line, nor the pair that processors fetch at once.
const WORDS: usize = 16;

/// The seats of a run.
#[derive(Clone, Debug)]
pub struct Seats {
    located: Located,
}

/// The seat of one worker thread.
#[derive(Clone, Copy, Debug)]
pub struct Seat<'a> {
    index: usize,
    words: &'a [AtomicU64],
}

/// What a thread does with a lock that cannot say itself who holds it and who waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum Phase {
    /// Something else.
    Away = 0,
    /// Waiting for the lock.
    Waiting = 1,
    /// Inside.
    Holding = 2,
}

impl<'a> Seat<'a> {
    /// Takes words of one's own for a seat: for a worker that nobody supervises.
    pub fn alone(words: &'a [AtomicU64; WORDS]) -> Self {
        Self { index: 0, words }
    }
}

impl Seats {
    /// Makes `count` empty seats.
    ///
    /// # Errors
    ///
    /// As [`Segment::value`].
    pub fn create(segment: &Segment, count: usize) -> Result<Self, Error> {
        let located = segment.locate(NAME, shape(count), |words| {
            for seat in words.chunks(WORDS) {
                Seat {
                    index: 0,
                    words: seat,
                }
                .set_course(u64::MAX, u64::MAX);
            }
        })?;
        Ok(Self { located })
    }

    /// Opens the seats that the coordinator made.
    ///
    /// # Errors
    ///
    /// As [`Segment::open_value`].
    pub fn open(segment: &Segment, count: usize) -> Result<Self, Error> {
        let located = segment.locate_existing(NAME, shape(count))?;
        Ok(Self { located })
    }

    /// Tells whether a segment is a run's: no other has seats.
    pub fn are_in(segment: &Segment) -> bool {
        let entry = segment.find(NAME).ok().flatten();
        entry.is_some_and(|entry| entry.kind() == Some(Kind::Words))
    }

    /// Returns a seat.
    ///
    /// # Panics
    ///
    /// When there are not that many.
    pub fn seat(&self, index: usize) -> Seat<'_> {
        Seat {
            index,
            words: &self.located.words()[index * WORDS..][..WORDS],
        }
    }

    /// Returns all seats.
    pub fn iter(&self) -> impl Iterator<Item = Seat<'_>> {
        (0..self.located.words().len() / WORDS).map(|index| self.seat(index))
    }
}

fn shape(count: usize) -> Shape {
    Shape::of::<u64>(Kind::Words, count as u64, count * WORDS)
}

// Relaxed throughout: each word is read for itself alone, and what must not be lost is ordered by
// the lock under which it is written.
impl Seat<'_> {
    /// Returns which seat it is.
    pub fn index(self) -> usize {
        self.index
    }

    /// Returns how many adds are noted here.
    pub fn tally(self) -> u64 {
        self.words[0].load(Relaxed)
    }

    /// Notes how many adds there were.
    pub fn set_tally(self, tally: u64) {
        self.words[0].store(tally, Relaxed);
    }

    /// Returns what its thread does.
    pub fn phase(self) -> Phase {
        match self.words[1].load(Relaxed) {
            1 => Phase::Waiting,
            2 => Phase::Holding,
            _ => Phase::Away,
        }
    }

    /// Says what its thread does.
    pub fn set_phase(self, phase: Phase) {
        self.words[1].store(phase as u64, Relaxed);
    }

    /// Returns at which tally the coordinator wants to be told.
    pub fn mark(self) -> u64 {
        self.words[2].load(Relaxed)
    }

    /// Returns at which tally the thread stops and waits for its end.
    pub fn limit(self) -> u64 {
        self.words[3].load(Relaxed)
    }

    /// Returns when its thread had done its adds, in nanoseconds of the monotonic clock; 0 before.
    pub fn finished_ns(self) -> u64 {
        self.words[4].load(Relaxed)
    }

    /// Says when its thread had done its adds.
    pub fn set_finished_ns(self, finished: u64) {
        self.words[4].store(finished, Relaxed);
    }

    /// Sets mark and limit.
    pub fn set_course(self, mark: u64, limit: u64) {
        self.words[2].store(mark, Relaxed);
        self.words[3].store(limit, Relaxed);
    }
}
