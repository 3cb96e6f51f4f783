//! Journaled words: what one change made is seen whole or not at all, and so is what was undone.

use std::sync::Arc;

use shmcount::raw::committed::{Committed, Line};
use shmcount::raw::journal::Journaled;
use shmcount::raw::shareable::Words;
use shmcount::sys::atomic::AtomicU64;
use shmcount::sys::robust_list::Thread;

use crate::model::{PROTOCOL, check, first, join, spawn};

/// How many words every change keeps equal.
const DATA: usize = 2;

#[derive(Clone)]
struct Shared {
    memory: Arc<(Line, Vec<AtomicU64>)>,
}

/// How an owner goes.
#[derive(Clone, Copy, PartialEq)]
enum Leaving {
    Committing,
    Discarding,
    /// With its journal as it is, as one that was killed.
    Dead,
}

impl Shared {
    fn new() -> Self {
        let words = (0..Journaled::words_for(DATA)).map(|_| AtomicU64::new(0));
        Self {
            memory: Arc::new((Line::default(), words.collect())),
        }
    }

    fn version(&self) -> Committed<'_, u64> {
        // SAFETY: the memory is on the heap, and stays until the last thread has dropped this.
        unsafe { Committed::new(&self.memory.0, &[], PROTOCOL) }
    }

    fn view(&self) -> Journaled<'_> {
        Journaled::new(self.version(), &self.memory.1)
    }

    /// Adds 1 to the first `words` words, and 1 to all of them when it stays.
    fn raise(&self, me: Thread, words: usize, leaving: Leaving) {
        let (mut change, _) = self.view().lock(me, None).expect("it is not held");
        assert_eq!(change.word(0), change.word(1), "the owner's words are torn");
        for index in 0..words {
            let word = change.word(index);
            change.store(index, word + 1);
        }
        match leaving {
            // SAFETY: locked above, by this thread; without a commit the journal stays.
            Leaving::Dead => unsafe { self.version().unlock(me, &0, false) },
            // SAFETY: locked above, by this thread.
            _ => unsafe {
                self.view()
                    .unlock(me, &change, leaving == Leaving::Committing)
            },
        }
    }

    /// Reads both words one by one.
    fn load(&self) -> u64 {
        let [one, other] = self.view().read(|words| [words.word(0), words.word(1)]);
        assert_eq!(one, other, "torn");
        one
    }
}

#[test]
fn a_reader_past_whom_go_two_changes_sees_each_whole() {
    check("journal: 1 writer x2, 1 reader", [2, 3], || {
        let words = Shared::new();
        first();
        let writer = spawn({
            let words = words.clone();
            move |me| (0..2).for_each(|_| words.raise(me, DATA, Leaving::Committing))
        });
        assert!(words.load() <= 2);
        join([writer]);
        assert_eq!(words.load(), 2);
    });
}

#[test]
fn a_snapshot_past_which_goes_a_change_after_one_that_was_undone_is_whole() {
    check("journal: discard, change, snapshot", [2, 3], || {
        let words = Shared::new();
        first();
        let writer = spawn({
            let words = words.clone();
            move |me| {
                words.raise(me, DATA, Leaving::Discarding);
                words.raise(me, DATA, Leaving::Committing);
            }
        });
        let [one, other] = words.view().snapshot()[..] else {
            panic!("two words")
        };
        assert_eq!(one, other, "torn");
        assert!(one <= 1, "what was undone is seen");
        join([writer]);
        assert_eq!(words.load(), 1);
    });
}

#[test]
fn a_reader_of_what_a_dead_owner_left_and_another_undoes_sees_none_of_it() {
    check("journal: death, rollback, change, 1 reader", [2, 3], || {
        let words = Shared::new();
        first();
        let writer = spawn({
            let words = words.clone();
            move |me| {
                words.raise(me, 1, Leaving::Dead);
                words.raise(me, DATA, Leaving::Committing);
            }
        });
        assert!(words.load() <= 1, "what was undone is seen");
        join([writer]);
        assert_eq!(words.load(), 1);
    });
}

#[test]
fn of_two_owners_the_other_finds_whole_words_whatever_became_of_the_first() {
    check("journal: 2 writers, one dies", [2, 3], || {
        let words = Shared::new();
        let me = first();
        let dying = spawn({
            let words = words.clone();
            move |me| words.raise(me, 1, Leaving::Dead)
        });
        words.raise(me, DATA, Leaving::Committing);
        assert_eq!(words.load(), 1);
        join([dying]);
        assert_eq!(words.load(), 1);
    });
}
