//! Something that has happened or not: processes wait until it has.
//!
//! Its state is one committed word, so whoever sets it and is killed before it told anybody keeps
//! nobody asleep.

use std::fmt;
use std::time::Duration;

use super::error::{LockError, WaitError};
use crate::segment::{Error, Kind, Object, Room, Segment};
use crate::sys::clock::Deadline;
use crate::sys::robust_list::Thread;

const CLEAR: u64 = 0;
const SET: u64 = 1;

/// An event that processes share. Handles are `Send` and `Sync`; threads share it as processes do.
///
/// After SIGKILL of whoever sets or clears it, it is as before or as after, and whoever waits learns of
/// it. A killed waiter takes no wake-up with it, for setting wakes all of them.
///
/// Setting and clearing cost as much as an add to a number under its lock, asking is one load, and who waits
/// sleeps without polling. It does not count: what is set twice is set.
pub struct Event {
    object: Object<u64>,
}

impl Segment {
    /// Opens the event of this name, or makes it, not set.
    ///
    /// # Errors
    ///
    /// [`Error::OtherShape`] when the object is something else, [`Error::Full`].
    ///
    /// # Examples
    ///
    /// ```
    /// # let segment = shmcount::Segment::create("doc-event")?;
    /// let ready = segment.event("ready")?;
    /// ready.set()?;
    /// // In this process or another:
    /// ready.wait()?;
    /// # segment.remove()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn event(&self, object: &str) -> Result<Event, Error> {
        let identity = (Kind::Event, 1);
        let object = self.object::<u64, u64>(object, identity, Room::default(), CLEAR, |_| {})?;
        Ok(Event { object })
    }
}

impl Event {
    /// Sets the event and wakes all who wait for it. Does nothing when it is set already.
    ///
    /// # Errors
    ///
    /// [`LockError::HeldByCaller`], if the lock's word was damaged.
    pub fn set(&self) -> Result<(), LockError> {
        self.put(SET)
    }

    /// Makes the event not set, so that it is waited for again.
    ///
    /// # Errors
    ///
    /// As [`set`](Self::set).
    pub fn clear(&self) -> Result<(), LockError> {
        self.put(CLEAR)
    }

    /// Tells whether the event is set.
    pub fn is_set(&self) -> bool {
        self.object.state().load() != CLEAR
    }

    /// Sleeps until the event is set. Returns at once when it is.
    ///
    /// An event that is set and cleared again before a waiter has come to run is not seen by it: clear
    /// it when the waiters have said that they have.
    ///
    /// # Errors
    ///
    /// [`WaitError::HeldByCaller`], if the lock's word was damaged.
    pub fn wait(&self) -> Result<(), WaitError<bool>> {
        self.wait_until(None)
    }

    /// As [`wait`](Self::wait), but gives up after `timeout`.
    ///
    /// # Errors
    ///
    /// [`WaitError::TimedOut`], with `false`: it is not set.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # let segment = shmcount::Segment::create("doc-event-timeout")?;
    /// let ready = segment.event("ready")?;
    /// assert!(ready.wait_timeout(Duration::from_millis(1)).is_err());
    /// # segment.remove()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn wait_timeout(&self, timeout: Duration) -> Result<(), WaitError<bool>> {
        self.wait_until(Some(Deadline::after(timeout)))
    }

    fn wait_until(&self, deadline: Option<Deadline>) -> Result<(), WaitError<bool>> {
        let me = Thread::current();
        let is_set = |state: &u64| *state != CLEAR;
        match self.object.state().wait_until(me, is_set, deadline) {
            Ok(_) => Ok(()),
            Err(unsatisfied) => Err(match WaitError::from(unsatisfied) {
                WaitError::TimedOut(_) => WaitError::TimedOut(false),
                WaitError::HeldByCaller(_) => WaitError::HeldByCaller(false),
            }),
        }
    }

    /// Always under the lock, also when there is nothing to change: who sets the event has written
    /// something before, and whoever clears it and looks for that must find it, or find the event set.
    /// A mere look at the state could come before that write.
    fn put(&self, new: u64) -> Result<(), LockError> {
        let forever = None::<Deadline>;
        let change = |old| ((old != new).then_some(new), ());
        let changed = self
            .object
            .state()
            .modify(Thread::current(), forever, change);
        changed.map_err(|refused| LockError::new(refused, Duration::MAX))
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Event")
            .field("is_set", &self.is_set())
            .finish_non_exhaustive()
    }
}
