//! What holds a FIFO lock.

use std::fmt;

use super::fifo_lock::turns_of;
use crate::raw::robust_lock::Acquired;
use crate::raw::turns::Place;
use crate::segment::Object;
use crate::sys::robust_list::Thread;

/// Holds a [`FifoLock`](crate::FifoLock) until it is dropped. The next in line has it then.
///
/// A guard that a fork copied into a child does nothing there. One that is forgotten holds the lock
/// until the end of its thread.
#[must_use = "the lock is released when this is dropped"]
pub struct FifoLockGuard<'a> {
    object: &'a Object<u64>,
    /// Not `Send`: the kernel knows which thread holds the lock.
    holder: Thread,
    place: Place,
    owner_died: bool,
}

impl<'a> FifoLockGuard<'a> {
    #[inline]
    pub(super) fn new(
        object: &'a Object<u64>,
        holder: Thread,
        (place, acquired): (Place, Acquired),
    ) -> Self {
        object.set_slot_lent(place.index(), true);
        Self {
            object,
            holder,
            place,
            owner_died: acquired == Acquired::OwnerDied,
        }
    }

    /// Tells whether the last holder died with the lock in hand, before it began to release it. The death
    /// of one that waited is nobody's concern.
    pub fn owner_died(&self) -> bool {
        self.owner_died
    }
}

impl Drop for FifoLockGuard<'_> {
    #[inline]
    fn drop(&mut self) {
        // In a child that was forked while the guard lived, the lock is the parent's.
        if self.holder.is_from_before_fork() {
            return;
        }
        self.object.set_slot_lent(self.place.index(), false);
        // SAFETY: the calling thread is the holder: the guard was made of its turn, and is not Send.
        unsafe { turns_of(self.object).finish(self.holder, self.place) };
    }
}

impl fmt::Debug for FifoLockGuard<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("FifoLockGuard")
            .field("owner_died", &self.owner_died)
            .finish_non_exhaustive()
    }
}
