//! A value that changes whole or not at all, and its lock, in one.
//!
//! A [`ValueGuard`] works on a copy of its own; dropping it commits the copy with one store and
//! releases the lock. A holder that is killed, or panics, has changed nothing, and the lock is
//! free. So there is no poison and nothing to repair. See [`crate::raw::committed`].

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::thread;
use std::time::Duration;

use super::error::{AddError, Holder, LockError};
use super::integer::Integer;
use crate::raw::committed::Committed;
use crate::raw::robust_lock::Acquired;
use crate::raw::shareable::Shareable;
use crate::segment::{self, Error, Kind, Located, Segment, Shape};
use crate::sys::clock::Deadline;
use crate::sys::robust_list::Thread;

/// A value that processes share. Handles are `Send` and `Sync`; threads share it as processes do.
///
/// After SIGKILL, exec, the end of the holder's thread or a panic: the last committed value, and
/// the lock free at once.
pub struct Value<T> {
    located: Located,
    value: PhantomData<T>,
}

/// The lock of a [`Value`] and a copy to work on, committed when this is dropped.
///
/// A panic that unwinds through it commits nothing, and neither does
/// [`discard`](Self::discard). A guard that a fork copied into a child does nothing there.
#[must_use = "the value is committed and the lock released when this is dropped"]
pub struct ValueGuard<'a, T: Shareable> {
    value: Committed<'a, T>,
    /// The holder. Not `Send`: the kernel knows which thread holds the lock.
    holder: Thread,
    copy: T,
    owner_died: bool,
    panicking: bool,
    discarded: bool,
}

impl Segment {
    /// Opens the value of this name, or makes it with `initial` in it.
    ///
    /// # Errors
    ///
    /// [`Error::OtherShape`] when the object is something else, [`Error::Full`].
    pub fn value<T: Shareable>(&self, object: &str, initial: T) -> Result<Value<T>, Error> {
        Value::open_or_create(self, object, Kind::Value, initial)
    }

    /// Opens the value of this name, which must be there.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchObject`]; [`Error::OtherShape`] when it is something else.
    pub fn open_value<T: Shareable>(&self, object: &str) -> Result<Value<T>, Error> {
        let located = self.locate_existing(object, Value::<T>::shape(Kind::Value))?;
        Ok(Value::new(located))
    }
}

impl<T: Shareable> Value<T> {
    /// Returns the last committed value. Takes no lock, waits for nobody and delays nobody.
    #[inline]
    pub fn load(&self) -> T {
        self.committed().load()
    }

    /// Puts another value in its place.
    ///
    /// # Errors
    ///
    /// [`LockError::HeldByCaller`].
    pub fn store(&self, value: T) -> Result<(), LockError> {
        self.modify(|_| (Some(value), ()))
    }

    /// Takes the lock, for as long as that takes.
    ///
    /// # Errors
    ///
    /// [`LockError::HeldByCaller`], [`LockError::TooManyHeld`].
    #[inline]
    pub fn lock(&self) -> Result<ValueGuard<'_, T>, LockError> {
        self.lock_until(None, Duration::MAX)
    }

    /// Takes the lock, or gives up after `timeout`. A holder that is stopped is never robbed.
    ///
    /// # Errors
    ///
    /// [`LockError::TimedOut`] names the holder; [`LockError::HeldByCaller`],
    /// [`LockError::TooManyHeld`].
    pub fn lock_timeout(&self, timeout: Duration) -> Result<ValueGuard<'_, T>, LockError> {
        self.lock_until(Some(Deadline::after(timeout)), timeout)
    }

    /// Takes the lock if nobody holds it.
    ///
    /// # Errors
    ///
    /// [`LockError::WouldBlock`] names the holder; [`LockError::HeldByCaller`],
    /// [`LockError::TooManyHeld`].
    pub fn try_lock(&self) -> Result<ValueGuard<'_, T>, LockError> {
        let me = Thread::current();
        me.check_room()?;
        match self.committed().try_lock(me) {
            Ok(locked) => Ok(ValueGuard::new(self.committed(), me, locked)),
            Err(refused) => Err(LockError::new(refused, Duration::ZERO)),
        }
    }

    /// Changes the value under the lock and returns what `change` returned.
    ///
    /// When `change` panics, nothing has changed.
    ///
    /// # Errors
    ///
    /// [`LockError::HeldByCaller`], [`LockError::TooManyHeld`].
    ///
    /// # Examples
    ///
    /// ```
    /// # let segment = shmcount::Segment::create("doc-update")?;
    /// let message = segment.value("message", *b"........")?;
    /// message.update(|bytes| bytes[..5].copy_from_slice(b"hello"))?;
    /// assert_eq!(&message.load(), b"hello...");
    /// # segment.remove()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn update<R>(&self, change: impl FnOnce(&mut T) -> R) -> Result<R, LockError> {
        Ok(change(&mut *self.lock()?))
    }

    /// Sleeps until a committed value satisfies `wanted`, and returns that; or, after `timeout`,
    /// the last one, which did not, as the error. No `timeout` is for ever.
    ///
    /// Values that come and go while this process is not running are not seen. The lock is free
    /// while `wanted` runs, and a process that is killed between its commit and its wake-up call
    /// keeps nobody asleep.
    ///
    /// # Errors
    ///
    /// The last value, when the time is over.
    pub fn wait_until(
        &self,
        wanted: impl FnMut(&T) -> bool,
        timeout: Option<Duration>,
    ) -> Result<T, T> {
        let deadline = timeout.map(Deadline::after);
        self.committed()
            .wait_until(Thread::current(), wanted, deadline)
    }

    /// Returns who holds the lock at this moment.
    pub fn holder(&self) -> Option<Holder> {
        let owner = self.committed().line().lock().owner();
        owner.map(Holder::of_thread)
    }

    /// Returns how often the lock was taken over from a holder that died.
    pub fn recoveries(&self) -> u32 {
        self.committed().line().lock().recoveries()
    }

    /// Returns the segment that the value lies in.
    pub fn segment(&self) -> &Segment {
        self.located.segment()
    }

    /// Returns the word of a small value itself, for comparisons that bring another lock, or none.
    #[cfg(feature = "run")]
    pub(crate) fn unprotected(&self) -> &crate::sys::atomic::AtomicU64 {
        self.committed().line().value()
    }

    pub(super) fn open_or_create(
        segment: &Segment,
        object: &str,
        kind: Kind,
        initial: T,
    ) -> Result<Self, Error> {
        let fill = |words: &[_]| segment::initialize(words, &initial, segment.protocol());
        Ok(Self::new(segment.locate(
            object,
            Self::shape(kind),
            fill,
        )?))
    }

    fn new(located: Located) -> Self {
        Self {
            located,
            value: PhantomData,
        }
    }

    fn shape(kind: Kind) -> Shape {
        Shape::of::<T>(kind, 1, segment::committed_words::<T>())
    }

    #[inline]
    fn committed(&self) -> Committed<'_, T> {
        self.located.committed()
    }

    #[inline]
    fn lock_until(
        &self,
        deadline: Option<Deadline>,
        timeout: Duration,
    ) -> Result<ValueGuard<'_, T>, LockError> {
        let me = Thread::current();
        me.check_room()?;
        match self.committed().lock(me, deadline) {
            Ok(locked) => Ok(ValueGuard::new(self.committed(), me, locked)),
            Err(refused) => Err(LockError::new(refused, timeout)),
        }
    }

    /// Changes the value by something that takes no lock and does not panic.
    #[inline]
    fn modify<R>(&self, change: impl FnOnce(T) -> (Option<T>, R)) -> Result<R, LockError> {
        self.committed()
            .modify(Thread::current(), None, change)
            .map_err(|refused| LockError::new(refused, Duration::MAX))
    }
}

impl<T: Integer> Value<T> {
    /// Adds `by` and returns the value before.
    ///
    /// An add that returned is counted once. One whose process was killed is counted once or not
    /// at all.
    ///
    /// # Errors
    ///
    /// [`AddError::Overflow`], with the value unchanged; [`LockError::HeldByCaller`].
    #[inline]
    pub fn fetch_add(&self, by: T) -> Result<T, AddError> {
        let before = self.modify(|value| (value.checked_add(by), value))?;
        // Asked again rather than carried along: an error made under the lock costs every add.
        match before.checked_add(by) {
            Some(_) => Ok(before),
            None => Err(overflow(before, by)),
        }
    }
}

#[cold]
fn overflow<T: Integer>(value: T, by: T) -> AddError {
    AddError::Overflow {
        value: value.into(),
        by: by.into(),
    }
}

impl<T: Shareable + PartialEq> Value<T> {
    /// Puts `new` in the place of `current`, if that is the value, and returns it. The comparison
    /// is that of `PartialEq`.
    ///
    /// # Errors
    ///
    /// The value that was there instead, as the inner error; [`LockError::HeldByCaller`].
    pub fn compare_exchange(&self, current: T, new: T) -> Result<Result<T, T>, LockError> {
        self.update(|value| {
            let found = *value;
            if found == current {
                *value = new;
                Ok(found)
            } else {
                Err(found)
            }
        })
    }
}

impl<T: Shareable + fmt::Debug> fmt::Debug for Value<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Value")
            .field("value", &self.load())
            .field("holder", &self.holder())
            .finish_non_exhaustive()
    }
}

impl<'a, T: Shareable> ValueGuard<'a, T> {
    #[inline]
    fn new(value: Committed<'a, T>, holder: Thread, (copy, acquired): (T, Acquired)) -> Self {
        Self {
            value,
            holder,
            copy,
            owner_died: acquired == Acquired::OwnerDied,
            panicking: thread::panicking(),
            discarded: false,
        }
    }

    /// Tells whether the last holder died with the lock in hand. The value is the last one
    /// committed all the same.
    pub fn owner_died(&self) -> bool {
        self.owner_died
    }

    /// Releases the lock and leaves the value as it was.
    pub fn discard(mut self) {
        self.discarded = true;
    }

    /// Tells whether this runs in a child that was forked while the guard lived.
    fn is_copied_by_fork(&self) -> bool {
        Thread::current().tid() != self.holder.tid()
    }
}

impl<T: Shareable> Deref for ValueGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.copy
    }
}

impl<T: Shareable> DerefMut for ValueGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.copy
    }
}

impl<T: Shareable> Drop for ValueGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        if self.is_copied_by_fork() {
            return;
        }
        let panicked = thread::panicking() && !self.panicking;
        let changed = (!panicked && !self.discarded).then_some(&self.copy);
        self.value.unlock(self.holder, changed);
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
