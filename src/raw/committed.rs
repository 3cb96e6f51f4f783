//! A lock and a value that changes whole or not at all: what everything else is built on.
//!
//! The owner of the lock works on a copy of its own. What it made becomes visible, and becomes
//! true, with one store:
//!
//! - a value of up to eight bytes is one word, and storing it is the commit;
//! - a larger one has two places, and the low bit of `sequence` names the current one. The new
//!   value is written to the other place; storing the sequence is the commit.
//!
//! Killed before that store, nothing happened; after it, all of it did. Nobody repairs data: the
//! next owner only moves the sequence on, so that whoever waits for a change looks again.
//!
//! Readers take no lock. They read the current place and look at the sequence afterwards, so
//! they try again only when a commit went past. `value`, the places and `sequence` are written by
//! the owner only; `watched` by whoever waits for a change, and by who woke them.

use std::marker::PhantomData;
use std::mem::offset_of;

use super::protocol::{Announced, Protocol};
use super::robust_lock::{Acquired, Refused, RobustLock};
use super::shareable::{self, Shareable, words_of};
use crate::sys::atomic::{Acquire, AtomicU64, Relaxed, Release, SeqCst, fence};
use crate::sys::clock::Deadline;
use crate::sys::futex::{self, Awake, Futex};
use crate::sys::robust_list::Thread;

/// The fixed part: lock, small value and sequence on one cache line. Zeroed bytes are a zero.
#[repr(C, align(64))]
#[derive(Debug, Default)]
pub struct Line {
    lock: RobustLock,
    /// The value, if it fits.
    value: AtomicU64,
    /// How many commits there were, and twice as many recoveries. Its low half is a futex.
    sequence: AtomicU64,
    /// Zero, or one more than the highest sequence that somebody may be asleep at.
    watched: AtomicU64,
}

/// A view of a committed `T`: its line, and the two places of a large one.
#[derive(Debug)]
pub struct Committed<'a, T> {
    line: &'a Line,
    places: &'a [AtomicU64],
    protocol: Protocol,
    value: PhantomData<T>,
}

impl<T> Clone for Committed<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Committed<'_, T> {}

/// Why a wait ended without the value that was wanted. The values are the last ones looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsatisfied<T> {
    /// The deadline passed.
    TimedOut(T),
    /// The calling thread holds the lock, so nobody else can change the value.
    HeldByCaller(T),
}

impl Line {
    /// Where its words are, for a segment's fingerprint.
    #[cfg_attr(loom, expect(dead_code))]
    pub(crate) const LAYOUT: [usize; 8] = {
        let [word, recoveries, sleepers, misses, node] = RobustLock::LAYOUT;
        let value = offset_of!(Line, value);
        let sequence = offset_of!(Line, sequence);
        let watched = offset_of!(Line, watched);
        [
            word, recoveries, sleepers, misses, node, value, sequence, watched,
        ]
    };

    /// Returns the lock.
    pub fn lock(&self) -> &RobustLock {
        &self.lock
    }

    /// Returns the word of a small value. Whoever writes it without the lock breaks its promises.
    pub fn value(&self) -> &AtomicU64 {
        &self.value
    }
}

impl<'a, T: Shareable> Committed<'a, T> {
    const IS_SMALL: bool = size_of::<T>() <= size_of::<u64>();

    /// How many words follow the line.
    pub const PLACES: usize = if Self::IS_SMALL {
        0
    } else {
        2 * words_of::<T>()
    };

    /// Makes a view.
    ///
    /// # Panics
    ///
    /// When there are not [`PLACES`](Self::PLACES) words.
    ///
    /// # Safety
    ///
    /// Line and places stay mapped where they are for as long as a thread of this process is in one
    /// of the calls below, and from `lock` or `try_lock` until `unlock` or the end of the thread.
    #[inline]
    pub unsafe fn new(line: &'a Line, places: &'a [AtomicU64], protocol: Protocol) -> Self {
        assert!(
            places.len() == Self::PLACES,
            "two places for a large value, none for a small one"
        );
        Self {
            line,
            places,
            protocol,
            value: PhantomData,
        }
    }

    /// Returns the line.
    pub fn line(self) -> &'a Line {
        self.line
    }

    /// Writes the first value, before anybody else can see this.
    pub fn initialize(self, value: &T) {
        if Self::IS_SMALL {
            self.line.value.store(shareable::to_word(value), Relaxed);
        } else {
            shareable::write_words(self.place(0), value);
        }
    }

    /// Returns the last committed value. Takes no lock and waits for nobody.
    #[inline]
    pub fn load(self) -> T {
        if Self::IS_SMALL {
            // Acquire: pairs with the Release in `commit`.
            return shareable::from_word(self.line.value.load(Acquire));
        }
        loop {
            // Acquire: pairs with the Release in `commit`: the place is written.
            let sequence = self.line.sequence.load(Acquire);
            let value = shareable::read_words(self.place(sequence));
            // Pairs with the fence in `commit`: if a word was of a later commit to this place,
            // the sequence has moved.
            fence(Acquire);
            if self.line.sequence.load(Relaxed) == sequence {
                return value;
            }
        }
    }

    /// Takes the lock and puts it on the robust list; returns a copy of the value to work on.
    ///
    /// # Errors
    ///
    /// [`Refused`], with nothing held.
    #[inline]
    pub fn lock(self, me: Thread, deadline: Option<Deadline>) -> Result<(T, Acquired), Refused> {
        let acquired = self.enter(me, deadline)?;
        // SAFETY: entered just now; it stays mapped as `new` was promised.
        unsafe { self.line.lock.hold(me) };
        Ok((self.load_as_owner(), acquired))
    }

    /// As [`lock`](Self::lock), if that needs no waiting.
    ///
    /// # Errors
    ///
    /// [`Refused`], with nothing held.
    pub fn try_lock(self, me: Thread) -> Result<(T, Acquired), Refused> {
        let acquired = self.try_enter(me)?;
        // SAFETY: entered just now; it stays mapped as `new` was promised.
        unsafe { self.line.lock.hold(me) };
        Ok((self.load_as_owner(), acquired))
    }

    /// Releases the lock, and commits the new value before if there is one.
    ///
    /// # Safety
    ///
    /// The calling thread is `me`, and took the lock with `lock` or `try_lock`.
    #[inline]
    pub unsafe fn unlock(self, me: Thread, value: &T, is_new: bool) {
        // SAFETY: `lock` and `try_lock` hold it.
        unsafe { self.line.lock.unhold(me) };
        if is_new {
            self.commit(value);
        }
        // SAFETY: it is held, and `unhold` has made it pending.
        unsafe { self.leave(me) };
    }

    /// Changes the value under the lock, in one go: for changes that take no lock themselves and
    /// do not panic, so that the robust list is not needed. Returns what the change returned.
    ///
    /// # Errors
    ///
    /// [`Refused`], with nothing changed. `change` returns no value to change nothing.
    #[inline]
    pub fn modify<R>(
        self,
        me: Thread,
        deadline: Option<Deadline>,
        change: impl FnOnce(T) -> (Option<T>, R),
    ) -> Result<R, Refused> {
        // The change needs no answer to the question whether the last owner died.
        let _ = self.enter(me, deadline)?;
        let (value, result) = change(self.load_as_owner());
        if let Some(value) = value {
            self.commit(&value);
        }
        // SAFETY: entered above, and pending since.
        unsafe { self.leave(me) };
        Ok(result)
    }

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
            let changed = (self.sequence_futex(), sequence as u32);
            self.sleep(me, death, changed, announced, deadline);
        }
    }

    #[inline]
    fn enter(self, me: Thread, deadline: Option<Deadline>) -> Result<Acquired, Refused> {
        // SAFETY: it stays mapped as `new` was promised.
        let acquired = unsafe { self.line.lock.enter(me, self.protocol, deadline) }?;
        self.recover_after(acquired);
        Ok(acquired)
    }

    fn try_enter(self, me: Thread) -> Result<Acquired, Refused> {
        // SAFETY: it stays mapped as `new` was promised.
        let acquired = unsafe { self.line.lock.try_enter(me, self.protocol) }?;
        self.recover_after(acquired);
        Ok(acquired)
    }

    #[inline]
    fn recover_after(self, acquired: Acquired) {
        if acquired == Acquired::OwnerDied {
            self.recover();
        }
    }

    /// Takes over from an owner that died. It may have committed and told nobody.
    #[cold]
    fn recover(self) {
        // By two: the low bit still names the same place. SeqCst: as in `commit`.
        self.line.sequence.fetch_add(2, SeqCst);
        futex::wake_all(self.sequence_futex());
    }

    /// The owner's own look at the value.
    #[inline]
    fn load_as_owner(self) -> T {
        // Relaxed: the lock orders all commits before this.
        if Self::IS_SMALL {
            shareable::from_word(self.line.value.load(Relaxed))
        } else {
            shareable::read_words(self.place(self.line.sequence.load(Relaxed)))
        }
    }

    #[inline]
    fn commit(self, value: &T) {
        // Relaxed: only the owner writes it.
        let next = self.line.sequence.load(Relaxed).wrapping_add(1);
        if Self::IS_SMALL {
            // The commit. Release: pairs with the Acquire in `load`.
            self.line.value.store(shareable::to_word(value), Release);
        } else {
            // Pairs with the fence in `load`: who reads a word written below sees at least the
            // sequence by which this place stopped being the current one.
            fence(Release);
            shareable::write_words(self.place(next), value);
        }
        // The commit of a large value. Release: pairs with the Acquire in `load`.
        self.line.sequence.store(next, Release);
    }

    /// # Safety
    ///
    /// As for [`RobustLock::leave`].
    #[inline]
    unsafe fn leave(self, me: Thread) {
        // SAFETY: the caller's promise.
        unsafe { self.line.lock.leave(me, self.protocol) };
        // After the release, so behind the same barrier as the look at the sleepers; and before
        // the lock stops being pending, so that a death here still wakes somebody who comes here.
        self.wake_watchers_if_any();
        me.clear_pending();
    }

    #[inline]
    fn wake_watchers_if_any(self) {
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
        death: (Futex<'_>, u32),
        changed: (Futex<'_>, u32),
        announced: Announced,
        deadline: Option<Deadline>,
    ) {
        self.set_pending(me);
        // A wake-up on the word is the kernel's, for one of all who sleep there. Killed with it in
        // hand, the kernel gives it to the next, because the lock is pending.
        // The word first: who commits, releases and is killed while we come to the sequence finds
        // us queued there already, though the word may be free again as it was.
        let awake = self
            .protocol
            .sleep([death, changed], changed, announced, deadline);
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

    fn sequence_futex(self) -> Futex<'a> {
        Futex::low_half(&self.line.sequence)
    }

    fn place(self, sequence: u64) -> &'a [AtomicU64] {
        let words = words_of::<T>();
        let start = (sequence & 1) as usize * words;
        &self.places[start..start + words]
    }
}

#[cfg(not(loom))]
const _: () = assert!(size_of::<Line>() == 64 && offset_of!(Line, value) == 40);
