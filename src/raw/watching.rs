//! Waiting for a committed value, and waking those who wait.
//!
//! Whoever waits announces in `watched` the sequence it is about to sleep at, and sleeps on the
//! lock's word and the sequence at once. Whoever leaves the lock looks at `watched`. On the word only
//! the kernel wakes, when somebody died; a watcher that is woken stands in for the dead, and one
//! that is killed has its wake-up passed on, because the lock is pending while it sleeps. A killed
//! watcher leaves its announcement, which costs one wake-up. `docs/ARCHITECTURE.md` has the argument
//! whole.

use std::time::Duration;

use super::committed::Committed;
use super::patience::Patience;
use super::protocol::Announced;
use super::robust_lock::Refused;
use super::shareable::Shareable;
use super::slot::Slot;
use crate::sys::atomic::{Relaxed, SeqCst};
use crate::sys::clock::Deadline;
use crate::sys::futex::{self, Awake, Futex};
use crate::sys::robust_list::Thread;

/// How long who waits beside slots sleeps before it looks at them again: of a death the kernel tells
/// one sleeper, which may be killed with the news; and it takes no more than 128 words.
const SECOND_LOOK: Duration = Duration::from_millis(50);

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
        self.wait_until_beside(me, &[], wanted, deadline)
    }

    /// As [`wait_until`](Self::wait_until), where `wanted` looks at some slots as well: it is asked
    /// again when the thread in one of them dies, and when one is left by
    /// [`leave_slot`](Self::leave_slot).
    ///
    /// # Errors
    ///
    /// [`Unsatisfied`] with the last value, which did not satisfy.
    pub fn wait_until_beside(
        self,
        me: Thread,
        slots: &[Slot],
        mut wanted: impl FnMut(&T) -> bool,
        deadline: Option<Deadline>,
    ) -> Result<T, Unsatisfied<T>> {
        let value = self.load();
        if wanted(&value) {
            return Ok(value);
        }
        loop {
            // The word before the value: a death that we do not see in the value, we see here.
            let death = self.line.lock.death_watch();
            if self.line.lock.is_orphaned() {
                self.stand_in(me);
                continue;
            }
            let (sequence, announced) = self.announce_watcher();
            let changed = (self.sequence_futex(), sequence as u32);
            // The slots before `wanted` looks at them, for the same reason as the word.
            let words = words_to_sleep_on(death, changed, slots);
            let value = self.load();
            if wanted(&value) {
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
                _ => Some(Deadline::or_within(deadline, SECOND_LOOK)),
            };
            self.sleep(me, &words, changed, announced, until);
        }
    }

    /// Empties a slot of the calling thread's, and tells whoever waits beside it.
    ///
    /// # Errors
    ///
    /// [`Refused`], when the calling thread holds the lock; the slot is empty all the same.
    ///
    /// # Safety
    ///
    /// The calling thread is `me` and has claimed the slot, which stays mapped until this returns.
    #[inline]
    pub unsafe fn leave_slot(self, me: Thread, slot: &Slot) -> Result<(), Refused> {
        // SAFETY: the caller's promise.
        unsafe { slot.leave(me, self.protocol) };
        // Killed before this look, the kernel wakes somebody on the slot's word, which is pending.
        let told = match self.line.watched.load(SeqCst) {
            0 => Ok(()),
            // A commit of what is there moves the sequence on. Killed on the way, the kernel wakes
            // somebody on the lock's word.
            _ => self.modify(me, Patience::Forever, |value| (Some(value), ())),
        };
        me.clear_pending();
        told
    }

    #[inline]
    pub(super) fn wake_watchers_if_any(self) {
        if self.line.watched.load(SeqCst) != 0 {
            self.wake_watchers();
        }
    }

    #[cold]
    fn wake_watchers(self) {
        let watched = self.line.watched.load(SeqCst);
        // Whoever announced the present sequence or a later one has missed nothing yet.
        if watched != 0 && watched <= self.line.sequence.load(SeqCst) {
            futex::wake_all(self.sequence_futex());
            // A newer announcement stays. Nobody can fall asleep on an older one.
            let _ = self
                .line
                .watched
                .compare_exchange(watched, 0, SeqCst, Relaxed);
        }
    }

    /// Says that somebody is about to sleep, and returns the sequence to sleep at. A commit from here
    /// on sees that, or is in the value that is read next, or has moved the sequence.
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
                futex::wake_all(self.sequence_futex());
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
        words: &[(Futex<'_>, u32)],
        changed: (Futex<'_>, u32),
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
        if awake == Awake::Woken {
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
            lock.wake_next(me, self.protocol);
            self.wake_watchers_if_any();
            me.clear_pending();
        }
    }

    fn set_pending(self, me: Thread) {
        // SAFETY: the node is at its place behind the word, and stays mapped as `new` was promised.
        unsafe { me.set_pending(self.line.lock.node()) };
    }

    pub(super) fn sequence_futex(self) -> Futex<'a> {
        Futex::low_half(&self.line.sequence)
    }
}

type Watched<'a> = (Futex<'a>, u32);

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
