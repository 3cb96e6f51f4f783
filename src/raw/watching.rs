//! Waiting for a committed value, and waking those who wait.
//!
//! Whoever waits announces in `watched` the sequence it is about to sleep at, and sleeps on the
//! lock's word and the sequence at once. Whoever leaves the lock looks at `watched`. On the word only
//! the kernel wakes, when somebody died; a watcher that is woken stands in for the dead, and one
//! that is killed has its wake-up passed on, because the lock is pending while it sleeps. A killed
//! watcher leaves its announcement, which costs one wake-up. `docs/ARCHITECTURE.md` has the argument
//! whole.
//!
//! Of a slot's death the kernel tells one sleeper on the slot's word. Who is woken there, or finds when it is
//! woken that a slot was emptied while it slept, wakes all others, before anything else and while the lock
//! is pending.

use std::sync::atomic::AtomicU32;
use std::time::Duration;

use super::committed::{Committed, Line};
use super::patience::Patience;
use super::protocol::{Announced, Protocol};
use super::shareable::Shareable;
use super::slot::{Occupant, Slot};
use crate::sys::atomic::{Relaxed, SeqCst};
use crate::sys::clock::Deadline;
use crate::sys::futex::{self, Awake, Futex};
use crate::sys::robust_list::Thread;

/// After how many milliseconds who sleeps beside slots looks at them again. Two things need it: the kernel
/// lets nobody sleep on more than 128 words; and of a death it tells one sleeper. Killed with that news,
/// the sleeper has it passed on by way of the lock's word, but not while somebody living holds the lock, nor
/// where the one that is told sleeps for the lock and not beside the slots.
///
/// Tests put it off, so that a wake-up that is lost shows.
#[doc(hidden)]
pub static SECOND_LOOK_MS: AtomicU32 = AtomicU32::new(50);

/// The lock's word and the sequence.
const WORDS_BEFORE_SLOTS: usize = 2;
/// How many slots one can sleep beside; those behind them are looked at when one wakes.
pub const MOST_SLOTS: usize = futex::MOST_WORDS - WORDS_BEFORE_SLOTS;

/// Why a wait ended without the value that was wanted. The values are the last ones looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsatisfied<T> {
    /// The deadline passed.
    TimedOut(T),
    /// The calling thread holds the lock, so nobody else can change the value.
    HeldByCaller(T),
}

impl<'a, T: Shareable> Committed<'a, T> {
    /// Sleeps until a committed value satisfies `wanted`, and returns it.
    ///
    /// Looks at every value that is there when it wakes; values that come and go in between are
    /// not seen. The lock is not held while `wanted` runs.
    ///
    /// # Errors
    ///
    /// [`Unsatisfied`] with the last value, which did not satisfy.
    pub fn wait_until(
        self,
        me: Thread,
        wanted: impl FnMut(&T) -> bool,
        deadline: Option<Deadline>,
    ) -> Result<T, Unsatisfied<T>> {
        let mut wanted = wanted;
        self.wait_until_beside(me, &[], |value, _| wanted(value), deadline)
    }

    /// As [`wait_until`](Self::wait_until), where `wanted` looks at some slots as well: it is asked
    /// again when the thread in one of them dies, and when one is left by
    /// [`leave_slot`](Self::leave_slot). It has to hold of [`Seen`], too, if an empty slot is what is wanted;
    /// else whoever takes a slot that was empty or dead has to commit something before it can leave it.
    ///
    /// # Errors
    ///
    /// [`Unsatisfied`] with the last value, which did not satisfy.
    pub fn wait_until_beside(
        self,
        me: Thread,
        slots: &[Slot],
        mut wanted: impl FnMut(&T, Seen<'_>) -> bool,
        deadline: Option<Deadline>,
    ) -> Result<T, Unsatisfied<T>> {
        let value = self.load();
        if wanted(&value, Seen(&[])) {
            return Ok(value);
        }
        loop {
            // The word before the value: a death that we do not see in the value, we see here. One look: who
            // sleeps on a dead owner's word is not woken when the next one dies too, for it is the same again.
            let death = self.line.lock.death_watch();
            if Occupant::in_word(death.1) == Occupant::Dead {
                self.stand_in(me);
                continue;
            }
            let (sequence, announced) = self.announce_watcher();
            let changed = (self.line.sequence_futex(), sequence as u32);
            // The slots before `wanted` looks at them, for the same reason as the word.
            let words = words_to_sleep_on(death, changed, slots);
            let value = self.load();
            if wanted(
                &value,
                Seen(words.get(WORDS_BEFORE_SLOTS..).unwrap_or_default()),
            ) {
                return Ok(value);
            }
            if self.line.lock.owner() == Some(me.tid()) {
                return Err(Unsatisfied::HeldByCaller(value));
            }
            if deadline.is_some_and(Deadline::has_passed) {
                return Err(Unsatisfied::TimedOut(value));
            }
            let until = match slots {
                [] => deadline,
                _ => Some(Deadline::or_within(deadline, second_look())),
            };
            self.sleep(me, (&words, slots), changed, announced, until);
        }
    }

    /// Empties a slot of the calling thread's, the one of this index, and tells whoever waits beside it.
    ///
    /// Waits for nobody unless the index is beyond [`MOST_SLOTS`].
    ///
    /// # Safety
    ///
    /// The calling thread is `me` and has claimed the slot, which stays mapped until this returns.
    #[inline]
    pub unsafe fn leave_slot(self, me: Thread, slot: &Slot, index: usize) {
        // SAFETY: the caller's promise.
        unsafe { slot.leave(me, self.protocol) };
        // Killed before this look, the kernel wakes somebody on the slot's word, which is pending.
        if self.line.watched.load(SeqCst) != 0 {
            self.tell_of_leaving(me, index);
        }
        me.clear_pending();
    }

    /// Tells that a slot was left, which is pending until that is done.
    #[cold]
    fn tell_of_leaving(self, me: Thread, index: usize) {
        // Whoever is queued on the sequence wakes. Whoever is not yet comes to the slot's word later, and
        // finds it changed, or does not want it empty. So no lock is needed, whose holder may be stopped.
        let was_one_asleep = futex::wake_all(self.line.sequence_futex());
        if index >= MOST_SLOTS {
            // Nobody sleeps on its word, so the sequence has to move. Refused to who holds the lock: that
            // one's release tells them.
            let _ = self.modify(me, Patience::Forever, |value| (Some(value), ()));
        } else if !was_one_asleep && self.try_enter(me).is_ok() {
            // A commit of what is there takes the announcement of a sleeper back that is gone.
            self.commit(&self.load());
            // SAFETY: entered just now, and pending.
            unsafe { self.leave(me) };
        }
    }

    /// Says that somebody is about to sleep, and returns the sequence to sleep at. A commit from here
    /// on moves the sequence (with the plain release because it sees that), or is in the value that is read next.
    fn announce_watcher(self) -> (u64, Announced) {
        let sequence = self.line.sequence.load(SeqCst);
        self.raise_watched(sequence.wrapping_add(1));
        (sequence, self.protocol.announce())
    }

    fn raise_watched(self, announcement: u64) {
        let mut watched = self.line.watched.load(SeqCst);
        while watched < announcement {
            if watched != 0 {
                // Ours would hide that somebody sleeps at an older sequence, whom a commit since
                // then still has to wake.
                futex::wake_all(self.line.sequence_futex());
            }
            let raised = self
                .line
                .watched
                .compare_exchange(watched, announcement, SeqCst, SeqCst);
            watched = raised.err().unwrap_or(announcement);
        }
    }

    fn sleep(
        self,
        me: Thread,
        (words, slots): (&[Watched<'_>], &[Slot]),
        changed: Watched<'_>,
        announced: Announced,
        deadline: Option<Deadline>,
    ) {
        self.set_pending(me);
        // A wake-up on the word is the kernel's, for one of all who sleep there. Killed with it in
        // hand, the kernel gives it to the next, because the lock is pending.
        // The lock's word first: who commits, releases and is killed while we come to the sequence finds
        // us queued there already, though the word may be free again as it was.
        let on_all = |until| futex::wait_any(words, until);
        let awake = self.protocol.sleep(on_all, changed, announced, deadline);
        if let Awake::Woken(through) = awake {
            // While the lock is pending: killed before, the kernel wakes another one here. On a slot's word it
            // wakes for a death only. That may have been passed on to us by way of the lock's word; and the slot
            // may be as empty as when we read it, if somebody came to it before we slept.
            if through >= WORDS_BEFORE_SLOTS || is_one_emptied(slots, words) {
                futex::wake_all(self.line.sequence_futex());
            }
            self.stand_in(me);
        }
        me.clear_pending();
    }

    /// Does what a process that died may have left undone. A wake-up may have been the kernel's in
    /// its stead, even when a commit woke us as well.
    #[cold]
    fn stand_in(self, me: Thread) {
        let lock = &self.line.lock;
        if lock.is_orphaned() {
            // If it has an owner by now, that one's leaving does the rest.
            if self.try_enter(me).is_ok() {
                // SAFETY: entered just now, and pending.
                unsafe { self.leave(me) };
            }
        } else if lock.owner().is_none() {
            self.set_pending(me);
            self.line.wake_and_rest(me, self.protocol);
        }
    }

    fn set_pending(self, me: Thread) {
        // SAFETY: the node is at its place behind the word, and stays mapped as `new` was promised.
        unsafe { me.set_pending(self.line.lock.node()) };
    }
}

impl Line {
    /// Tells whether a release of the lock, or whoever stands in for it, has somebody to wake.
    #[inline(always)]
    pub(super) fn owes_wake_ups(&self) -> bool {
        // Both after the release, and behind the same barrier.
        self.lock.may_have_sleepers() | (self.watched.load(SeqCst) != 0)
    }

    /// Wakes whom a release of the pending lock has to wake, a sleeper and all who watch; then it is pending no
    /// more. The last thing a release does, so that one that owes nothing saves no registers for it.
    #[cold]
    #[inline(never)]
    pub(super) fn wake_and_rest(&self, me: Thread, protocol: Protocol) {
        if self.lock.may_have_sleepers() {
            self.lock.wake_sleeper(me, protocol);
        }
        let watched = self.watched.load(SeqCst);
        // Whoever announced the present sequence or a later one has missed nothing yet.
        if watched != 0 && watched <= self.sequence.load(SeqCst) {
            futex::wake_all(self.sequence_futex());
            // A newer announcement stays. Nobody can fall asleep on an older one.
            let _ = self.watched.compare_exchange(watched, 0, SeqCst, Relaxed);
        }
        me.clear_pending();
    }

    pub(super) fn sequence_futex(&self) -> Futex<'_> {
        Futex::low_half(&self.sequence)
    }
}

fn second_look() -> Duration {
    // Relaxed: set, if at all, before anybody sleeps.
    let milliseconds = SECOND_LOOK_MS.load(std::sync::atomic::Ordering::Relaxed);
    Duration::from_millis(milliseconds.into())
}

type Watched<'a> = (Futex<'a>, u32);

/// The words of slots as one sleeps on them, read before `wanted` looks at the slots themselves.
#[derive(Clone, Copy)]
pub struct Seen<'a>(&'a [Watched<'a>]);

impl Seen<'_> {
    /// Tells whether nobody living was in one of them. Who wants that must not sleep then, whoever is there
    /// now: left again, the slot is as empty as it was, and the kernel sees no difference.
    pub fn was_one_free(self) -> bool {
        let is_free = |word| Occupant::in_word(word).living().is_none();
        self.0.iter().any(|(_, word)| is_free(*word))
    }
}

fn words_to_sleep_on<'a>(
    death: Watched<'a>,
    changed: Watched<'a>,
    slots: &'a [Slot],
) -> Vec<Watched<'a>> {
    let slots = slots.iter().map(Slot::watch);
    [death, changed]
        .into_iter()
        .chain(slots)
        .take(futex::MOST_WORDS)
        .collect()
}

/// Tells whether somebody was in one of the slots when the words were taken and nobody is now.
fn is_one_emptied(slots: &[Slot], words: &[Watched<'_>]) -> bool {
    let seen = words.iter().skip(WORDS_BEFORE_SLOTS);
    let mut seen = slots.iter().zip(seen.map(|(_, word)| *word));
    seen.any(|(slot, word)| slot.watch().1 != word && slot.occupant().living().is_none())
}
