//! A lock that protects something outside: a file, a device, a piece of memory of one's own.
//!
//! It protects no data of its own; for that there is [`Value`](crate::Value). When its holder is
//! killed it is free at once, and the next holder is told, because what it protects may be
//! half done.

use std::time::Duration;

use super::error::{Holder, LockError};
use super::value::Value;
use super::value_guard::ValueGuard;
use crate::segment::{Error, Kind, Segment};

/// A lock that processes share. Handles are `Send` and `Sync`; threads share it as processes do.
///
/// After SIGKILL, exec or the end of the holder's thread: free at once, and
/// [`LockGuard::owner_died`] tells the next holder.
///
/// A free lock is taken and released without a system call. It is not reentrant, belongs to the thread that
/// took it, and goes to those who wait in no order: for that there is [`FifoLock`](crate::FifoLock).
///
/// Who waits in a circle of threads that each wait for a lock of the next is told, one of them, within
/// a second: see [`LockError::Deadlock`].
#[derive(Debug)]
pub struct Lock {
    /// Nothing but the lock of a value that nobody reads.
    value: Value<u64>,
}

/// Holds a [`Lock`] until it is dropped.
#[derive(Debug)]
#[must_use = "the lock is released when this is dropped"]
pub struct LockGuard<'a> {
    guard: ValueGuard<'a, u64>,
}

impl Segment {
    /// Opens the lock of this name, or makes it.
    ///
    /// # Errors
    ///
    /// [`Error::OtherShape`] when the object is something else, [`Error::Full`].
    pub fn lock(&self, object: &str) -> Result<Lock, Error> {
        Ok(Lock {
            value: Value::open_or_create(self, object, Kind::Lock, 0)?,
        })
    }
}

impl Lock {
    /// Takes the lock, for as long as that takes.
    ///
    /// # Errors
    ///
    /// [`LockError::Deadlock`], [`LockError::HeldByCaller`], [`LockError::TooManyHeld`].
    pub fn lock(&self) -> Result<LockGuard<'_>, LockError> {
        self.value.lock().map(|guard| LockGuard { guard })
    }

    /// Takes the lock if nobody holds it.
    ///
    /// # Errors
    ///
    /// [`LockError::WouldBlock`] names the holder; [`LockError::HeldByCaller`],
    /// [`LockError::TooManyHeld`].
    pub fn try_lock(&self) -> Result<LockGuard<'_>, LockError> {
        self.value.try_lock().map(|guard| LockGuard { guard })
    }

    /// Takes the lock, or gives up after `timeout`. A holder that is stopped is never robbed.
    ///
    /// # Errors
    ///
    /// [`LockError::TimedOut`] names the holder; as [`lock`](Self::lock).
    pub fn lock_timeout(&self, timeout: Duration) -> Result<LockGuard<'_>, LockError> {
        self.value
            .lock_timeout(timeout)
            .map(|guard| LockGuard { guard })
    }

    /// Returns who holds the lock at this moment.
    pub fn holder(&self) -> Option<Holder> {
        self.value.holder()
    }

    /// Returns how often the lock was taken over from a holder that died.
    pub fn recoveries(&self) -> u32 {
        self.value.recoveries()
    }
}

impl LockGuard<'_> {
    /// Tells whether the last holder died with the lock in hand, and nobody has held it and
    /// released it since.
    pub fn owner_died(&self) -> bool {
        ValueGuard::owner_died(&self.guard)
    }
}
