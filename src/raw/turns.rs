//! Threads that take turns in the order of asking, each in a slot of its own.
//!
//! | word | written by | what it says |
//! |---|---|---|
//! | the state | whoever asks, under its lock | the next ticket |
//! | `notes[TICKET]` of a slot | whoever is about to claim the slot, under the state's lock | the ticket |
//! | `notes[WATCHED]` of a slot | who is about to sleep behind the occupant; who claims the slot next | whether somebody may be asleep there |
//! | `tenure` | whose turn it is | the ticket of the last turn, and whether that turn goes on |
//!
//! **Whose turn it is** needs no word: it is that of the living occupant with the smallest ticket. A
//! ticket is given out under the state's lock, larger than all before, and only its slot's word says
//! that it lives; left or dead, it never lives again. So once nobody with a smaller ticket lives,
//! nobody will, and of two who think that it is their turn the one with the larger ticket would have
//! seen the other one gone. (Who dies between its claim and the commit of the next ticket leaves its ticket to
//! the next who asks; nobody has a larger one yet.) Nobody is robbed, nobody repairs anything, and dead waiters and those that
//! gave up are passed over because they are not there.
//!
//! Ticket *t* is always in slot *t* mod *n*: one whose slot is taken is never given out. So who is ahead
//! is found from the own ticket backwards, as far as `tenure`: when that turn began, all before it were gone.
//!
//! **Waiting.** A waiter sleeps on the word of the nearest living slot ahead, and on nothing else that
//! anybody wakes. So there is at most one sleeper a word: of two waiters behind one occupant, the later
//! one has seen the earlier one gone, and the kernel takes a dead sleeper off the queue before it
//! marks its slot. No wake-up is lost:
//!
//! - *The one ahead leaves.* It exchanges the word, then looks at `WATCHED`; the sleeper raises that by an
//!   exchange, and then the kernel compares the word behind a barrier of its own. Either the leaver sees
//!   it raised or the sleeper sees the word changed. (Always by exchange, whatever the segment's release: each
//!   waiter sleeps, so a plain store would cost a membarrier a turn.)
//! - *The one ahead is killed*: its word carries `WAITERS`, so the kernel wakes the sleeper.
//! - *It is killed between the exchange and the wake-up.* The slot is its pending place, so the kernel wakes
//!   somebody on the word, if the word is still free then. If it is not, who claimed the slot has
//!   woken all sleepers before it claimed it: it saw `WATCHED`, which was raised before the sleeper was
//!   queued, hence before the word changed.
//! - *The one ahead leaves and takes the same slot again* before the waiter sleeps: the word is as it was, and
//!   the waiter would sleep behind somebody who waits for it. So it sleeps on word and ticket, queued on
//!   the word first: a word that is back means a ticket that has changed.
//! - *A sleeper is killed with its wake-up in hand*, or gives up: its own slot's word wakes who sleeps behind
//!   it, who finds the next one ahead, or nobody.
//!
//! `WATCHED` is put down only while nobody lives in the slot, by its next occupant, after the ticket
//! has changed and before the word does: who raises it for this occupant comes later, and who raises it late
//! for one before cannot fall asleep, and costs a system call.
//!
//! The same idea, a queue of tickets where each watches the one before it, is that of
//! T. E. Anderson, "The performance of spin lock alternatives for shared-memory multiprocessors" (1990).

use std::time::Duration;

use super::committed::Committed;
use super::protocol::{Announced, Protocol, ReleaseBy};
use super::robust_lock::{Acquired, Refused};
use super::slot::Slot;
use super::standing::Standing;
use crate::sys::atomic::{AtomicU64, Relaxed, Release, SeqCst};
use crate::sys::backoff::Backoff;
use crate::sys::clock::Deadline;
use crate::sys::futex::{self, Futex};
use crate::sys::robust_list::Thread;

pub(super) const TICKET: usize = 0;
const WATCHED: usize = 1;
/// Zeroed slots have no ticket.
pub const FIRST_TICKET: u64 = 1;
/// The low bit of `tenure`: the turn goes on.
pub(super) const GOES_ON: u64 = 1;
/// How long who waits for a place sleeps before it looks again: nobody tells it of deaths.
const SECOND_LOOK: Duration = Duration::from_millis(50);

/// A view of a line of waiters: the next ticket, the slots they wait in, and whose turn was last.
#[derive(Clone, Copy, Debug)]
pub struct Turns<'a> {
    pub(super) next: Committed<'a, u64>,
    pub(super) slots: &'a [Slot],
    pub(super) tenure: &'a AtomicU64,
}

/// A place in the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Place {
    pub(super) ticket: u64,
    pub(super) index: usize,
}

impl Place {
    /// Returns which of the slots it is.
    pub fn index(self) -> usize {
        self.index
    }
}

impl<'a> Turns<'a> {
    /// Makes a view.
    ///
    /// # Panics
    ///
    /// When there are no slots.
    pub fn new(next: Committed<'a, u64>, slots: &'a [Slot], tenure: &'a AtomicU64) -> Self {
        assert!(!slots.is_empty(), "a line has at least one place");
        Self {
            next,
            slots,
            tenure,
        }
    }

    /// Takes the next place in line. While all are taken it waits for one, in no order.
    ///
    /// # Errors
    ///
    /// [`Refused::HeldByCaller`] when it is the calling thread's turn already; [`Refused::TimedOut`].
    ///
    /// # Safety
    ///
    /// The slots stay mapped where they are until the calling thread has left the place, or has ended.
    #[inline]
    pub unsafe fn join(self, me: Thread, deadline: Option<Deadline>) -> Result<Place, Refused> {
        if self.is_turn_of(me) {
            return Err(Refused::HeldByCaller);
        }
        loop {
            let (next, _) = (self.next.lock(me, deadline)).map_err(|by| self.timed_out(by))?;
            // SAFETY: the caller's promise; the state is locked just now.
            let place = unsafe { self.take_place(me, next) };
            let after = place.map_or(next, |place| place.ticket.wrapping_add(1));
            // SAFETY: locked above by this thread.
            unsafe { self.next.unlock(me, &after, place.is_some()) };
            match place {
                Some(place) => return Ok(place),
                None => self.wait_for_a_place(me, deadline)?,
            }
        }
    }

    /// Takes the next place in line if it is its turn at once.
    ///
    /// # Errors
    ///
    /// [`Refused::HeldByCaller`]; [`Refused::WouldBlock`] when somebody has a turn, waits, or is asking at
    /// this moment.
    ///
    /// # Safety
    ///
    /// As for [`join`](Self::join).
    pub unsafe fn try_join(self, me: Thread) -> Result<Place, Refused> {
        if self.is_turn_of(me) {
            return Err(Refused::HeldByCaller);
        }
        let (next, _) = self.next.try_lock(me)?;
        let ahead = self.ahead_of(next);
        let place = match ahead {
            Some(_) => None,
            // SAFETY: the caller's promise; the state is locked just now.
            None => unsafe { self.take_place(me, next) },
        };
        let after = place.map_or(next, |place| place.ticket.wrapping_add(1));
        // SAFETY: locked above by this thread.
        unsafe { self.next.unlock(me, &after, place.is_some()) };
        place.ok_or_else(|| {
            let whose_turn = self.in_line().first().map(|(_, tid)| *tid);
            Refused::WouldBlock(whose_turn.or(ahead.map(|ahead| ahead.tid)).unwrap_or(0))
        })
    }

    /// Sleeps until it is the place's turn. Tells whether the last one died in the middle of its turn.
    ///
    /// # Errors
    ///
    /// [`Refused::TimedOut`]; the place is still taken.
    #[inline]
    pub fn wait_for_turn(
        self,
        place: Place,
        deadline: Option<Deadline>,
    ) -> Result<Acquired, Refused> {
        match self.ahead_of(place.ticket) {
            None => Ok(self.begin(place)),
            Some(_) => self.wait_behind(place, deadline),
        }
    }

    /// Ends the turn, and gives the next one its own.
    ///
    /// # Safety
    ///
    /// The calling thread is `me`, and it is its turn, at this place.
    #[inline]
    pub unsafe fn finish(self, me: Thread, place: Place) {
        // Release: pairs with the Acquire in `last_turn`. Not later than the word, whose exchange follows.
        self.tenure.store(place.ticket << 1, Release);
        // SAFETY: the caller's promise.
        unsafe { self.leave(me, place) };
    }

    /// Gives the place up.
    ///
    /// # Safety
    ///
    /// The calling thread is `me` and has joined at this place, and not left since.
    #[inline]
    pub unsafe fn leave(self, me: Thread, place: Place) {
        let slot = &self.slots[place.index];
        let by_exchange = Protocol {
            release: ReleaseBy::Exchange,
            ..self.next.protocol
        };
        // SAFETY: the caller's promise.
        unsafe { slot.leave(me, by_exchange) };
        // SeqCst: with the exchange in `sleep_behind`.
        if slot.notes[WATCHED].load(SeqCst) != 0 {
            wake_sleepers_at(slot);
        }
        // The kernel would stand in for us up to here. Who waits for a place looks again by itself.
        me.clear_pending();
        if self.next.line.watched.load(SeqCst) != 0 {
            self.tell_of_a_place(me);
        }
    }

    /// Takes the first place behind everybody, if one is free.
    ///
    /// # Safety
    ///
    /// As for [`join`](Self::join); and the calling thread has locked the state, which holds `next`.
    #[inline]
    unsafe fn take_place(self, me: Thread, next: u64) -> Option<Place> {
        let tickets = (0..self.slots.len() as u64).map(|further| next.wrapping_add(further));
        let place = tickets
            .map(|ticket| self.place_of(ticket))
            .find(|place| is_free(&self.slots[place.index]))?;
        let slot = &self.slots[place.index];
        // Relaxed: published by the claim.
        slot.notes[TICKET].store(place.ticket, Relaxed);
        // Behind the look at the word, which was an Acquire: what was raised before the word changed is
        // seen here.
        if slot.notes[WATCHED].load(SeqCst) != 0 {
            // The last occupant may have been killed before it did this, and the kernel will not for
            // a word that is ours. Nobody can fall asleep here before the claim.
            wake_sleepers_at(slot);
            // Relaxed: published by the claim.
            slot.notes[WATCHED].store(0, Relaxed);
        }
        // SAFETY: the caller's promise.
        let claimed = unsafe { slot.claim(me) };
        // Only who holds the state's lock claims a slot, so this one is still free.
        claimed.map(|_| place)
    }

    #[cold]
    fn wait_behind(self, place: Place, deadline: Option<Deadline>) -> Result<Acquired, Refused> {
        let mut backoff = Backoff::new(self.next.protocol.spin);
        while let Some(ahead) = self.ahead_of(place.ticket) {
            // Who is not the next would only poll until one of many turns is over.
            let is_next = self.last_turn() == ahead.place.ticket;
            if is_next && backoff.pause() {
                continue;
            }
            if deadline.is_some_and(Deadline::has_passed) {
                return Err(self.timed_out(Refused::TimedOut(ahead.tid)));
            }
            self.sleep_behind(ahead, deadline);
            backoff.restart();
        }
        Ok(self.begin(place))
    }

    /// Sleeps until `ahead` leaves or dies, if it has not.
    fn sleep_behind(self, ahead: Standing, deadline: Option<Deadline>) {
        let slot = &self.slots[ahead.place.index];
        // SeqCst: with the exchange of the word in `leave` and the look that follows it there.
        slot.notes[WATCHED].swap(1, SeqCst);
        let word = (slot.watch().0, ahead.word);
        // The low half will do: while we wait here, nobody behind us gets around.
        let ticket = (
            Futex::low_half(&slot.notes[TICKET]),
            ahead.place.ticket as u32,
        );
        // The word first: see above. Where there can be only one, a sleep is short.
        let on_both = |until| futex::wait_either([word, ticket], until);
        let protocol = self.next.protocol;
        protocol.sleep(on_both, word, Announced::ToAll, deadline);
    }

    /// Begins the turn of a place with nobody ahead.
    #[inline]
    fn begin(self, place: Place) -> Acquired {
        // Relaxed: ordered by the look at the word of whoever wrote it.
        let last = self.tenure.load(Relaxed);
        // Release: pairs with the Acquire in `last_turn`.
        self.tenure.store(place.ticket << 1 | GOES_ON, Release);
        match last & GOES_ON {
            0 => Acquired::Clean,
            // And its thread is not in its slot any more.
            _ => Acquired::OwnerDied,
        }
    }

    #[cold]
    fn wait_for_a_place(self, me: Thread, deadline: Option<Deadline>) -> Result<(), Refused> {
        if deadline.is_some_and(Deadline::has_passed) {
            return Err(self.timed_out(Refused::TimedOut(0)));
        }
        // Not on the slots' words: there the kernel wakes one, who must be the one behind.
        let until = Deadline::or_within(deadline, SECOND_LOOK);
        let one_is_free = |_: &u64| self.slots.iter().any(is_free);
        // Whatever came of it, the caller looks again.
        let _ = self.next.wait_until(me, one_is_free, Some(until));
        Ok(())
    }

    /// Tells those who wait for a place, unless somebody is just asking for one: then they look again
    /// by themselves, and a leaver waits for nobody.
    #[cold]
    fn tell_of_a_place(self, me: Thread) {
        if let Ok((next, _)) = self.next.try_lock(me) {
            // SAFETY: locked just now. A commit of what is there moves the sequence on for those who watch.
            unsafe { self.next.unlock(me, &next, true) };
        }
    }

    /// Names whose turn it is, as far as can be seen.
    #[cold]
    fn timed_out(self, refused: Refused) -> Refused {
        match (refused, self.in_line().first()) {
            (Refused::TimedOut(_), Some((_, tid))) => Refused::TimedOut(*tid),
            _ => refused,
        }
    }
}

fn is_free(slot: &Slot) -> bool {
    slot.occupant().living().is_none()
}

#[cold]
fn wake_sleepers_at(slot: &Slot) {
    futex::wake_all(slot.watch().0);
}
