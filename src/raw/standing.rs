//! Who stands where in a line of waiters.
//!
//! A look at a slot reads the word before the ticket. The ticket is written before the word is claimed,
//! so one that is smaller than the own is that of whom the word named; a larger one says that this
//! one is gone. And when a turn began, all with smaller tickets were gone: there a search ends.

use super::slot::Occupant;
use super::turns::{GOES_ON, Place, TICKET, Turns};
use crate::sys::atomic::{Acquire, Relaxed};
use crate::sys::robust_list::Thread;

/// Somebody who stands in line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) place: Place,
    pub(super) tid: u32,
    /// What the slot's word held.
    pub(super) word: u32,
}

impl Turns<'_> {
    /// Returns places and thread ids of who stands in line at this moment, in order; the turn is the first's.
    pub fn in_line(self) -> Vec<(Place, u32)> {
        let indices = 0..self.slots.len();
        let mut line: Vec<Standing> = indices.filter_map(|index| self.look_at(index)).collect();
        // Who came and went between the two looks at a slot may have lent it a ticket.
        line.retain(|standing| self.slots[standing.place.index].watch().1 == standing.word);
        line.sort_by_key(|standing| standing.place.ticket);
        line.iter()
            .map(|standing| (standing.place, standing.tid))
            .collect()
    }

    /// Returns the living one with the largest ticket below this one.
    #[inline]
    pub(super) fn ahead_of(self, ticket: u64) -> Option<Standing> {
        let slots = self.slots.len() as u64;
        // As many as may be ahead; if the words were damaged, not more than there are slots.
        let reach = ticket.wrapping_sub(self.last_turn()).min(slots);
        let mut nearest: Option<Standing> = None;
        for back in 1..=reach {
            let expected = self.place_of(ticket.wrapping_sub(back));
            let Some(found) = self.look_at(expected.index) else {
                continue;
            };
            if found.place == expected {
                return Some(found);
            }
            let is_nearer = nearest.is_none_or(|other| other.place.ticket < found.place.ticket);
            if found.place.ticket < ticket && is_nearer {
                nearest = Some(found);
            }
        }
        nearest
    }

    /// Looks who lives in a slot. The ticket may be that of a later one.
    #[inline]
    fn look_at(self, index: usize) -> Option<Standing> {
        let slot = &self.slots[index];
        // The word before the ticket; its load is an Acquire that pairs with the claim.
        let word = slot.watch().1;
        let tid = Occupant::in_word(word).living()?;
        // Relaxed: at least as new as the word.
        let ticket = slot.notes[TICKET].load(Relaxed);
        Some(Standing {
            place: Place { ticket, index },
            tid,
            word,
        })
    }

    /// Returns the ticket of the last turn that was begun. All before it are gone.
    #[inline]
    pub(super) fn last_turn(self) -> u64 {
        // Acquire: pairs with the Release in `begin`: who was seen gone there is gone here.
        self.tenure.load(Acquire) >> 1
    }

    /// Tells whether it is the turn of the calling thread.
    #[inline]
    pub(super) fn is_turn_of(self, me: Thread) -> bool {
        // Relaxed: what the thread wrote itself it reads, and of what others wrote nothing is made.
        let tenure = self.tenure.load(Relaxed);
        let place = self.place_of(tenure >> 1);
        let is_there = |standing: Standing| (standing.place, standing.tid) == (place, me.tid());
        tenure & GOES_ON != 0 && self.look_at(place.index).is_some_and(is_there)
    }

    #[inline]
    pub(super) fn place_of(self, ticket: u64) -> Place {
        Place {
            ticket,
            index: (ticket % self.slots.len() as u64) as usize,
        }
    }
}
