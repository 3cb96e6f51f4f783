//! What holds a value's lock: a copy to work on, committed when it is dropped.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::thread;

use crate::raw::robust_lock::Acquired;
use crate::raw::shareable::Shareable;
use crate::segment::Object;
use crate::sys::robust_list::Thread;

/// The lock of a [`Value`](crate::Value) and a copy to work on, committed when this is dropped.
///
/// It commits when it was written to, whichever way it is dropped: an early return with `?` commits
/// what was changed up to there. [`Value::try_update`](crate::Value::try_update) does not, nor does a panic that unwinds
/// through it, nor [`discard`](Self::discard). A guard that a fork copied into a child does nothing
/// there.
#[must_use = "the value is committed and the lock released when this is dropped"]
pub struct ValueGuard<'a, T: Shareable> {
    object: &'a Object<T>,
    /// The holder. Not `Send`: the kernel knows which thread holds the lock.
    holder: Thread,
    copy: T,
    owner_died: bool,
    panicking: bool,
    /// Whether there is something to commit.
    is_changed: bool,
}

impl<'a, T: Shareable> ValueGuard<'a, T> {
    #[inline(always)]
    pub(super) fn new(
        object: &'a Object<T>,
        holder: Thread,
        (copy, acquired): (T, Acquired),
    ) -> Self {
        object.set_lent(true);
        Self {
            object,
            holder,
            copy,
            owner_died: acquired == Acquired::OwnerDied,
            panicking: thread::panicking(),
            is_changed: false,
        }
    }

    /// Tells whether the last holder died with the lock in hand. The value is the last one
    /// committed all the same.
    ///
    /// Not a method, so that it hides nothing of the value's.
    pub fn owner_died(this: &Self) -> bool {
        this.owner_died
    }

    /// Releases the lock and leaves the value as it was.
    ///
    /// Not a method, so that it hides nothing of the value's.
    pub fn discard(mut this: Self) {
        this.is_changed = false;
    }
}

impl<T: Shareable> Deref for ValueGuard<'_, T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        &self.copy
    }
}

impl<T: Shareable> DerefMut for ValueGuard<'_, T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        self.is_changed = true;
        &mut self.copy
    }
}

impl<T: Shareable> Drop for ValueGuard<'_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        // In a child that was forked while the guard lived, the lock is the parent's.
        if self.holder.is_from_before_fork() {
            return;
        }
        let panicked = thread::panicking() && !self.panicking;
        let is_new = self.is_changed && !panicked;
        self.object.set_lent(false);
        let value = self.object.state();
        // SAFETY: the calling thread is the holder, and the guard was made of a lock it took.
        unsafe { value.unlock(self.holder, &self.copy, is_new) };
    }
}

impl<T: Shareable + fmt::Debug> fmt::Debug for ValueGuard<'_, T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_tuple("ValueGuard")
            .field(&self.copy)
            .finish()
    }
}
