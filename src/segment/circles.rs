//! Finding out that a wait is one of a circle: each waits for a lock that the next one holds.
//!
//! The way goes from lock to owner and from owner to the wait it has [published](super::waiters), until
//! it comes back to who looks, or to somebody who is not known to wait. It is gone twice, and there is a
//! circle when both ways saw the same. Then all of it was so at one moment, the end of the first way:
//!
//! - Both ways saw the same wait of each thread, and a number names one wait. So each was in that
//!   wait from the first way's look to the second's, and during a wait a thread releases nothing and takes
//!   nothing but the lock it waits for.
//! - The second way saw each lock with its owner, which was in its wait before that look and after it.
//!   It waits for another lock, so it cannot have taken this one in the wait: it held it all along.
//! - So each of them waited for a lock that another held: the locks' owners differ, for a lock has one
//!   owner, and a thread met twice would have had the way go round without coming back. And who looks
//!   holds what it holds, and waits.
//!
//! One way alone does not show that: an owner may release the lock after the look at it, and then begin
//! the wait that is seen.
//!
//! Each waits for one lock, and a lock has one owner, so nobody is in two circles; and all who are in one
//! agree on who it is that gives up: the one with the largest thread id.

use super::waiters::{Wait, Waiter, Waiting};
use super::{Mapped, object};
use crate::raw::committed::Line;

impl Waiting<'_> {
    /// Returns who waits in a circle with the calling thread, itself first, each for a lock that the next
    /// holds; if there is a circle, and the calling thread is the one of it to give up.
    pub(crate) fn circle_to_break(&self) -> Option<Vec<Waiter>> {
        let others = self.way_back()?;
        if others.iter().any(|wait| wait.tid > self.me.tid()) {
            return None;
        }
        // All loads of the first way are Acquire, so none of the second comes before them.
        if self.way_back()? != others {
            return None;
        }
        let entries = self.segment.entries().unwrap_or_default();
        let waits = self.own().into_iter().chain(others);
        Some(waits.map(|wait| wait.described(&entries)).collect())
    }

    /// Goes from the lock that is waited for to its owner, and on, until the calling thread owns one;
    /// returns the waits of the owners on the way.
    fn way_back(&self) -> Option<Vec<Wait>> {
        let segment = &self.segment.mapped;
        let mut waits = Vec::new();
        let mut lock = self.lock;
        loop {
            let owner = segment.line_at(lock)?.lock().owner()?;
            if owner == self.me.tid() {
                return Some(waits);
            }
            let wait = segment.wait_of(owner)?;
            // Who owns what it waits for has just got it. More than there are slots is a circle that
            // the calling thread waits for and is not in.
            if wait.lock == lock || waits.len() == super::MOST_WAITERS {
                return None;
            }
            lock = wait.lock;
            waits.push(wait);
        }
    }
}

impl Mapped {
    fn wait_of(&self, tid: u32) -> Option<Wait> {
        let mut slots = self.waiters().iter().enumerate();
        slots.find_map(|(index, slot)| Wait::read(index, slot).filter(|wait| wait.tid == tid))
    }

    /// Returns the line at an offset that a slot told, if there can be one.
    fn line_at(&self, offset: u64) -> Option<&Line> {
        let start = usize::try_from(offset).ok()?;
        let end = start.checked_add(size_of::<Line>())?;
        self.words(start..end).and_then(object::line_of)
    }
}
