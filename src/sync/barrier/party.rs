//! One who takes part in a barrier from one meeting to the next.

use std::fmt;
use std::time::Duration;

use super::state::State;
use super::{Barrier, BarrierWaitResult, Timeout};
use crate::segment::Claim;
use crate::sync::error::{BarrierError, BrokenBy, LockError};
use crate::sys::robust_list::Thread;

/// A seat at a [`Barrier`], left when this is dropped. It belongs to the thread that took it.
///
/// While it lives, the others learn at once of its thread's death, between two meetings as well.
///
/// Leaving breaks the barrier for those who wait at that moment, and for whoever comes to wait while
/// others still have a seat and nobody has taken the one that was left. A newcomer takes a seat that
/// nobody ever had, and one that was left when there is no other. When the last one has left, and
/// nobody waits, all seats are as if nobody had ever had them: so workers that have all done with the
/// last meeting leave one after the other, and break nothing.
///
/// A party that a fork copied into a child does nothing there.
#[must_use = "the seat is left when this is dropped"]
pub struct Party<'a> {
    barrier: &'a Barrier,
    claim: Claim<'a, State>,
}

impl<'a> Party<'a> {
    pub(super) fn join(barrier: &'a Barrier) -> Result<Self, BarrierError> {
        let me = Thread::current();
        me.check_room().map_err(LockError::from)?;
        let mut state = barrier.lock(me, None)?;
        match barrier.circle().fault(&state) {
            // Nobody misses it yet, and this may be who takes its seat.
            Some(BrokenBy::Leaving(_)) if barrier.waiting() == 0 => {}
            _ => barrier.look(&mut state),
        }
        barrier.check_parties(&state)?;
        let seat = barrier.circle().free_seat();
        let claim = seat.map(|seat| {
            // Who joins a broken barrier waits for its reset with the others.
            barrier.look_at_who_was_in(seat, &mut state);
            barrier.take(me, seat, &mut state)
        });
        let claim = claim.transpose()?;
        match claim.flatten() {
            Some(claim) => Ok(Self { barrier, claim }),
            None => Err(BarrierError::TooManyParties {
                parties: barrier.parties(),
            }),
        }
    }

    /// Waits until all parties have come, for as long as that takes.
    ///
    /// # Errors
    ///
    /// [`BarrierError::Broken`], at once when it is broken already; [`BarrierError::CopiedByFork`],
    /// [`BarrierError::Lock`].
    ///
    /// # Examples
    ///
    /// ```
    /// # let segment = shmcount::Segment::create("doc-party-wait")?;
    /// let rounds = segment.barrier("rounds", 1)?;
    /// let party = rounds.join()?;
    /// for round in 0..3 {
    ///     assert_eq!(party.wait()?.generation(), round);
    /// }
    /// # drop(party);
    /// # segment.remove()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn wait(&self) -> Result<BarrierWaitResult, BarrierError> {
        self.wait_within(None)
    }

    /// Waits until all parties have come, or gives up after `timeout`, which breaks the barrier.
    ///
    /// # Errors
    ///
    /// As [`Barrier::wait_timeout`], and as [`wait`](Self::wait).
    pub fn wait_timeout(&self, timeout: Duration) -> Result<BarrierWaitResult, BarrierError> {
        self.wait_within(Some(timeout))
    }

    fn wait_within(&self, timeout: Option<Duration>) -> Result<BarrierWaitResult, BarrierError> {
        if !self.claim.is_own() {
            return Err(BarrierError::CopiedByFork);
        }
        let me = Thread::current();
        me.check_room().map_err(LockError::from)?;
        let timeout = timeout.map(Timeout::new);
        let state = self.barrier.enter(me, timeout)?;
        let arrived = self.barrier.arrive(state, &self.claim);
        self.barrier.finish(me, &self.claim, arrived, timeout)
    }
}

impl fmt::Debug for Party<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_tuple("Party")
            .field(&self.claim.index())
            .finish()
    }
}
