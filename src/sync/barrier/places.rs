//! Taking a seat or a place at a barrier: all of it under the state's lock, but for the wait for a place.

use super::state::{self, State};
use super::{Barrier, Timeout};
use crate::raw::slot::Occupant;
use crate::raw::watching::{Seen, Unsatisfied};
use crate::segment::Claim;
use crate::sync::error::{BarrierError, LockError};
use crate::sync::value_guard::ValueGuard;
use crate::sys::robust_list::Thread;

impl Barrier {
    pub(super) fn check_parties(&self, state: &State) -> Result<(), BarrierError> {
        let parties = self.parties();
        match self.circle().taking_part(state) < parties {
            true => Ok(()),
            false => Err(BarrierError::TooManyParties { parties }),
        }
    }

    /// Claims a place, or says that the barrier is broken; nothing when there is none. Under the lock.
    pub(super) fn take_place(
        &self,
        me: Thread,
        state: &mut ValueGuard<'_, State>,
    ) -> Result<Option<Claim<'_, State>>, BarrierError> {
        let Some(place) = self.circle().free_place() else {
            return Ok(None);
        };
        self.look_at_who_was_in(place, state);
        match state.broken_by() {
            None => Ok(self.take(me, place, state)?),
            Some(by) => Err(BarrierError::Broken(by)),
        }
    }

    /// Looks again if somebody died or gave up in the slot that is about to be taken: since the last look,
    /// perhaps, and its notes, which say what that means, are about to go. Under the lock.
    pub(super) fn look_at_who_was_in(&self, index: usize, state: &mut ValueGuard<'_, State>) {
        let slot = &self.object.slots()[index];
        if slot.occupant() == Occupant::Dead || state::has_given_up(slot, state) {
            self.look(state);
        }
    }

    /// Claims a slot that nobody living is in. Under the lock.
    ///
    /// Where others may sleep who have read the slot's word as it is when the caller dies or leaves, that is
    /// committed: one who sees the caller there and then sleeps finds the sequence moved, if not the word.
    /// A place that nobody died in needs none: it is left when something was committed since, or by one that
    /// could not have the lock to say that it gave up.
    pub(super) fn take(
        &self,
        me: Thread,
        index: usize,
        state: &mut ValueGuard<'_, State>,
    ) -> Result<Option<Claim<'_, State>>, LockError> {
        // Before the name: a named slot that nobody is in was left.
        me.check_room()?;
        // Before the claim: killed right behind it, the notes are not those of another.
        state::name(&self.object.slots()[index], std::process::id());
        let claimed = self.object.claim(me, index)?;
        let is_seat = index < self.parties();
        Ok(claimed.map(|(claim, before)| {
            if is_seat || before == Occupant::Dead {
                state.note_taking();
            }
            claim
        }))
    }

    /// Waits while all places are with processes that have not left a generation that has ended. Who gives up
    /// breaks the present one, to which it was to come.
    pub(super) fn wait_for_place(
        &self,
        me: Thread,
        timeout: Option<Timeout>,
    ) -> Result<(), BarrierError> {
        let deadline = timeout.map(|timeout| timeout.deadline);
        let is_free =
            |_: &State, seen: Seen<'_>| seen.was_one_free() || self.circle().free_place().is_some();
        let state = self.object.state();
        match state.wait_until_beside(me, self.circle().places, is_free, deadline) {
            Ok(_) => Ok(()),
            Err(Unsatisfied::TimedOut(_)) => {
                let mut state = self.lock(me, timeout.map(Timeout::with_patience))?;
                self.look(&mut state);
                Err(match state.broken_by() {
                    Some(by) => BarrierError::Broken(by),
                    None => self.break_in_time(&mut state, timeout),
                })
            }
            Err(Unsatisfied::HeldByCaller(_)) => Err(LockError::HeldByCaller.into()),
        }
    }
}
