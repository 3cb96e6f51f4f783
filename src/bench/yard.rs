//! Where a round takes place: a segment of its own with a fresh contender, gone when dropped.
//!
//! Also some plain words by which the processes of a round tell the one that measures how it went,
//! on cache lines of their own. Each is written by one process.

use super::entrant::Entrant;
use super::error::Error;
use crate::contender::{Bare, MAIN};
use crate::segment::{Kind, Located, Release, Segment, SegmentOptions, Shape};
use crate::sys::atomic::AtomicU64;

/// Words of each process: two cache lines, because processors fetch lines in pairs.
pub(super) const WORDS: usize = 16;
/// Room for directory, gate, number and lock, of which a counter's cells take most.
const OTHERS: usize = 16 * 1024;

/// A segment with a contender in it.
pub(super) struct Yard {
    pub(super) contender: Box<dyn Bare>,
    notes: Located,
    segment: Removed,
}

impl Yard {
    /// Makes one with notes for so many processes.
    pub(super) fn new(
        entrant: Entrant,
        processes: usize,
        release: Option<Release>,
    ) -> Result<Self, Error> {
        let size = processes * WORDS * size_of::<u64>() + OTHERS;
        let mut options = SegmentOptions::new().capacity(size).temporary();
        if let Some(release) = release {
            options = options.release(release);
        }
        let name = format!("bench-{}-{:08x}", std::process::id(), fastrand::u32(..));
        let segment = Removed(options.create(&name)?);
        let shape = Shape::of::<u64>(Kind::Words, processes as u64, processes * WORDS);
        let notes = segment.0.locate("notes", shape, |_| {})?;
        let contender = entrant.open(segment.0.value(MAIN, 0i64)?)?;
        Ok(Self {
            contender,
            notes,
            segment,
        })
    }

    pub(super) fn segment(&self) -> &Segment {
        &self.segment.0
    }

    /// Returns the words of a process.
    pub(super) fn notes(&self, process: usize) -> &[AtomicU64] {
        &self.notes.words()[process * WORDS..][..WORDS]
    }
}

struct Removed(Segment);

impl Drop for Removed {
    fn drop(&mut self) {
        // It was ours and mapped; if it cannot be unlinked now, nobody could say more.
        let _ = self.0.remove();
    }
}
