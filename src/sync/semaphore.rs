//! A semaphore whose permits come back when their holders are killed.
//!
//! Each permit is a slot ([`crate::raw::slot`]), so the kernel gives a dead holder's back at once, and
//! no count can come to differ from what is held. Taking a permit that is free, and giving it back
//! while nobody waits, touch only the slot; the committed state is there to sleep on.

use std::fmt;
use std::time::Duration;

use super::error::{AcquireError, Holder};
use crate::raw::slot::{Occupant, Slot};
use crate::raw::watching::{Seen, Unsatisfied};
use crate::segment::{Claim, Error, Kind, Object, Room, Segment};
use crate::sys::clock::Deadline;
use crate::sys::robust_list::Thread;

/// Permits that processes share. Handles are `Send` and `Sync`; threads share it as processes do.
///
/// After SIGKILL, exec or the end of a holder's thread: its permits are free at once, and whoever
/// waits is woken. A process that is stopped keeps nobody from taking or giving back other permits.
///
/// Taking a permit that is free costs one compare-and-swap and looks at each permit that is not, up to
/// that one; all who wait are woken by each that is given back, and one of them gets it. There is no
/// order among them. A thread holds at most 2,000 permits and locks. Who waits sleeps on the first 126
/// permits; the death of the holder of another is noticed within 50 ms.
pub struct Semaphore {
    object: Object<u64>,
}

/// One of a [`Semaphore`]'s permits, given back when it is dropped.
///
/// It belongs to the thread that acquired it, as a lock does: it cannot be sent to another, and it
/// comes back when that thread ends.
#[must_use = "the permit is given back when this is dropped"]
pub struct Permit<'a> {
    claim: Claim<'a, u64>,
    previous_died: bool,
}

impl Segment {
    /// Opens the semaphore of this name, or makes it with that many permits, all free. A permit takes
    /// 64 bytes of the segment.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfRange`] when `permits` is zero; [`Error::OtherShape`] when the object is something
    /// else or has another number of permits; [`Error::Full`].
    pub fn semaphore(&self, object: &str, permits: u32) -> Result<Semaphore, Error> {
        if permits == 0 {
            return Err(Error::OutOfRange {
                object: object.to_owned(),
                what: "number of permits",
                found: 0,
                expected: "1 or more",
            });
        }
        let identity = (Kind::Semaphore, u64::from(permits));
        let room = Room {
            slots: permits as usize,
            words: 0,
        };
        let object = self.object::<u64, u64>(object, identity, room, 0, |_| {})?;
        Ok(Semaphore { object })
    }
}

impl Semaphore {
    /// Takes a permit, for as long as that takes.
    ///
    /// # Errors
    ///
    /// [`AcquireError::AllHeldByCaller`], [`AcquireError::TooManyHeld`].
    ///
    /// # Examples
    ///
    /// ```
    /// # let segment = shmcount::Segment::create("doc-acquire")?;
    /// let connections = segment.semaphore("connections", 4)?;
    /// let permit = connections.acquire()?;
    /// assert_eq!(connections.available(), 3);
    /// drop(permit);
    /// assert_eq!(connections.available(), 4);
    /// # segment.remove()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn acquire(&self) -> Result<Permit<'_>, AcquireError> {
        self.acquire_within(None)
    }

    /// Takes a permit if one is free.
    ///
    /// # Errors
    ///
    /// [`AcquireError::NoPermit`], [`AcquireError::TooManyHeld`].
    pub fn try_acquire(&self) -> Result<Permit<'_>, AcquireError> {
        self.claim_any(Thread::current())?
            .ok_or(AcquireError::NoPermit)
    }

    /// Takes a permit, or gives up after `timeout`. A holder that is stopped is never robbed.
    ///
    /// # Errors
    ///
    /// [`AcquireError::TimedOut`]; as [`acquire`](Self::acquire).
    pub fn acquire_timeout(&self, timeout: Duration) -> Result<Permit<'_>, AcquireError> {
        self.acquire_within(Some(timeout))
    }

    /// Returns how many permits there are, free or not.
    pub fn permits(&self) -> usize {
        self.object.slots().len()
    }

    /// Returns how many permits are free at this moment.
    pub fn available(&self) -> usize {
        self.object
            .slots()
            .iter()
            .filter(|slot| is_free(slot))
            .count()
    }

    /// Returns who holds the permits that are taken at this moment, one entry a permit.
    pub fn holders(&self) -> Vec<Holder> {
        let living = self.object.slots().iter().map(Slot::occupant);
        living
            .filter_map(Occupant::living)
            .map(Holder::of_thread)
            .collect()
    }

    #[inline]
    fn acquire_within(&self, timeout: Option<Duration>) -> Result<Permit<'_>, AcquireError> {
        let me = Thread::current();
        match self.claim_any(me)? {
            Some(permit) => Ok(permit),
            None => self.wait_for_one(me, timeout),
        }
    }

    #[cold]
    fn wait_for_one(
        &self,
        me: Thread,
        timeout: Option<Duration>,
    ) -> Result<Permit<'_>, AcquireError> {
        let slots = self.object.slots();
        let deadline = timeout.map(Deadline::after);
        let is_mine = |slot: &Slot| slot.occupant() == Occupant::Living(me.tid());
        loop {
            if slots.iter().all(is_mine) {
                return Err(AcquireError::AllHeldByCaller);
            }
            let one_is_free =
                |_: &u64, seen: Seen<'_>| seen.was_one_free() || slots.iter().any(is_free);
            match (self.object.state()).wait_until_beside(me, slots, one_is_free, deadline) {
                Ok(_) => {}
                Err(Unsatisfied::TimedOut(_)) => {
                    return Err(AcquireError::TimedOut {
                        permits: self.permits(),
                        timeout: timeout.unwrap_or(Duration::MAX),
                    });
                }
                // The state's lock is never lent: its word is damaged.
                Err(Unsatisfied::HeldByCaller(_)) => return Err(AcquireError::AllHeldByCaller),
            }
            if let Some(permit) = self.claim_any(me)? {
                return Ok(permit);
            }
        }
    }

    #[inline]
    fn claim_any(&self, me: Thread) -> Result<Option<Permit<'_>>, AcquireError> {
        let count = self.permits();
        // Threads begin at different slots, so that they do not meet at the first.
        let start = me.tid() as usize % count;
        for index in (start..count).chain(0..start) {
            if let Some((claim, before)) = self.object.claim(me, index)? {
                return Ok(Some(Permit {
                    claim,
                    previous_died: before == Occupant::Dead,
                }));
            }
        }
        Ok(None)
    }
}

impl Permit<'_> {
    /// Tells whether the last holder of this permit died with it.
    pub fn previous_holder_died(&self) -> bool {
        self.previous_died
    }
}

fn is_free(slot: &Slot) -> bool {
    slot.occupant().living().is_none()
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Semaphore")
            .field("permits", &self.permits())
            .field("available", &self.available())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Permit<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_tuple("Permit")
            .field(&self.claim.index())
            .finish()
    }
}
