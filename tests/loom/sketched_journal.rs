//! The journal once more in small, for one writer, with a place for one fault each: without one it is
//! right, and with each of them loom must find what goes wrong.

use std::sync::Arc;

use loom::thread;
use shmcount::sys::atomic::{Acquire, AtomicU64, Ordering, Relaxed, Release, fence};

use crate::model::{check, join};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// The commit does not publish what was written.
    RelaxedCommit,
    /// A word may be seen changed before the head counts its entry.
    WordBeforeHead,
    /// The head may be seen before the entry it counts.
    HeadBeforeEntry,
    /// An entry may be seen before the commit that made the older one void.
    EntryWithoutFence,
    /// A reader may look at the head before the word.
    HeadBeforeLook,
    /// A reader looks at the version again, but maybe before it has read.
    CheckWithoutFence,
    /// What is undone leaves the version as it was.
    UndoneWithoutVersion,
}

/// `raw::journal` for two words.
struct SketchedJournal {
    fault: Option<Fault>,
    version: AtomicU64,
    head: AtomicU64,
    entries: [[AtomicU64; 2]; 2],
    data: [AtomicU64; 2],
}

impl SketchedJournal {
    fn new(fault: Option<Fault>) -> Self {
        Self {
            fault,
            version: AtomicU64::new(0),
            head: AtomicU64::new(0),
            entries: Default::default(),
            data: Default::default(),
        }
    }

    fn unless(&self, fault: Fault, order: Ordering) -> Ordering {
        if self.fault == Some(fault) {
            Relaxed
        } else {
            order
        }
    }

    fn load(&self) -> [u64; 2] {
        loop {
            let version = self.version.load(Acquire);
            let seen = [self.word(0, version), self.word(1, version)];
            if self.fault != Some(Fault::CheckWithoutFence) {
                fence(Acquire);
            }
            if self.version.load(Relaxed) == version {
                return seen;
            }
        }
    }

    fn word(&self, index: u64, version: u64) -> u64 {
        let look = self.unless(Fault::HeadBeforeLook, Acquire);
        let word = self.data[index as usize].load(look);
        let head = self.head.load(Acquire);
        if head >> 32 != version {
            return word;
        }
        let mut entries = self.entries.iter().take(head as u32 as usize);
        let of_word = entries.find(|entry| entry[0].load(Relaxed) == index);
        of_word.map_or(word, |entry| entry[1].load(Relaxed))
    }

    /// Makes both words `new`, in one order or the other.
    fn change(&self, new: u64, order: [u64; 2], is_kept: bool) {
        let version = self.version.load(Relaxed);
        let olds = order.map(|index| self.data[index as usize].load(Relaxed));
        for (count, (index, old)) in order.into_iter().zip(olds).enumerate() {
            if self.fault != Some(Fault::EntryWithoutFence) {
                fence(Release);
            }
            self.entries[count][0].store(index, Relaxed);
            self.entries[count][1].store(old, Relaxed);
            let head = version << 32 | (count as u64 + 1);
            self.head
                .store(head, self.unless(Fault::HeadBeforeEntry, Release));
            self.data[index as usize].store(new, self.unless(Fault::WordBeforeHead, Release));
        }
        if !is_kept {
            for (index, old) in order.into_iter().zip(olds) {
                self.data[index as usize].store(old, Relaxed);
            }
            if self.fault == Some(Fault::UndoneWithoutVersion) {
                // Emptied instead, or the next change would be hidden by it.
                return self.head.store(version << 32, Release);
            }
        }
        let commit = self.unless(Fault::RelaxedCommit, Release);
        self.version.store(version + 1, commit);
    }
}

/// A reader, and a writer of two changes, the first of which is kept or not.
fn read(fault: Option<Fault>, is_kept: bool) {
    check(
        &format!("sketched journal, {fault:?}, kept {is_kept}"),
        [2, 3],
        move || {
            let journal = Arc::new(SketchedJournal::new(fault));
            let writer = thread::spawn({
                let journal = journal.clone();
                move || {
                    journal.change(1, [0, 1], is_kept);
                    journal.change(2, [1, 0], true);
                }
            });
            let [one, other] = journal.load();
            assert_eq!(one, other, "torn");
            assert!(is_kept || one != 1, "torn: what was undone is seen");
            join([writer]);
        },
    );
}

#[test]
fn the_sketch_is_right() {
    read(None, true);
    read(None, false);
}

#[test]
#[should_panic(expected = "torn")]
fn a_commit_that_publishes_nothing_is_caught() {
    read(Some(Fault::RelaxedCommit), true);
}

#[test]
#[should_panic(expected = "torn")]
fn a_word_that_may_be_seen_before_the_head_is_caught() {
    read(Some(Fault::WordBeforeHead), true);
}

#[test]
#[should_panic(expected = "torn")]
fn a_head_that_may_be_seen_before_its_entry_is_caught() {
    read(Some(Fault::HeadBeforeEntry), true);
}

#[test]
#[should_panic(expected = "torn")]
fn an_entry_that_may_be_seen_before_the_last_commit_is_caught() {
    read(Some(Fault::EntryWithoutFence), true);
}

#[test]
#[should_panic(expected = "torn")]
fn a_look_at_the_head_that_may_come_before_the_word_is_caught() {
    read(Some(Fault::HeadBeforeLook), true);
}

#[test]
#[should_panic(expected = "torn")]
fn a_check_that_may_come_before_the_words_is_caught() {
    read(Some(Fault::CheckWithoutFence), true);
}

#[test]
#[should_panic(expected = "torn")]
fn an_emptied_journal_of_the_same_version_is_caught() {
    read(Some(Fault::UndoneWithoutVersion), false);
}
