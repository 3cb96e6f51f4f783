//! The robust list, as far as the kernel's promises can be broken by its user: which lock is
//! pending, how many are linked, and that they are so when they have to be.

use std::cell::Cell;
use std::sync::atomic::{AtomicU32 as Plain, Ordering::Relaxed as Unseen};

use super::atomic::{AtomicU32, AtomicU64};

/// Loom runs five threads at most, the first among them.
const THREADS: usize = 6;

/// The place of one lock on its owner's list.
#[repr(align(8))]
#[derive(Debug, Default)]
pub struct Node {
    /// The thread on whose list it is, or zero. Loom does not see it.
    linked: Plain,
}

/// A thread with a number.
#[derive(Clone, Copy)]
pub struct Thread {
    tid: u32,
}

/// Never happens: models hold few locks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyHeld;

thread_local! {
    // Loom's threads are coroutines of one real thread.
    static PENDING: [Cell<usize>; THREADS] = const { [const { Cell::new(0) }; THREADS] };
}

impl Thread {
    /// Begins a thread, from 1 on.
    pub fn numbered(tid: u32) -> Self {
        let thread = Self { tid };
        thread.set(0);
        thread
    }

    /// Returns the thread's id, as it stands in the words of locks it owns.
    pub fn tid(self) -> u32 {
        self.tid
    }

    /// Says that this thread is taking or releasing the lock of `node`.
    ///
    /// # Safety
    ///
    /// As for the real one; the model checks it.
    pub unsafe fn set_pending(self, node: &Node) {
        let entry = node.entry();
        assert!([0, entry].contains(&self.pending()), "two locks pending");
        self.set(entry);
    }

    /// Says that this thread is taking or releasing nothing.
    pub fn clear_pending(self) {
        self.set(0);
    }

    /// Tells whether nothing is pending, as after every operation.
    pub fn is_at_rest(self) -> bool {
        self.pending() == 0
    }

    /// Puts a held lock on the list.
    ///
    /// # Safety
    ///
    /// As for the real one; the model checks it.
    pub unsafe fn link(self, node: &Node) {
        assert_eq!(self.pending(), node.entry(), "linked and not pending");
        assert_eq!(node.linked.swap(self.tid, Unseen), 0, "linked twice");
    }

    /// Takes a lock off the list.
    ///
    /// # Safety
    ///
    /// As for the real one; the model checks it.
    pub unsafe fn unlink(self, node: &Node) {
        assert_eq!(self.pending(), node.entry(), "unlinked and not pending");
        assert_eq!(node.linked.swap(0, Unseen), self.tid, "not its owner");
    }

    fn pending(self) -> usize {
        PENDING.with(|pending| pending[self.tid as usize].get())
    }

    fn set(self, entry: usize) {
        PENDING.with(|pending| pending[self.tid as usize].set(entry));
    }
}

impl Node {
    fn entry(&self) -> usize {
        std::ptr::from_ref(self) as usize
    }
}

/// Returns the distance from a node to the word it frees: here too the structure asserts it.
pub const fn word_before_node() -> usize {
    4 * size_of::<AtomicU32>() + size_of::<AtomicU64>()
}
