//! What holds a value's lock: a copy to work on, committed when it is dropped.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::thread;
use std::time::Duration;

use super::condvar::Call;
use super::error::LockError;
use super::waiting;
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
    /// The call of a condition variable that its holder was woken by, and has not answered yet.
    call: Option<Call<'a>>,
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
            call: None,
        }
    }

    /// Takes the lock of a value. No `timeout` is for ever.
    #[inline(always)]
    pub(super) fn lock(
        object: &'a Object<T>,
        timeout: Option<Duration>,
    ) -> Result<Self, LockError> {
        let me = Thread::current();
        me.check_room()?;
        let locked = waiting::lock(object, me, timeout)?;
        Ok(Self::new(object, me, locked))
    }

    /// Notes which call its holder was woken by.
    pub(super) fn set_call(this: &mut Self, call: Call<'a>) {
        this.call = Some(call);
    }

    /// Answers the call that its holder was woken by, if there is one: what was done about it is
    /// committed before, so a holder that is killed has done it or leaves the call to another.
    pub(super) fn answer_call(this: &mut Self) {
        if let Some(call) = this.call.take() {
            this.commit_and_answer(call);
        }
    }

    /// Commits what was changed, releases the lock, and returns what it is the lock of.
    pub(super) fn release(this: Self) -> &'a Object<T> {
        this.object
    }

    #[cold]
    fn commit_and_answer(&mut self, call: Call<'_>) {
        // In a child that was forked while the guard lived, the lock is the parent's.
        if self.holder.is_from_before_fork() {
            return;
        }
        if std::mem::take(&mut self.is_changed) {
            // SAFETY: the calling thread is the holder, and the guard was made of a lock it took.
            unsafe { self.object.state().commit_and_keep(&self.copy) };
        }
        call.answer();
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
        // Who panicked has done nothing about a call: it is left to another.
        if !panicked && self.call.is_some() {
            Self::answer_call(self);
        }
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
