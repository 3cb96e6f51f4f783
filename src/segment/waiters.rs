//! Who waits for which lock: the table in which waits that last are published.
//!
//! Each entry is a slot ([`crate::raw::slot`]), occupied from the moment that a thread has waited
//! 100 ms for a lock until that wait ends. The kernel empties the slot of a waiter that dies, so nobody asks whether
//! a published waiter lives, and a thread id that is used again is not taken for the old one.
//!
//! | word | what it says |
//! |---|---|
//! | `notes[0]` | the number of the wait. Each occupant raises it: a number names one wait, for ever |
//! | `notes[1]` | who published it: thread id, and above it the process id; zero for nobody |
//! | `more[0]` | where the line of the lock is, in bytes from the start of the segment |
//! | `more[1]` | since when, in nanoseconds of the monotonic clock |
//!
//! Only the occupant writes them, and whoever is about to claim the slot and finds its own thread id
//! there, from a namesake that is dead. From the publishing until the slot is left a thread releases
//! nothing: what [`circles`](super::circles) proves stands on that.

use std::time::{Duration, SystemTime};

use super::object::slots_of;
use super::{Error, FIRST_ENTRY, Mapped, Segment, WAITERS, words_of};
use crate::raw::committed::Line;
use crate::raw::slot::Slot;
use crate::sys::atomic::{Acquire, AtomicU64, Relaxed, Release, SeqCst, fence};
use crate::sys::clock;
use crate::sys::robust_list::Thread;

/// A thread that waits for a lock, as it was when somebody looked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Waiter {
    /// Its process.
    pub pid: u32,
    /// The thread.
    pub tid: u32,
    /// The name of the object whose lock it waits for.
    pub object: String,
    /// Since when it waits.
    pub since: SystemTime,
}

/// A wait of the calling thread that others can see until this is dropped.
pub struct Waiting<'a> {
    pub(super) segment: &'a Segment,
    index: usize,
    slot: &'a Slot,
    /// Not `Send`: the kernel knows which thread is in the slot.
    pub(super) me: Thread,
    /// Where the lock is.
    pub(super) lock: u64,
}

/// What a slot says of a wait. Two that are equal are the same wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wait {
    slot: usize,
    number: u64,
    /// Where the lock is.
    pub(super) lock: u64,
    pub(super) tid: u32,
    pub(super) pid: u32,
    since: u64,
}

impl Segment {
    /// Returns who waits for a lock of this segment at this moment, and has for 100 ms or
    /// [what was set](super::SegmentOptions::look_for_deadlocks_after) instead.
    ///
    /// Not seen are those who wait for anything else (a value, a permit), and more than 64.
    ///
    /// # Errors
    ///
    /// [`Error::Foreign`] when the directory makes no sense.
    ///
    /// # Examples
    ///
    /// ```
    /// let segment = shmcount::Segment::create("doc-waiters")?;
    /// assert!(segment.waiters()?.is_empty());
    /// # segment.remove()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn waiters(&self) -> Result<Vec<Waiter>, Error> {
        let entries = self.entries()?;
        let waits = (0..).zip(self.mapped.waiters());
        let waits = waits.filter_map(|(index, slot)| {
            // Twice: what is read while the slot changes hands is not one wait.
            let wait = Wait::read(index, slot)?;
            (Wait::read(index, slot) == Some(wait)).then_some(wait)
        });
        Ok(waits.map(|wait| wait.described(&entries)).collect())
    }

    /// Publishes that the calling thread waits for the lock of this line, if a slot is free.
    ///
    /// The calling thread takes and releases nothing until the wait is dropped, but that lock.
    #[cold]
    pub(crate) fn publish_wait(&self, me: Thread, line: &Line) -> Option<Waiting<'_>> {
        me.check_room().ok()?;
        let lock = self.mapped.offset_of(line)?;
        let slots = self.mapped.waiters();
        // Threads begin at different slots, so that they do not meet at the first.
        let start = me.tid() as usize % slots.len();
        let mut indices = (start..slots.len()).chain(0..start);
        let index = indices.find(|index| claim(&slots[*index], me))?;
        let waited = self.protocol().first_look.wait().unwrap_or_default();
        publish(&slots[index], me, lock, waited);
        Some(Waiting {
            segment: self,
            index,
            slot: &slots[index],
            me,
            lock,
        })
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        // Before the slot is empty, so that none that was left names its occupant.
        self.slot.notes[1].store(0, Relaxed);
        // The locks that this thread takes from here on are not seen to be its own before the wait is
        // seen to be over.
        fence(SeqCst);
        // SAFETY: `publish_wait` has claimed it for the calling thread, for this is not Send; the
        // segment is borrowed.
        unsafe { self.slot.leave(self.me, self.segment.protocol()) };
        // Nobody sleeps on it.
        self.me.clear_pending();
    }
}

impl Wait {
    /// Reads what a slot says, if somebody living is in it and has published a wait.
    ///
    /// Acquire throughout, with the Release of whoever wrote: a later occupant's word is not followed
    /// by an earlier one's.
    pub(super) fn read(index: usize, slot: &Slot) -> Option<Self> {
        let tid = slot.occupant().living()?;
        let publisher = slot.notes[1].load(Acquire);
        // Else the occupant has published nothing yet: these are the words of one before it.
        (publisher as u32 == tid).then(|| Self {
            slot: index,
            number: slot.notes[0].load(Acquire),
            lock: slot.more[0].load(Acquire),
            tid,
            pid: (publisher >> 32) as u32,
            since: slot.more[1].load(Acquire),
        })
    }

    pub(super) fn described(self, entries: &[super::Entry]) -> Waiter {
        Waiter {
            pid: self.pid,
            tid: self.tid,
            object: name_at(self.lock, entries),
            since: wall_time(self.since),
        }
    }
}

impl Waiting<'_> {
    /// Returns what this thread has published, unless somebody has damaged it.
    pub(super) fn own(&self) -> Option<Wait> {
        Wait::read(self.index, self.slot)
    }
}

impl Mapped {
    /// Returns the slots of those who wait.
    pub(super) fn waiters(&self) -> &[Slot] {
        words_of(&self.mapping, WAITERS..FIRST_ENTRY)
            .and_then(slots_of)
            .expect("a segment is made and checked to be longer than this")
    }

    /// Returns where a line of this segment is.
    fn offset_of(&self, line: &Line) -> Option<u64> {
        let start = self.mapping.start().as_ptr() as usize;
        let offset = (std::ptr::from_ref(line) as usize).checked_sub(start)?;
        (offset < self.mapping.len()).then_some(offset as u64)
    }
}

/// Occupies a slot if nobody living is there.
fn claim(slot: &Slot, me: Thread) -> bool {
    // One that died here and had the id that is ours now has left a wait that is not ours. Nobody but
    // this thread writes its id, so none that is taken away here is anybody's who lives.
    let publisher = slot.notes[1].load(Relaxed);
    if publisher as u32 == me.tid() {
        let _ = slot.notes[1].compare_exchange(publisher, 0, SeqCst, Relaxed);
    }
    // That is seen by whoever sees us in the slot.
    fence(SeqCst);
    // SAFETY: the slots are part of the segment, which the wait that is made of this borrows.
    unsafe { slot.claim(me) }.is_some()
}

/// Writes into a slot what its occupant waits for, and has for a while already.
fn publish(slot: &Slot, me: Thread, lock: u64, waited: Duration) {
    let since = clock::monotonic_ns().saturating_sub(waited.as_nanos() as u64);
    let number = slot.notes[0].load(Relaxed).wrapping_add(1);
    // Release: pairs with the Acquires in `read`. The publisher's name comes last.
    let write = |word: &AtomicU64, value| word.store(value, Release);
    write(&slot.more[0], lock);
    write(&slot.more[1], since);
    write(&slot.notes[0], number);
    let publisher = u64::from(std::process::id()) << 32 | u64::from(me.tid());
    write(&slot.notes[1], publisher);
}

/// Names the object that lies at an offset.
fn name_at(offset: u64, entries: &[super::Entry]) -> String {
    let object = entries
        .iter()
        .find(|entry| entry.range().contains(&(offset as usize)));
    object.map_or_else(|| format!("byte {offset}"), |entry| entry.name().to_owned())
}

fn wall_time(monotonic_ns: u64) -> SystemTime {
    let ago = clock::monotonic_ns().saturating_sub(monotonic_ns);
    let now = SystemTime::now();
    now.checked_sub(Duration::from_nanos(ago)).unwrap_or(now)
}
