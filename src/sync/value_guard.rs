//! What holds a value's lock: a copy to work on, committed when it is dropped.

use std::borrow::Borrow;
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
        object.lend_to(holder);
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
        waiting::lock(object, me, timeout, |locked| Self::new(object, me, locked))
    }

    /// Notes which call its holder was woken by.
    pub(super) fn set_call(this: &mut Self, call: Call<'a>) {
        this.call = Some(call);
    }

    /// Answers the call that its holder was woken by, if there is one: what was done about it is
    /// committed before, so a holder that is killed has done it or leaves the call to another.
    pub(super) fn answer_call(this: &mut Self) {
        // In a child that was forked while the guard lived, the lock is the parent's.
        if let (Some(call), false) = (this.call.take(), this.holder.is_from_before_fork()) {
            let is_new = std::mem::take(&mut this.is_changed);
            commit_and_answer(this.object, &this.copy, is_new, call);
        }
    }

    /// Commits what was changed, releases the lock, and returns what it is the lock of.
    pub(super) fn release(this: Self) -> &'a Object<T> {
        this.object
    }

    /// Tells whether the last holder died with the lock in hand. The value is the last one
    /// committed all the same.
    ///
    /// One taker is told. That may be somebody who waits for the value by
    /// [`wait_until`](crate::Value::wait_until), which takes the lock over from the dead for a moment and tells
    /// nobody: [`recoveries`](crate::Value::recoveries) has counted it.
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
    /// Hands its parts over one by one, in registers: so a guard of something small is never in memory,
    /// whose stores the next lock would have to wait for.
    #[inline(always)]
    fn drop(&mut self) {
        let (object, holder, was_panicking) = (self.object, self.holder, self.panicking);
        let (copy, is_changed, call) = (&self.copy, self.is_changed, self.call);
        if size_of::<T>() <= size_of::<u64>() {
            end(object, holder, *copy, is_changed, was_panicking, call);
        } else {
            end(object, holder, copy, is_changed, was_panicking, call);
        }
    }
}

/// Ends a guard of these parts: commits what it changed, answers its call, and releases the lock.
///
/// Never inlined: what is left of `drop` is then small enough to be, wherever a guard may be dropped.
#[inline(never)]
fn end<T: Shareable>(
    object: &Object<T>,
    holder: Thread,
    copy: impl Borrow<T>,
    is_changed: bool,
    was_panicking: bool,
    call: Option<Call<'_>>,
) {
    // In a child that was forked while the guard lived, the lock is the parent's.
    if holder.is_from_before_fork() {
        return;
    }
    if let Some(call) = call {
        return end_called(
            object,
            holder,
            copy.borrow(),
            is_changed,
            was_panicking,
            call,
        );
    }
    let is_new = is_changed && (was_panicking || !thread::panicking());
    // SAFETY: the calling thread is the holder, and the guard was made of a lock it took.
    unsafe { object.state().unlock(holder, copy.borrow(), is_new) };
}

/// Ends a guard that was got by a call.
#[cold]
fn end_called<T: Shareable>(
    object: &Object<T>,
    holder: Thread,
    copy: impl Borrow<T>,
    mut is_changed: bool,
    was_panicking: bool,
    call: Call<'_>,
) {
    // Who panicked has done nothing about it: it is left to another.
    if was_panicking || !thread::panicking() {
        commit_and_answer(object, copy.borrow(), std::mem::take(&mut is_changed), call);
    }
    end(object, holder, copy, is_changed, was_panicking, None);
}

/// Commits a copy, if it is new, and answers a call. The lock is held, and is kept.
#[cold]
fn commit_and_answer<T: Shareable>(object: &Object<T>, copy: &T, is_new: bool, call: Call<'_>) {
    if is_new {
        // SAFETY: the calling thread is the holder: only guards come here, of locks it took.
        unsafe { object.state().commit_and_keep(copy) };
    }
    call.answer();
}

impl<T: Shareable + fmt::Debug> fmt::Debug for ValueGuard<'_, T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_tuple("ValueGuard")
            .field(&self.copy)
            .finish()
    }
}
