//! A value that changes whole or not at all, and its lock, in one.
//!
//! A [`ValueGuard`] works on a copy of its own; dropping it commits the copy with one store and
//! releases the lock. A holder that is killed, or panics, has changed nothing, and the lock is
//! free. So there is no poison and nothing to repair. See [`crate::raw::committed`].

use std::fmt;
use std::time::Duration;

use super::error::{AddError, Holder, LockError, WaitError};
use super::integer::Integer;
use super::value_guard::ValueGuard;
use super::waiting;
use crate::raw::committed::Committed;
use crate::raw::shareable::Shareable;
use crate::segment::{Error, Kind, Object, Room, Segment};
use crate::sys::clock::Deadline;
use crate::sys::robust_list::Thread;

/// A value that processes share. Handles are `Send` and `Sync`; threads share it as processes do.
///
/// After SIGKILL, exec, the end of the holder's thread or a panic: the last committed value, and
/// the lock free at once.
///
/// A free lock is taken and released without a system call: a compare-and-swap and a store. Reading is one
/// load. A value of more than eight bytes takes room twice, and is copied when the lock is taken and when
/// it is committed: for a large one of which little changes take an [`Array`](crate::Array). The lock is
/// not reentrant, and who waits for it gets it in no order.
///
/// Who waits in a circle of threads that each wait for a lock of the next is told, one of them, within
/// a second: see [`LockError::Deadlock`].
pub struct Value<T> {
    object: Object<T>,
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
        let object = self.existing_object::<T, T>(object, (Kind::Value, 1), Room::default())?;
        Ok(Value { object })
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
    /// [`LockError::Deadlock`], [`LockError::HeldByCaller`].
    pub fn store(&self, value: T) -> Result<(), LockError> {
        self.modify(None, |_| (Some(value), ()))
    }

    /// Takes the lock, for as long as that takes.
    ///
    /// # Errors
    ///
    /// [`LockError::Deadlock`], [`LockError::HeldByCaller`], [`LockError::TooManyHeld`].
    #[inline(always)]
    pub fn lock(&self) -> Result<ValueGuard<'_, T>, LockError> {
        ValueGuard::lock(&self.object, None)
    }

    /// Takes the lock, or gives up after `timeout`. A holder that is stopped is never robbed.
    ///
    /// # Errors
    ///
    /// [`LockError::TimedOut`] names the holder; as [`lock`](Self::lock).
    pub fn lock_timeout(&self, timeout: Duration) -> Result<ValueGuard<'_, T>, LockError> {
        ValueGuard::lock(&self.object, Some(timeout))
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
            Ok(locked) => Ok(ValueGuard::new(&self.object, me, locked)),
            Err(refused) => Err(LockError::new(refused, Duration::ZERO)),
        }
    }

    /// Changes the value under the lock and returns what `change` returned.
    ///
    /// When `change` panics, nothing has changed.
    ///
    /// # Errors
    ///
    /// As [`lock`](Self::lock).
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

    /// As [`update`](Self::update), but gives up after `timeout`.
    ///
    /// # Errors
    ///
    /// As [`lock_timeout`](Self::lock_timeout).
    pub fn update_timeout<R>(
        &self,
        change: impl FnOnce(&mut T) -> R,
        timeout: Duration,
    ) -> Result<R, LockError> {
        Ok(change(&mut *self.lock_timeout(timeout)?))
    }

    /// Changes the value under the lock, unless `change` returns an error: then nothing has changed.
    ///
    /// # Errors
    ///
    /// What `change` returned, as the inner error; as [`lock`](Self::lock).
    ///
    /// # Examples
    ///
    /// ```
    /// # let segment = shmcount::Segment::create("doc-try-update")?;
    /// let account = segment.value("account", [100i64, 0])?;
    /// let transfer = account.try_update(|[from, to]| {
    ///     *from -= 130;
    ///     *to += 130;
    ///     if *from < 0 { Err("not enough") } else { Ok(()) }
    /// })?;
    /// assert_eq!(transfer, Err("not enough"));
    /// assert_eq!(account.load(), [100, 0]);
    /// # segment.remove()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn try_update<R, E>(
        &self,
        change: impl FnOnce(&mut T) -> Result<R, E>,
    ) -> Result<Result<R, E>, LockError> {
        let mut guard = self.lock()?;
        let result = change(&mut guard);
        if result.is_err() {
            ValueGuard::discard(guard);
        }
        Ok(result)
    }

    /// Sleeps until a committed value satisfies `wanted`, and returns that. No `timeout` is for ever.
    ///
    /// Values that come and go while this process is not running are not seen. The lock is free
    /// while `wanted` runs, and a process that is killed between its commit and its wake-up call
    /// keeps nobody asleep.
    ///
    /// # Errors
    ///
    /// [`WaitError`] with the last value, when the time is over or the calling thread holds the lock.
    pub fn wait_until(
        &self,
        wanted: impl FnMut(&T) -> bool,
        timeout: Option<Duration>,
    ) -> Result<T, WaitError<T>> {
        let deadline = timeout.map(Deadline::after);
        let waited = self
            .committed()
            .wait_until(Thread::current(), wanted, deadline);
        Ok(waited?)
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
        self.object.segment()
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
        let room = Room::default();
        let object = segment.object::<T, T>(object, (kind, 1), room, initial, |_| {})?;
        Ok(Self { object })
    }

    #[inline(always)]
    fn committed(&self) -> Committed<'_, T> {
        self.object.state()
    }

    /// Changes the value by something that takes no lock and does not panic.
    #[inline(always)]
    fn modify<R>(
        &self,
        timeout: Option<Duration>,
        change: impl FnOnce(T) -> (Option<T>, R),
    ) -> Result<R, LockError> {
        waiting::modify(&self.object, Thread::current(), timeout, change)
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
    /// [`AddError::Overflow`], with the value unchanged; [`LockError::Deadlock`],
    /// [`LockError::HeldByCaller`].
    #[inline(always)]
    pub fn fetch_add(&self, by: T) -> Result<T, AddError> {
        self.add_within(by, None)
    }

    /// As [`fetch_add`](Self::fetch_add), but gives up after `timeout`, with the value unchanged.
    ///
    /// # Errors
    ///
    /// As [`fetch_add`](Self::fetch_add); [`LockError::TimedOut`] names the holder.
    pub fn fetch_add_timeout(&self, by: T, timeout: Duration) -> Result<T, AddError> {
        self.add_within(by, Some(timeout))
    }

    #[inline(always)]
    fn add_within(&self, by: T, timeout: Option<Duration>) -> Result<T, AddError> {
        let before = self.modify(timeout, |value| (value.checked_add(by), value))?;
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
    /// The value that was there instead, as the inner error; as [`lock`](Self::lock).
    pub fn compare_exchange(&self, current: T, new: T) -> Result<Result<T, T>, LockError> {
        let mut guard = self.lock()?;
        let found = *guard;
        Ok(if found == current {
            *guard = new;
            Ok(found)
        } else {
            Err(found)
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
