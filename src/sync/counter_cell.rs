//! The cells of a counter, and one that a thread has claimed.
//!
//! | word | written by | what it says |
//! |---|---|---|
//! | `notes[COUNT]` of a cell's slot | the thread in it | the sum of what it and those before it added |
//! | the one word | whoever has no cell, by an atomic addition | the sum of what they added |
//!
//! A killed thread leaves its cell's count with its last add or without it. Nobody sleeps here.

use std::sync::Arc;

use crate::raw::slot::Slot;
use crate::segment::{Error, Kind, Object, Room, Segment};
use crate::sys::atomic::{AtomicU64, Relaxed};
use crate::sys::robust_list::Thread;

use super::own_cells;

const COUNT: usize = 0;
/// Two slots a cell, of which one is used: processors fetch cache lines in pairs.
const SLOTS: usize = 2;
/// Two cache lines, for the word that threads without a cell share.
const WORDS: usize = 16;

/// The cells of a counter, in memory that stays mapped as long as this.
pub(super) struct Cells {
    object: Object<u64>,
}

/// What the clones of one handle share. When the last of them goes, so does this.
pub(super) struct Opened {
    id: u64,
    cells: Arc<Cells>,
}

/// The calling thread's own cell, until it is dropped.
pub(super) struct OwnCell {
    cells: Arc<Cells>,
    index: usize,
    /// Of the handle that it was claimed for.
    id: u64,
    /// Not `Send`: the kernel knows which thread is in the slot.
    occupant: Thread,
}

/// Adds to the count of a cell of the calling thread's. Killed between the two, nothing was added.
#[inline(always)]
pub(super) fn add_alone(count: &AtomicU64, by: i64) {
    // Relaxed: nobody else writes it, and a count publishes nothing.
    count.store(count.load(Relaxed).wrapping_add(by as u64), Relaxed);
}

impl Opened {
    pub(super) fn new(cells: Cells) -> Self {
        /// Never the same twice in a process, so what is kept by it cannot be another's.
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self {
            // Relaxed: only that no two are the same matters.
            id: NEXT.fetch_add(1, Relaxed),
            cells: Arc::new(cells),
        }
    }

    #[inline]
    pub(super) fn id(&self) -> u64 {
        self.id
    }

    pub(super) fn cells(&self) -> &Cells {
        &self.cells
    }

    /// Claims a cell that nobody living is in, if there is one.
    pub(super) fn claim(&self) -> Option<OwnCell> {
        let me = Thread::current();
        me.check_room().ok()?;
        let count = self.cells.len();
        // Threads begin at different cells, so that they do not meet at the first.
        let start = me.tid() as usize % count;
        let is_claimed = |index: &usize| {
            // SAFETY: it stays mapped as long as `cells`, which an `OwnCell` keeps until it has left
            // the slot; one that is forgotten keeps it for ever.
            unsafe { self.cells.slot(*index).claim(me) }.is_some()
        };
        let index = (start..count).chain(0..start).find(is_claimed)?;
        Some(OwnCell {
            cells: Arc::clone(&self.cells),
            index,
            id: self.id,
            occupant: me,
        })
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        own_cells::leave(self.id);
    }
}

impl Cells {
    pub(super) fn open_or_create(
        segment: &Segment,
        object: &str,
        cells: u32,
    ) -> Result<Self, Error> {
        if cells == 0 {
            return Err(Error::OutOfRange {
                object: object.to_owned(),
                what: "number of cells",
                found: 0,
                expected: "1 or more",
            });
        }
        let room = Room {
            slots: SLOTS * cells as usize,
            words: WORDS,
        };
        let identity = (Kind::Counter, u64::from(cells));
        let object = segment.object::<u64, i64>(object, identity, room, 0, |_| {})?;
        Ok(Self { object })
    }

    pub(super) fn len(&self) -> usize {
        self.object.slots().len() / SLOTS
    }

    pub(super) fn segment(&self) -> &Segment {
        self.object.segment()
    }

    /// Returns the word of all threads that have no cell.
    pub(super) fn shared(&self) -> &AtomicU64 {
        &self.object.words()[0]
    }

    pub(super) fn sum(&self) -> i64 {
        let cells = self.iter().map(|slot| &slot.notes[COUNT]);
        let words = cells.chain([self.shared()]);
        // Relaxed: each is read for itself; what makes a sum exact is the caller's knowledge.
        words.fold(0, |sum: u64, word| sum.wrapping_add(word.load(Relaxed))) as i64
    }

    pub(super) fn in_use(&self) -> usize {
        self.iter()
            .filter(|slot| slot.occupant().living().is_some())
            .count()
    }

    /// Returns the count of a cell, for who has claimed it.
    pub(super) fn count_of(&self, own: &OwnCell) -> &AtomicU64 {
        &self.slot(own.index).notes[COUNT]
    }

    fn slot(&self, index: usize) -> &Slot {
        &self.object.slots()[index * SLOTS]
    }

    fn iter(&self) -> impl Iterator<Item = &Slot> {
        self.object.slots().iter().step_by(SLOTS)
    }
}

impl OwnCell {
    #[inline]
    pub(super) fn count(&self) -> &AtomicU64 {
        self.cells.count_of(self)
    }

    pub(super) fn id(&self) -> u64 {
        self.id
    }

    #[inline]
    pub(super) fn occupant(&self) -> Thread {
        self.occupant
    }
}

impl Drop for OwnCell {
    fn drop(&mut self) {
        own_cells::forget_cached(self);
        // In a child that was forked while this lived, the cell is the parent's.
        if self.occupant.is_from_before_fork() {
            return;
        }
        let slot = self.cells.slot(self.index);
        // SAFETY: claimed by this thread, for an `OwnCell` is not Send.
        unsafe { slot.leave(self.occupant, self.cells.object.protocol()) };
        // Nobody sleeps for a cell, so nothing is owed.
        self.occupant.clear_pending();
    }
}
