//! Words that change all or none, however many: in place, with a journal of what they were.
//!
//! A committed number is their version. Before a word changes for the first time under the lock, its
//! index and what it holds go into the journal, whose head names the version they belong to. The
//! journal counts only while that is the committed one, so storing the next version is the commit: one
//! store makes the new words true and the journal void. Nothing is ever emptied.
//!
//! | word | written by | what it says |
//! |---|---|---|
//! | `version` | the owner | how many changes there were, undone ones included |
//! | `head` | the owner | of which version the entries are (high half), and how many (low half) |
//! | `asked` | readers who were overtaken many times; the owner | whether to pause for them |
//! | `entries` | the owner | a word's index, and what it held in that version |
//! | `data` | the owner | the words |
//!
//! Who takes the lock and finds a journal that counts writes the old words back and moves the version
//! on; so does who gives a change up. Killed on the way, the next one finds the same journal and writes
//! the same words. A reader takes the old word of whatever the journal has, so a writer that is
//! stopped or dead does not hold it up: its journal stands still. It tries again only when a
//! version went past.
//!
//! **The head is not mistaken.** A version ends only by a commit of someone who wrote it into the head
//! (nothing is committed that changed no word), so what the owner finds there is the present version or
//! the one before: one bit would tell them apart, and there are 32. A reader that loads version `v` with
//! Acquire finds a head not older than `v - 1`; one that is newer than `v` was written behind the commit of
//! a newer version, which the reader's second look then sees in all 64 bits.
//!
//! The path of a small change is inlined whatever the compiler thinks: left as calls, it took 195
//! instructions for one element instead of 110.

use std::hint::spin_loop;
use std::time::Duration;

use super::change::Change;
use super::committed::Committed;
use super::robust_lock::{Acquired, Refused};
use super::shareable::Words;
use crate::sys::atomic::{Acquire, AtomicU64, Relaxed, Release, fence};
use crate::sys::clock::Deadline;
use crate::sys::robust_list::Thread;

/// Head and `asked`. The first entries follow on the same cache line.
const CONTROL: usize = 2;
/// Index and old word.
const ENTRY: usize = 2;

/// How often a reader is overtaken before it asks the writers for a pause. A change takes longer than
/// a look at a few words, so only who copies much comes to this.
const OVERTAKEN: u32 = 16;
/// What a pause lasts at most: for each word more than copying it takes, and at first what a look at
/// the version takes to come and go between processors. A reader ends it sooner.
const PAUSE: Duration = Duration::from_micros(2);
const PAUSE_A_WORD: Duration = Duration::from_nanos(4);
/// Not to be noticed, were a reader killed that asked.
const LONGEST_PAUSE: Duration = Duration::from_millis(10);

/// A view of words that change all or none.
#[derive(Clone, Copy, Debug)]
pub struct Journaled<'a> {
    version: Committed<'a, u64>,
    head: &'a AtomicU64,
    asked: &'a AtomicU64,
    entries: &'a [AtomicU64],
    data: &'a [AtomicU64],
}

/// The words of one version, as a reader sees them before it knows that the version stood.
#[derive(Clone, Copy, Debug)]
pub struct Reading<'a> {
    words: Journaled<'a>,
    version: u64,
}

impl<'a> Journaled<'a> {
    /// How many data words there may be: entries name and count them with 32 bits.
    pub const MOST_WORDS: usize = u32::MAX as usize;

    /// Returns how many words it takes to have so many words of data: each has its place in the journal,
    /// which therefore is never full.
    pub const fn words_for(data: usize) -> usize {
        CONTROL + (ENTRY + 1) * data
    }

    /// Makes a view of as many words as [`words_for`](Self::words_for) says, zeroed but for the data.
    ///
    /// # Panics
    ///
    /// When there are not even those that tell about the others.
    #[inline(always)]
    pub fn new(version: Committed<'a, u64>, words: &'a [AtomicU64]) -> Self {
        let (control, rest) = words.split_at(CONTROL);
        let (entries, data) = rest.split_at(rest.len() / (ENTRY + 1) * ENTRY);
        Self {
            version,
            head: &control[0],
            asked: &control[1],
            entries,
            data,
        }
    }

    /// Returns the words of data, to be filled before anybody else can see them.
    pub fn data(self) -> &'a [AtomicU64] {
        self.data
    }

    /// Looks at committed words; takes no lock and waits for nobody. `look` is called again when a change
    /// was committed meanwhile. So it must bear words that do not belong together; what it returned then
    /// is dropped.
    #[inline]
    pub fn read<R>(self, mut look: impl FnMut(Reading<'a>) -> R) -> R {
        let mut overtaken = 0;
        loop {
            // Acquire: pairs with the Release of the commit. No word or head is older than this version.
            let version = self.version.load();
            let words = self;
            let seen = look(Reading { words, version });
            // Pairs with the Release of whoever wrote a word that `look` saw: a data word in
            // `Change::store`, an entry in `note`. If it was of a later version, this sees that.
            fence(Acquire);
            if self.version.line().value().load(Relaxed) == version {
                if overtaken >= OVERTAKEN {
                    self.asked.store(0, Relaxed);
                }
                return seen;
            }
            overtaken += 1;
            if overtaken >= OVERTAKEN {
                // Relaxed: it may be seen later, and is only asked.
                self.asked.store(1, Relaxed);
            }
        }
    }

    /// Returns all committed words of one version, as [`read`](Self::read) does.
    pub fn snapshot(self) -> Vec<u64> {
        self.read(Reading::all)
    }

    /// Takes the lock and puts it on the robust list, to change words.
    ///
    /// # Errors
    ///
    /// [`Refused`], with nothing held.
    #[inline(always)]
    pub fn lock(
        self,
        me: Thread,
        deadline: Option<Deadline>,
    ) -> Result<(Change<'a>, Acquired), Refused> {
        let (version, acquired) = self.version.lock(me, deadline)?;
        Ok((self.begin(version), acquired))
    }

    /// As [`lock`](Self::lock), if that needs no waiting.
    ///
    /// # Errors
    ///
    /// [`Refused`], with nothing held.
    pub fn try_lock(self, me: Thread) -> Result<(Change<'a>, Acquired), Refused> {
        let (version, acquired) = self.version.try_lock(me)?;
        Ok((self.begin(version), acquired))
    }

    /// Commits what was changed, or undoes it, and releases the lock.
    ///
    /// # Safety
    ///
    /// The calling thread is `me`, and took the lock with `lock` or `try_lock`, which gave it `change`.
    #[inline(always)]
    pub unsafe fn unlock(self, me: Thread, change: &Change<'a>, is_kept: bool) {
        if !is_kept {
            self.restore(change.journaled());
        }
        // A version for what was undone too: a reader may have seen words of it, and nothing else would
        // tell it apart from a later change of this version.
        // SAFETY: the caller's promise.
        unsafe { (self.version).unlock(me, &next(change.version()), change.is_any()) };
    }

    /// Changes words under the lock in one go: for changes that take no lock themselves and do not
    /// panic, so that the robust list is not needed. Returns what `act` returned.
    ///
    /// # Errors
    ///
    /// [`Refused`], with nothing changed.
    #[inline(always)]
    pub fn modify<R>(
        self,
        me: Thread,
        deadline: Option<Deadline>,
        act: impl FnOnce(&mut Change<'a>) -> R,
    ) -> Result<R, Refused> {
        (self.version).modify(me, deadline, |version| self.change_once(version, act))
    }

    /// Changes words, as the owner of the lock who found this version. Returns the version to commit, if
    /// there is something to, and what `act` returned.
    #[inline(always)]
    pub fn change_once<R>(
        self,
        version: u64,
        act: impl FnOnce(&mut Change<'a>) -> R,
    ) -> (Option<u64>, R) {
        let mut change = self.begin(version);
        let result = act(&mut change);
        (change.is_any().then(|| next(change.version())), result)
    }

    /// Begins a change, as the owner of the lock who found this version: of whole words, whatever became
    /// of the last owner.
    #[inline(always)]
    pub fn begin(self, version: u64) -> Change<'a> {
        let version = match self.entries_of(version) {
            0 => version,
            entries => self.roll_back(version, entries),
        };
        // Relaxed: readers who are not seen now will be seen by the next.
        if self.asked.load(Relaxed) != 0 {
            self.pause_for_readers();
        }
        Change::new(self, version)
    }

    /// Undoes what a dead owner began. Returns the version after.
    #[cold]
    fn roll_back(self, version: u64, entries: usize) -> u64 {
        self.restore(entries);
        self.version.commit(&next(version));
        next(version)
    }

    /// Writes the first so many old words back. Killed on the way, the next owner does the same.
    #[cold]
    fn restore(self, entries: usize) {
        // Pairs with the fence in `read`: a reader of the version before this one that sees a word written
        // below sees this version, too.
        fence(Release);
        for (index, old) in self.entries().take(entries) {
            // Beyond the data only when something else was written there.
            if let Some(word) = self.data.get(index) {
                // Relaxed: until the commit, which publishes it, readers of this version take the same
                // from the journal.
                word.store(old, Relaxed);
            }
        }
    }

    /// Changes nothing for a moment, so that readers who copy much come to an end.
    #[cold]
    fn pause_for_readers(self) {
        let words = u32::try_from(self.data.len()).unwrap_or(u32::MAX);
        let pause = PAUSE + PAUSE_A_WORD.saturating_mul(words);
        let end = Deadline::after(pause.min(LONGEST_PAUSE));
        while self.asked.load(Relaxed) != 0 && !end.has_passed() {
            spin_loop();
        }
        self.asked.store(0, Relaxed);
    }

    /// Returns how many entries there are of a version.
    #[inline(always)]
    fn entries_of(self, version: u64) -> usize {
        // Acquire: pairs with the Release in `note`: that many entries are there.
        let head = self.head.load(Acquire);
        match (head >> 32) as u32 == version as u32 {
            // More only when something else was written there.
            true => (head as u32 as usize).min(self.data.len()),
            false => 0,
        }
    }

    fn entries(self) -> impl Iterator<Item = (usize, u64)> {
        // Relaxed: ordered by the load of the head, and by the look at the version that follows.
        let entries = self.entries.chunks_exact(ENTRY);
        entries.map(|entry| (entry[0].load(Relaxed) as usize, entry[1].load(Relaxed)))
    }

    /// Writes an entry behind so many others of a version. Only the owner may, for a word that has none.
    #[inline(always)]
    pub(super) fn note(self, version: u64, entries: usize, index: usize, old: u64) {
        let entry = &self.entries[ENTRY * entries..][..ENTRY];
        // Pairs with the fence in `read`: who sees one of these stores, over the entry of an earlier
        // version, sees at least this version.
        fence(Release);
        entry[0].store(index as u64, Relaxed);
        entry[1].store(old, Relaxed);
        // Release: pairs with the Acquire in `entries_of`, and keeps the entry before it for the kernel,
        // which may end this thread anywhere.
        self.head
            .store(version << 32 | (entries as u64 + 1), Release);
    }
}

impl<'a> Reading<'a> {
    fn all(self) -> Vec<u64> {
        let Journaled { data, .. } = self.words;
        // Acquire: as in `word`.
        let mut all: Vec<u64> = data.iter().map(|word| word.load(Acquire)).collect();
        let entries = self.words.entries_of(self.version);
        for (index, old) in self.words.entries().take(entries) {
            if let Some(word) = all.get_mut(index) {
                *word = old;
            }
        }
        all
    }

    #[cold]
    fn old(self, entries: usize, index: usize) -> Option<u64> {
        let mut entries = self.words.entries().take(entries);
        entries.find(|(of, _)| *of == index).map(|(_, old)| old)
    }
}

impl Words for Reading<'_> {
    #[inline]
    fn word(&self, index: usize) -> u64 {
        // Acquire: pairs with the Release in `Change::store`: if this word is changed already, the head
        // read next counts its entry, or is of a later version.
        let word = self.words.data[index].load(Acquire);
        match self.words.entries_of(self.version) {
            0 => word,
            entries => self.old(entries, index).unwrap_or(word),
        }
    }
}

/// Versions do not come to an end: a thousand million a second take 500 years.
fn next(version: u64) -> u64 {
    version.wrapping_add(1)
}
