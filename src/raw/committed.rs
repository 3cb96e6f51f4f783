//! A lock and a value that changes whole or not at all: what everything else is built on.
//!
//! The owner of the lock works on a copy of its own. What it made becomes visible, and becomes
//! true, with one store:
//!
//! - a value of up to eight bytes is one word, and storing it is the commit; the sequence moves on if
//!   somebody watches;
//! - a larger one has two places, and the low bit of `sequence` names the current one. The new
//!   value is written to the other place; storing the sequence is the commit.
//!
//! Killed before that store, nothing happened; after it, all of it did. Nobody repairs data: the
//! next owner only moves the sequence on, so that whoever waits for a change looks again.
//!
//! Readers take no lock. They read the current place and look at the sequence afterwards, so
//! they try again only when a commit went past. `value`, the places and `sequence` are written by
//! the owner only; `watched` by whoever waits for a change, and by who woke them.
//!
//! The common path is inlined whatever the compiler thinks: left as calls in a large program, it made
//! a guard go through memory and cost twice as much (`shmcount bench`, robust-guard).

use std::marker::PhantomData;
use std::mem::offset_of;

use super::patience::Patience;
use super::protocol::{Protocol, ReleaseBy};
use super::robust_lock::{Acquired, Refused, RobustLock};
use super::shareable::{self, Shareable, words_of};
use crate::sys::atomic::{Acquire, AtomicU64, Relaxed, Release, SeqCst, compiler_fence, fence};
use crate::sys::futex;
use crate::sys::robust_list::Thread;

/// The fixed part: lock, small value and sequence on one cache line. Zeroed bytes are a zero.
#[repr(C, align(64))]
#[derive(Debug, Default)]
pub struct Line {
    pub(super) lock: RobustLock,
    /// The value, if it fits.
    value: AtomicU64,
    /// How many commits there were, and twice as many recoveries; less those commits of a small value that
    /// nobody watched. Its low half is a futex.
    pub(super) sequence: AtomicU64,
    /// Zero, or one more than the highest sequence that somebody may be asleep at.
    pub(super) watched: AtomicU64,
}

/// A view of a committed `T`: its line, and the two places of a large one.
#[derive(Debug)]
pub struct Committed<'a, T> {
    pub(super) line: &'a Line,
    places: &'a [AtomicU64],
    pub(super) protocol: Protocol,
    value: PhantomData<T>,
}

impl<T> Clone for Committed<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Committed<'_, T> {}

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
    #[inline(always)]
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
    #[inline(always)]
    pub fn lock(self, me: Thread, patience: impl Into<Patience>) -> Result<(T, Acquired), Refused> {
        let acquired = self.enter(me, patience)?;
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
    #[inline(always)]
    pub unsafe fn unlock(self, me: Thread, value: &T, is_new: bool) {
        // SAFETY: `lock` and `try_lock` hold it.
        unsafe { self.line.lock.unhold(me) };
        if is_new {
            self.commit(value);
        }
        // SAFETY: it is held, and `unhold` has made it pending.
        unsafe { self.leave(me) };
    }

    /// Commits a value and keeps the lock. Whoever waits for a change is told by [`unlock`](Self::unlock),
    /// or after the caller's death by the next owner.
    ///
    /// # Safety
    ///
    /// The calling thread took the lock with `lock` or `try_lock`, and has it still.
    pub unsafe fn commit_and_keep(self, value: &T) {
        self.commit(value);
    }

    /// Changes the value under the lock, in one go: for changes that take no lock themselves and
    /// do not panic, so that the robust list is not needed. Returns what the change returned.
    ///
    /// # Errors
    ///
    /// [`Refused`], with nothing changed. `change` returns no value to change nothing.
    #[inline(always)]
    pub fn modify<R>(
        self,
        me: Thread,
        patience: impl Into<Patience>,
        change: impl FnOnce(T) -> (Option<T>, R),
    ) -> Result<R, Refused> {
        // SAFETY: it never says that it has taken the lock.
        unsafe { self.modify_or(me, patience, Err, change) }
    }

    /// As [`modify`](Self::modify), where `otherwise` may take the lock when it was refused.
    ///
    /// # Errors
    ///
    /// That of `otherwise`, with nothing changed.
    ///
    /// # Safety
    ///
    /// When `otherwise` returns no error, the calling thread is `me` and has taken this lock in it by
    /// [`lock`](Self::lock).
    #[inline(always)]
    pub unsafe fn modify_or<R, E>(
        self,
        me: Thread,
        patience: impl Into<Patience>,
        otherwise: impl FnOnce(Refused) -> Result<(), E>,
        change: impl FnOnce(T) -> (Option<T>, R),
    ) -> Result<R, E> {
        // The change needs no answer to the question whether the last owner died.
        if let Err(refused) = self.enter(me, patience) {
            otherwise(refused)?;
            // SAFETY: it was taken by `lock`, as the caller promises.
            unsafe { self.line.lock.unhold(me) };
        }
        let (value, result) = change(self.load_as_owner());
        if let Some(value) = value {
            self.commit(&value);
        }
        // SAFETY: entered above, and pending.
        unsafe { self.leave(me) };
        Ok(result)
    }

    #[inline(always)]
    fn enter(self, me: Thread, patience: impl Into<Patience>) -> Result<Acquired, Refused> {
        // SAFETY: it stays mapped as `new` was promised.
        let acquired = unsafe { self.line.lock.enter(me, self.protocol, patience) }?;
        self.recover_after(acquired);
        Ok(acquired)
    }

    pub(super) fn try_enter(self, me: Thread) -> Result<Acquired, Refused> {
        // SAFETY: it stays mapped as `new` was promised.
        let acquired = unsafe { self.line.lock.try_enter(me, self.protocol) }?;
        self.recover_after(acquired);
        Ok(acquired)
    }

    #[inline(always)]
    fn recover_after(self, acquired: Acquired) {
        if acquired == Acquired::OwnerDied {
            self.recover();
        }
    }

    /// Takes over from an owner that died. It may have committed and told nobody.
    #[cold]
    #[inline(never)]
    fn recover(self) {
        // By two: the low bit still names the same place. SeqCst: as in `commit`.
        self.line.sequence.fetch_add(2, SeqCst);
        futex::wake_all(self.line.sequence_futex());
    }

    /// The owner's own look at the value.
    #[inline(always)]
    fn load_as_owner(self) -> T {
        // Relaxed: the lock orders all commits before this.
        if Self::IS_SMALL {
            shareable::from_word(self.line.value.load(Relaxed))
        } else {
            shareable::read_words(self.place(self.line.sequence.load(Relaxed)))
        }
    }

    /// Commits a value. For the owner only.
    #[inline(always)]
    pub(super) fn commit(self, value: &T) {
        if Self::IS_SMALL {
            // The commit. Release: pairs with the Acquire in `load`.
            self.line.value.store(shareable::to_word(value), Release);
            if self.may_be_watched() {
                self.line.sequence.store(self.next_sequence(), Release);
            }
        } else {
            let next = self.next_sequence();
            // Pairs with the fence in `load`: who reads a word written below sees at least the
            // sequence by which this place stopped being the current one.
            fence(Release);
            shareable::write_words(self.place(next), value);
            // The commit. Release: pairs with the Acquire in `load`.
            self.line.sequence.store(next, Release);
        }
    }

    #[inline(always)]
    fn next_sequence(self) -> u64 {
        // Relaxed: only the owner moves it on.
        self.line.sequence.load(Relaxed).wrapping_add(1)
    }

    /// Tells whether somebody may be about to sleep who has not seen the value that was just stored.
    ///
    /// With the plain release, who announces that it watches has all processors pass a barrier before it
    /// looks at the value: so it sees the value, or we see the announcement. Otherwise only a barrier of ours
    /// would do, and moving the sequence on in any case costs less.
    #[inline(always)]
    fn may_be_watched(self) -> bool {
        match self.protocol.release {
            ReleaseBy::PlainStore => {
                compiler_fence(SeqCst);
                self.line.watched.load(SeqCst) != 0
            }
            ReleaseBy::Exchange => true,
        }
    }

    /// # Safety
    ///
    /// As for [`RobustLock::leave`].
    #[inline(always)]
    pub(super) unsafe fn leave(self, me: Thread) {
        // SAFETY: the caller's promise.
        unsafe { self.line.lock.leave(self.protocol) };
        // Before the lock stops being pending, so that a death here still wakes somebody who comes here.
        match self.line.owes_wake_ups() {
            true => self.line.wake_and_rest(me, self.protocol),
            false => me.clear_pending(),
        }
    }

    fn place(self, sequence: u64) -> &'a [AtomicU64] {
        let words = words_of::<T>();
        let start = (sequence & 1) as usize * words;
        &self.places[start..start + words]
    }
}

#[cfg(not(loom))]
const _: () = assert!(size_of::<Line>() == 64 && offset_of!(Line, value) == 40);
