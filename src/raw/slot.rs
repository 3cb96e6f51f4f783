//! A place that one living thread occupies, and that the kernel empties when the thread ends.
//!
//! The word has the form of a robust futex, and its node lies on the occupant's robust list: so who
//! is there, and whether it lives, is one load, and no process id is ever looked up that another
//! process may carry by now. A permit, a party of a barrier, a cell of a counter and a place in a
//! queue of waiters are each a slot.
//!
//! | word | written by | what it says |
//! |---|---|---|
//! | `word` | whoever claims it while nobody is there; the occupant; the kernel at its death | thread, `WAITERS`; or `OWNER_DIED` |
//! | `notes` | as the object says that it belongs to | what the occupant is there for |
//!
//! A dead occupant's notes stay until somebody claims the slot or [forgets](Slot::forget_death) it.

#[cfg(not(loom))]
use std::mem::offset_of;

use super::protocol::{Protocol, ReleaseBy};
use super::robust_lock::{OWNER, OWNER_DIED, UNLOCKED, WAITERS};
use crate::sys::atomic::{Acquire, AtomicU32, AtomicU64, Relaxed, Release, SeqCst, compiler_fence};
use crate::sys::futex::Futex;
use crate::sys::robust_list::{self, Thread};

/// A slot in shared memory. Zeroed bytes are an empty one.
#[repr(C, align(64))]
#[derive(Debug, Default)]
pub struct Slot {
    word: AtomicU32,
    reserved: AtomicU32,
    /// What the occupant is there for, in words of the object's own.
    pub notes: [AtomicU64; 2],
    node: robust_list::Node,
    /// More of them.
    pub more: [AtomicU64; 3],
}

/// Who is in a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occupant {
    /// Nobody.
    None,
    /// The thread of this id, alive.
    Living(u32),
    /// Nobody any more: the thread ended without leaving.
    Dead,
}

impl Occupant {
    /// Returns the living thread.
    pub fn living(self) -> Option<u32> {
        match self {
            Self::Living(tid) => Some(tid),
            Self::None | Self::Dead => None,
        }
    }
}

impl Slot {
    /// Occupies the slot if nobody living is there. Returns who was there before: nobody, or a dead
    /// one; nothing when a living one is.
    ///
    /// # Safety
    ///
    /// The slot stays mapped where it is until the calling thread has left it, or has ended.
    #[inline]
    pub unsafe fn claim(&self, me: Thread) -> Option<Occupant> {
        let seen = self.word.load(Relaxed);
        if seen & OWNER != 0 {
            return None;
        }
        // SAFETY: the node is at its place behind the word, and stays mapped as the caller promises.
        unsafe { me.set_pending(&self.node) };
        // Acquire: pairs with the release in `leave`, or with the death of the last occupant.
        let claimed = self
            .word
            .compare_exchange(seen, me.tid() | WAITERS, Acquire, Relaxed);
        if claimed.is_ok() {
            // SAFETY: nobody living was in it, so its node is on no list; it stays mapped as above.
            unsafe { me.link(&self.node) };
        }
        me.clear_pending();
        claimed.ok().map(occupant)
    }

    /// Empties the slot. It stays pending: whatever the leaving owes to sleepers comes before
    /// `Thread::clear_pending`.
    ///
    /// # Safety
    ///
    /// The calling thread is `me`, and has claimed the slot.
    #[inline]
    pub unsafe fn leave(&self, me: Thread, protocol: Protocol) {
        // SAFETY: as promised to `claim`, it stays mapped until it is left.
        unsafe { me.set_pending(&self.node) };
        // SAFETY: `claim` has linked it.
        unsafe { me.unlink(&self.node) };
        match protocol.release {
            ReleaseBy::PlainStore => {
                // Release: pairs with the Acquire in `claim`. As in `RobustLock::leave`.
                self.word.store(UNLOCKED, Release);
                compiler_fence(SeqCst);
            }
            // SeqCst: with that of whoever announces that it will sleep.
            ReleaseBy::Exchange => {
                self.word.swap(UNLOCKED, SeqCst);
            }
        }
    }

    /// Returns who is there at this moment.
    #[inline]
    pub fn occupant(&self) -> Occupant {
        // Acquire: pairs with the release in `leave`, and with the death of the occupant: who reads
        // its notes then reads the last ones.
        occupant(self.word.load(Acquire))
    }

    /// Makes an empty slot of one whose occupant died. Tells whether it was one; of two who ask, one
    /// is told so.
    pub fn forget_death(&self) -> bool {
        let seen = self.word.load(Relaxed);
        let is_dead = occupant(seen) == Occupant::Dead;
        is_dead
            && self
                .word
                .compare_exchange(seen, UNLOCKED, SeqCst, Relaxed)
                .is_ok()
    }

    /// Returns the word as a futex, and what it holds now. On it the kernel wakes one sleeper when
    /// the occupant dies.
    pub fn watch(&self) -> (Futex<'_>, u32) {
        // SeqCst: not before the announcement of whoever is about to sleep.
        (Futex::new(&self.word), self.word.load(SeqCst))
    }
}

fn occupant(word: u32) -> Occupant {
    match word & OWNER {
        0 if word & OWNER_DIED != 0 => Occupant::Dead,
        0 => Occupant::None,
        tid => Occupant::Living(tid),
    }
}

// No model has slots: its atomics have other sizes, and its kernel knows the locks' nodes only.
#[cfg(not(loom))]
const _: () = assert!(
    offset_of!(Slot, node) - offset_of!(Slot, word) == robust_list::word_before_node(),
    "the kernel finds the word at a fixed distance from the node"
);
#[cfg(not(loom))]
const _: () = assert!(size_of::<Slot>() == 64 && offset_of!(Slot, notes) == 8);
