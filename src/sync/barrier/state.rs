//! What a barrier remembers, and how the slots say who is there.
//!
//! The first slots, as many as there are parties, are seats, for parties that have joined. Twice as many
//! are places for who takes part in one generation only: the second half for those who come to the next
//! one while others have not left the last. Nothing but a slot says that somebody is there
//! or gone:
//!
//! | slot | seat | place |
//! |---|---|---|
//! | living | joined | in `wait` |
//! | dead | a party died | one died; matters if it had arrived in the present generation |
//! | empty, and names a process | a party left | free |
//! | empty, and names nobody | never taken | free |
//!
//! So arriving, leaving and dying commit nothing. What is committed is that a generation has ended, and
//! that the barrier is broken. Notes are written under the state's lock, by whoever is about to occupy
//! the slot or does; but for one who could not get the lock in its time, and gives up without.

use bytemuck::{Pod, Zeroable};

use crate::raw::slot::{Occupant, Slot};
use crate::sync::error::BrokenBy;
use crate::sys::atomic::{Acquire, Release};

/// Of a slot's notes, which says in which generation the occupant arrived, plus one; and whether it gave up.
const ARRIVED: usize = 0;
/// It arrived in that generation and does not wait for its end.
const GAVE_UP: u64 = 1 << 63;
/// Which names the occupant's process.
const PROCESS: usize = 1;

/// A seat and two places.
pub const SLOTS_A_PARTY: usize = 3;

const WHOLE: u32 = 0;
const DIED: u32 = 1;
const LEFT: u32 = 2;
const TIMED_OUT: u32 = 3;
const RESET: u32 = 4;

/// The committed state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct State {
    /// How many generations have ended, by all parties' coming or by a reset.
    pub generation: u64,
    /// The one that the last reset ended.
    ended_by_reset: u64,
    resets: u32,
    cause: u32,
    culprit: u32,
    /// How many slots were taken that others may have seen left or dead.
    takings: u32,
}

/// When somebody arrived: what it needs to tell how that generation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    pub generation: u64,
    resets: u32,
}

impl State {
    pub fn broken_by(&self) -> Option<BrokenBy> {
        Some(match self.cause {
            WHOLE => return None,
            DIED => BrokenBy::Death(self.culprit),
            LEFT => BrokenBy::Leaving(self.culprit),
            TIMED_OUT => BrokenBy::Timeout(self.culprit),
            RESET => BrokenBy::Reset,
            _ => BrokenBy::Unknown,
        })
    }

    pub fn break_by(&mut self, by: BrokenBy) {
        (self.cause, self.culprit) = match by {
            BrokenBy::Death(pid) => (DIED, pid),
            BrokenBy::Leaving(pid) => (LEFT, pid),
            BrokenBy::Timeout(pid) => (TIMED_OUT, pid),
            BrokenBy::Reset => (RESET, 0),
            BrokenBy::Unknown => (u32::MAX, 0),
        };
    }

    pub fn reset(&mut self) {
        self.ended_by_reset = self.generation;
        self.resets = self.resets.wrapping_add(1);
        self.cause = WHOLE;
        self.complete();
    }

    /// Notes that a slot was taken, so that there is something to commit.
    pub fn note_taking(&mut self) {
        self.takings = self.takings.wrapping_add(1);
    }

    pub fn complete(&mut self) {
        self.generation = self.generation.wrapping_add(1);
    }

    pub fn arrival(&self) -> Arrival {
        Arrival {
            generation: self.generation,
            resets: self.resets,
        }
    }

    /// Tells how the generation of an arrival ended, if it did.
    pub fn outcome(&self, arrival: Arrival) -> Option<Result<(), BrokenBy>> {
        if self.generation == arrival.generation {
            return self.broken_by().map(Err);
        }
        let resets = self.resets.wrapping_sub(arrival.resets);
        let was_reset = match resets {
            0 => false,
            1 => self.ended_by_reset == arrival.generation,
            // Whoever slept through more of them cannot tell any more, and goes the safe way.
            _ => true,
        };
        Some(match was_reset {
            true => Err(BrokenBy::Reset),
            false => Ok(()),
        })
    }
}

/// Seats and places of a barrier.
#[derive(Clone, Copy)]
pub struct Circle<'a> {
    pub seats: &'a [Slot],
    pub places: &'a [Slot],
}

impl Circle<'_> {
    /// Returns what will keep the present generation from ending: somebody who died or left. To be
    /// asked again under the lock, for one who is about to take a seat looks as if it had left.
    pub fn fault(self, state: &State) -> Option<BrokenBy> {
        let mut left = None;
        for seat in self.seats {
            match seat.occupant() {
                Occupant::Living(_) => {}
                Occupant::Dead => return Some(BrokenBy::Death(process(seat))),
                Occupant::None => left = left.or(named(seat)),
            }
        }
        let died = |place: &&Slot| place.occupant() == Occupant::Dead && has_arrived(place, state);
        if let Some(place) = self.places.iter().find(died) {
            return Some(BrokenBy::Death(process(place)));
        }
        let gave_up = |slot: &&Slot| has_given_up(slot, state);
        if let Some(slot) = self.seats.iter().chain(self.places).find(gave_up) {
            return Some(BrokenBy::Timeout(process(slot)));
        }
        // Who left is missed by those who are still there. When nobody is, all is as if it were new.
        left.filter(|_| self.is_anybody_there(state))
            .map(BrokenBy::Leaving)
    }

    /// Counts who has arrived in the present generation.
    pub fn arrived(self, state: &State) -> usize {
        let all = self.seats.iter().chain(self.places);
        all.filter(|slot| is_living(slot) && has_arrived(slot, state))
            .count()
    }

    /// Counts who has joined, or has arrived in the present generation without.
    pub fn taking_part(self, state: &State) -> usize {
        let arrived = |place: &&Slot| is_living(place) && has_arrived(place, state);
        let joined = self.seats.iter().filter(|seat| is_living(seat)).count();
        joined + self.places.iter().filter(arrived).count()
    }

    /// Forgets who left, if nobody is there who could miss them. Under the lock.
    pub fn forget_who_left(self, state: &State) {
        if !self.is_anybody_there(state) {
            self.seats.iter().for_each(vacate);
        }
    }

    /// Forgets who left and who died. Under the lock, when the barrier is broken.
    pub fn forget_who_is_gone(self) {
        for slot in self.seats.iter().chain(self.places) {
            if !is_living(slot) {
                vacate(slot);
                slot.forget_death();
            }
        }
    }

    /// Returns the seat to take: one that nobody had, or one that was left, or one of a dead party,
    /// of whom the state knows by then.
    pub fn free_seat(self) -> Option<usize> {
        let never_taken = |slot: &Slot| slot.occupant() == Occupant::None && named(slot).is_none();
        let left = |slot: &Slot| slot.occupant() == Occupant::None;
        let dead = |slot: &Slot| !is_living(slot);
        let find = |is_it: &dyn Fn(&Slot) -> bool| self.seats.iter().position(is_it);
        find(&never_taken)
            .or_else(|| find(&left))
            .or_else(|| find(&dead))
    }

    /// Returns a place that nobody living is in.
    pub fn free_place(self) -> Option<usize> {
        let place = self.places.iter().position(|place| !is_living(place));
        place.map(|place| self.seats.len() + place)
    }

    fn is_anybody_there(self, state: &State) -> bool {
        let is_seated = |seat: &Slot| seat.occupant() != Occupant::None;
        self.seats.iter().any(is_seated) || self.arrived(state) > 0
    }
}

/// Writes down who is about to occupy a slot. Under the lock.
pub fn name(slot: &Slot, pid: u32) {
    // Release: pairs with the Acquire in `process` and `has_arrived`.
    slot.notes[ARRIVED].store(0, Release);
    slot.notes[PROCESS].store(u64::from(pid), Release);
}

/// Has the occupant of a slot arrive in the present generation. Under the lock.
pub fn arrive(slot: &Slot, state: &State) {
    // Release: as in `name`.
    slot.notes[ARRIVED].store(state.generation.wrapping_add(1), Release);
}

/// Has the occupant of a slot, which has arrived, wait no longer. Without the lock: whoever ends the generation
/// at this moment may have counted it.
pub fn give_up(slot: &Slot, arrival: Arrival) {
    let gave_up = arrival.generation.wrapping_add(1) | GAVE_UP;
    // Release: as in `name`.
    slot.notes[ARRIVED].store(gave_up, Release);
}

/// Tells whether who is or was in a slot came to the present generation, and does not wait for its end.
pub fn has_given_up(slot: &Slot, state: &State) -> bool {
    slot.notes[ARRIVED].load(Acquire) == state.generation.wrapping_add(1) | GAVE_UP
}

fn vacate(slot: &Slot) {
    if !is_living(slot) {
        name(slot, 0);
    }
}

fn has_arrived(slot: &Slot, state: &State) -> bool {
    slot.notes[ARRIVED].load(Acquire) == state.generation.wrapping_add(1)
}

fn named(slot: &Slot) -> Option<u32> {
    Some(process(slot)).filter(|pid| *pid != 0)
}

fn process(slot: &Slot) -> u32 {
    slot.notes[PROCESS].load(Acquire) as u32
}

fn is_living(slot: &Slot) -> bool {
    slot.occupant().living().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arrival_knows_how_its_generation_ended_whatever_came_after() {
        let mut state = State::zeroed();
        let first = state.arrival();
        assert_eq!(state.outcome(first), None);
        state.complete();
        assert_eq!(state.outcome(first), Some(Ok(())));
        let second = state.arrival();
        state.break_by(BrokenBy::Death(7));
        assert_eq!(state.outcome(first), Some(Ok(())));
        assert_eq!(state.outcome(second), Some(Err(BrokenBy::Death(7))));
        state.reset();
        assert_eq!(state.outcome(first), Some(Ok(())));
        assert_eq!(state.outcome(second), Some(Err(BrokenBy::Reset)));
        state.complete();
        assert_eq!(state.outcome(second), Some(Err(BrokenBy::Reset)));
        state.reset();
        assert_eq!(state.outcome(second), Some(Err(BrokenBy::Reset)));
    }
}
