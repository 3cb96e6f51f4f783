//! A lock that is granted in the order of asking.
//!
//! Each thread that asks has a slot ([`crate::raw::slot`]) with a ticket in it, and the lock is the living
//! thread's with the smallest ticket. So the kernel passes over whoever died, and nobody can be robbed.
//! How one waits for one's turn, and why no wake-up is lost: [`crate::raw::turns`].

use std::fmt;
use std::time::Duration;

use super::error::{Holder, LockError};
use super::fifo_lock_guard::FifoLockGuard;
use crate::raw::robust_lock::{Acquired, Refused};
use crate::raw::turns::{FIRST_TICKET, Place, Turns};
use crate::segment::{Error, Kind, Object, Room, Segment};
use crate::sys::atomic::Relaxed;
use crate::sys::clock::Deadline;
use crate::sys::robust_list::Thread;

/// Whose turn it was last.
const TENURE: usize = 0;
/// How often a holder was found dead.
const RECOVERIES: usize = 1;
const WORDS: usize = 2;

/// A lock that processes share, granted in the order of asking. Handles are `Send` and `Sync`; threads share
/// it as processes do.
///
/// After SIGKILL, exec or the end of the holder's thread: the next in line has it at once, and is
/// [told](FifoLockGuard::owner_died). Waiters that die or give up are passed over; a living one never
/// is, not even a stopped one.
///
/// The order is that of the tickets, which are drawn in the first moments of each call, under a lock that is
/// held for some fifty nanoseconds. The number of places is fixed: who finds all of them taken waits
/// for one, in no order, and gets its ticket then; when the one that leaves was killed, up to 50 ms later.
/// A wait for a turn is not seen as part of a circle ([`LockError::Deadlock`]): give it a timeout.
///
/// The order has its price. While a [`Lock`](crate::Lock) goes to whoever runs just then, often the one that had
/// it last, this one goes to a certain thread, which must be woken and given a processor first: once more
/// threads ask than there are processors, each turn costs a sleep and a switch. Take it where nobody may
/// starve, and [`Lock`](crate::Lock) everywhere else; `shmcount bench --contenders robust,fifo` says
/// what it costs here.
pub struct FifoLock {
    object: Object<u64>,
}

impl FifoLock {
    /// How many places there are, unless told otherwise: the holder's and those of 63 waiters.
    pub const DEFAULT_PLACES: u32 = 64;
}

impl Segment {
    /// Opens the lock of this name, whatever its number of places, or makes it with
    /// [`FifoLock::DEFAULT_PLACES`].
    ///
    /// # Errors
    ///
    /// [`Error::OtherShape`] when the object is something else, [`Error::Full`].
    pub fn fifo_lock(&self, object: &str) -> Result<FifoLock, Error> {
        let places = self.length_if_there(object, Kind::FifoLock)?;
        self.fifo_lock_with_places(object, places.unwrap_or(FifoLock::DEFAULT_PLACES))
    }

    /// Opens the lock of this name, or makes it with places for so many, the holder included. A place
    /// takes 64 bytes of the segment.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfRange`] when `places` is zero; [`Error::OtherShape`] when the object is something
    /// else or has another number of places; [`Error::Full`].
    pub fn fifo_lock_with_places(&self, object: &str, places: u32) -> Result<FifoLock, Error> {
        if places == 0 {
            return Err(Error::OutOfRange {
                object: object.to_owned(),
                what: "number of places",
                found: 0,
                expected: "1 or more",
            });
        }
        let identity = (Kind::FifoLock, u64::from(places));
        let room = Room {
            slots: places as usize,
            words: WORDS,
        };
        let object = self.object::<u64, u64>(object, identity, room, FIRST_TICKET, |_| {})?;
        Ok(FifoLock { object })
    }
}

impl FifoLock {
    /// Takes the lock when it is the caller's turn, for as long as that takes.
    ///
    /// # Errors
    ///
    /// [`LockError::HeldByCaller`], [`LockError::TooManyHeld`].
    ///
    /// # Examples
    ///
    /// ```
    /// # let segment = shmcount::Segment::create("doc-fifo")?;
    /// let printer = segment.fifo_lock("printer")?;
    /// let turn = printer.lock()?;
    /// assert!(!turn.owner_died());
    /// assert_eq!(printer.holder().unwrap().pid, Some(std::process::id()));
    /// assert!(printer.waiters().is_empty());
    /// drop(turn);
    /// assert_eq!(printer.holder(), None);
    /// # segment.remove()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn lock(&self) -> Result<FifoLockGuard<'_>, LockError> {
        self.lock_until(None, Duration::MAX)
    }

    /// Takes the lock if nobody holds it and nobody waits for it or is just asking for it.
    ///
    /// # Errors
    ///
    /// [`LockError::WouldBlock`] names the holder; [`LockError::HeldByCaller`],
    /// [`LockError::TooManyHeld`].
    pub fn try_lock(&self) -> Result<FifoLockGuard<'_>, LockError> {
        let me = Thread::current();
        me.check_room()?;
        // SAFETY: the segment keeps the slots mapped while this is borrowed, and `drop` of an object that
        // is gone before its guards keeps the segment.
        let joined = unsafe { self.turns().try_join(me) };
        // Nobody is ahead, so there is nothing to wait for.
        let granted = joined.and_then(|place| self.wait_or_leave(me, place, None));
        self.guard(me, granted, Duration::ZERO)
    }

    /// Takes the lock when it is the caller's turn, or gives up its place after `timeout`. A holder that is
    /// stopped is never robbed.
    ///
    /// # Errors
    ///
    /// [`LockError::TimedOut`] names the holder; [`LockError::HeldByCaller`],
    /// [`LockError::TooManyHeld`].
    pub fn lock_timeout(&self, timeout: Duration) -> Result<FifoLockGuard<'_>, LockError> {
        self.lock_until(Some(Deadline::after(timeout)), timeout)
    }

    /// Returns who holds the lock at this moment, or is about to: the first in line.
    pub fn holder(&self) -> Option<Holder> {
        let line = self.turns().in_line();
        line.first().map(|(_, tid)| Holder::of_thread(*tid))
    }

    /// Returns who waits for the lock at this moment, in the order in which they will get it.
    pub fn waiters(&self) -> Vec<Holder> {
        let line = self.turns().in_line().into_iter().skip(1);
        line.map(|(_, tid)| Holder::of_thread(tid)).collect()
    }

    /// Returns how often the lock was taken over from a holder that died.
    pub fn recoveries(&self) -> u32 {
        // Relaxed: a statistic.
        self.object.words()[RECOVERIES].load(Relaxed) as u32
    }

    /// Returns how many places there are, the holder's included.
    pub fn places(&self) -> usize {
        self.object.slots().len()
    }

    /// Returns the segment that the lock lies in.
    pub fn segment(&self) -> &Segment {
        self.object.segment()
    }

    #[inline]
    fn lock_until(
        &self,
        deadline: Option<Deadline>,
        timeout: Duration,
    ) -> Result<FifoLockGuard<'_>, LockError> {
        let me = Thread::current();
        me.check_room()?;
        // SAFETY: as in `try_lock`.
        let joined = unsafe { self.turns().join(me, deadline) };
        let granted = joined.and_then(|place| self.wait_or_leave(me, place, deadline));
        self.guard(me, granted, timeout)
    }

    #[inline]
    fn wait_or_leave(
        &self,
        me: Thread,
        place: Place,
        deadline: Option<Deadline>,
    ) -> Result<(Place, Acquired), Refused> {
        match self.turns().wait_for_turn(place, deadline) {
            Ok(acquired) => Ok((place, acquired)),
            Err(refused) => {
                // SAFETY: joined by this thread, at this place.
                unsafe { self.turns().leave(me, place) };
                Err(refused)
            }
        }
    }

    #[inline]
    fn guard(
        &self,
        me: Thread,
        granted: Result<(Place, Acquired), Refused>,
        timeout: Duration,
    ) -> Result<FifoLockGuard<'_>, LockError> {
        match granted {
            Ok((place, acquired)) => {
                if acquired == Acquired::OwnerDied {
                    // Relaxed: a statistic.
                    self.object.words()[RECOVERIES].fetch_add(1, Relaxed);
                }
                Ok(FifoLockGuard::new(&self.object, me, (place, acquired)))
            }
            Err(refused) => Err(LockError::new(refused, timeout)),
        }
    }

    #[inline]
    fn turns(&self) -> Turns<'_> {
        turns_of(&self.object)
    }
}

/// Views the line of a lock's waiters.
#[inline]
pub(super) fn turns_of(object: &Object<u64>) -> Turns<'_> {
    Turns::new(object.state(), object.slots(), &object.words()[TENURE])
}

impl fmt::Debug for FifoLock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("FifoLock")
            .field("holder", &self.holder())
            .field("waiters", &self.waiters().len())
            .finish_non_exhaustive()
    }
}
