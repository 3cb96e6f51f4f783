//! What arrays and maps have in common: words in a segment that change all or none, and the guard of
//! their lock. See [`crate::raw::journal`].

use std::thread;
use std::time::Duration;

use super::error::{Holder, LockError};
use super::waiting;
use crate::raw::change::Change;
use crate::raw::journal::Journaled;
use crate::raw::robust_lock::Acquired;
use crate::raw::shareable::{Shareable, Words};
use crate::segment::{Error, Kind, Object, Room, Segment};
use crate::sys::atomic::AtomicU64;
use crate::sys::robust_list::Thread;

/// An object of journaled words.
pub(super) struct Journal {
    object: Object<u64>,
}

/// Holds its lock until it is dropped, which commits what was changed.
///
/// A panic that unwinds through it commits nothing. One that a fork copied into a child reads what is
/// there, and does nothing else.
pub(super) struct JournalGuard<'a> {
    object: &'a Object<u64>,
    /// The holder. Not `Send`: the kernel knows which thread holds the lock.
    holder: Thread,
    change: Change<'a>,
    owner_died: bool,
    panicking: bool,
    is_discarded: bool,
}

impl Journal {
    /// Opens the object of this name, or makes it, with `data` words as `fill` leaves them.
    pub(super) fn open_or_create<E: Shareable>(
        segment: &Segment,
        object: &str,
        identity: (Kind, u64),
        data: usize,
        fill: impl FnOnce(&[AtomicU64]),
    ) -> Result<Self, Error> {
        let fill = |words: &[AtomicU64]| fill(&words[words.len() - data..]);
        let object = segment.object::<u64, E>(object, identity, room(data), 0, fill)?;
        Ok(Self { object })
    }

    /// Opens the object of this name, which must be there.
    pub(super) fn open<E: Shareable>(
        segment: &Segment,
        object: &str,
        identity: (Kind, u64),
        data: usize,
    ) -> Result<Self, Error> {
        let object = segment.existing_object::<u64, E>(object, identity, room(data))?;
        Ok(Self { object })
    }

    /// Returns how many words of data an object has that is there, if it has the form of one of these.
    pub(super) fn data_words(segment: &Segment, object: &str) -> Result<(u64, usize), Error> {
        let entry = segment.entry(object)?;
        let others = room(0).with_state::<u64>();
        let words = usize::try_from(entry.words()).unwrap_or(usize::MAX);
        let data =
            words.saturating_sub(others) / (Journaled::words_for(1) - Journaled::words_for(0));
        Ok((entry.length(), data))
    }

    #[inline(always)]
    pub(super) fn words(&self) -> Journaled<'_> {
        Journaled::new(self.object.state(), self.object.words())
    }

    pub(super) fn lock(&self) -> Result<JournalGuard<'_>, LockError> {
        self.lock_within(None)
    }

    pub(super) fn lock_timeout(&self, timeout: Duration) -> Result<JournalGuard<'_>, LockError> {
        self.lock_within(Some(timeout))
    }

    pub(super) fn try_lock(&self) -> Result<JournalGuard<'_>, LockError> {
        let me = Thread::current();
        me.check_room()?;
        let locked = self.words().try_lock(me);
        let locked = locked.map_err(|refused| LockError::new(refused, Duration::ZERO))?;
        Ok(self.guard(me, locked))
    }

    /// Changes words by something that takes no lock and does not panic.
    #[inline(always)]
    pub(super) fn modify<R>(
        &self,
        timeout: Option<Duration>,
        act: impl FnOnce(&mut Change<'_>) -> R,
    ) -> Result<R, LockError> {
        let change = |version| self.words().change_once(version, act);
        waiting::modify(&self.object, Thread::current(), timeout, change)
    }

    pub(super) fn holder(&self) -> Option<Holder> {
        let owner = self.object.state().line().lock().owner();
        owner.map(Holder::of_thread)
    }

    pub(super) fn recoveries(&self) -> u32 {
        self.object.state().line().lock().recoveries()
    }

    pub(super) fn segment(&self) -> &Segment {
        self.object.segment()
    }

    fn lock_within(&self, timeout: Option<Duration>) -> Result<JournalGuard<'_>, LockError> {
        let me = Thread::current();
        me.check_room()?;
        waiting::lock(&self.object, me, timeout, |(version, acquired)| {
            self.guard(me, (self.words().begin(version), acquired))
        })
    }

    fn guard<'a>(
        &'a self,
        holder: Thread,
        (change, acquired): (Change<'a>, Acquired),
    ) -> JournalGuard<'a> {
        self.object.lend_to(holder);
        JournalGuard {
            object: &self.object,
            holder,
            change,
            owner_died: acquired == Acquired::OwnerDied,
            panicking: thread::panicking(),
            is_discarded: false,
        }
    }
}

/// Refuses more words than a journal can name.
pub(super) fn check_words(
    object: &str,
    what: &'static str,
    found: usize,
    words: Option<usize>,
) -> Result<usize, Error> {
    match words {
        Some(words) if words <= Journaled::MOST_WORDS => Ok(words),
        _ => Err(Error::OutOfRange {
            object: object.to_owned(),
            what,
            found: found as u64,
            expected: "fewer: 2^32 - 1 words of data are the most",
        }),
    }
}

fn room(data: usize) -> Room {
    Room {
        slots: 0,
        words: Journaled::words_for(data),
    }
}

impl<'a> JournalGuard<'a> {
    pub(super) fn owner_died(&self) -> bool {
        self.owner_died
    }

    /// Returns the change to add to, unless it is that of the process that this was copied from.
    pub(super) fn change(&mut self) -> Option<&mut Change<'a>> {
        (!self.holder.is_from_before_fork()).then_some(&mut self.change)
    }

    pub(super) fn discard(mut self) {
        self.is_discarded = true;
    }
}

impl Words for JournalGuard<'_> {
    #[inline]
    fn word(&self, index: usize) -> u64 {
        self.change.word(index)
    }
}

impl Drop for JournalGuard<'_> {
    fn drop(&mut self) {
        // In a child that was forked while the guard lived, the lock is the parent's.
        if self.holder.is_from_before_fork() {
            return;
        }
        let panicked = thread::panicking() && !self.panicking;
        let is_kept = !self.is_discarded && !panicked;
        let words = Journaled::new(self.object.state(), self.object.words());
        // SAFETY: the calling thread is the holder, and the guard was made of a lock it took.
        unsafe { words.unlock(self.holder, &self.change, is_kept) };
    }
}
