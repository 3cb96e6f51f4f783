//! The journal on the heap, by one thread: what is seen, what is undone, and what damage does.

use super::change::Change;
use super::committed::{Committed, Line};
use super::journal::Journaled;
use super::patience::FirstLook;
use super::protocol::{Announce, Protocol, ReleaseBy, Wakes};
use super::shareable::Words;
use crate::sys::atomic::{AtomicU64, Relaxed};
use crate::sys::backoff::Spin;
use crate::sys::robust_list::Thread;

const PROTOCOL: Protocol = Protocol {
    release: ReleaseBy::Exchange,
    announce: Announce::AtomicOnly,
    wakes: Wakes::Generation,
    sleeps_on_both: true,
    spin: Spin::Never,
    first_look: FirstLook::NEVER,
};

struct Memory {
    line: Line,
    words: Vec<AtomicU64>,
}

impl Memory {
    fn new(data: usize) -> Self {
        let words = (0..Journaled::words_for(data)).map(|_| AtomicU64::new(0));
        Self {
            line: Line::default(),
            words: words.collect(),
        }
    }

    fn view(&self) -> Journaled<'_> {
        Journaled::new(self.version(), &self.words)
    }

    fn version(&self) -> Committed<'_, u64> {
        // SAFETY: the memory is on the heap, and outlives the calls of its test.
        unsafe { Committed::new(&self.line, &[], PROTOCOL) }
    }

    /// Changes words and goes as a killed owner does: its journal stays.
    fn abandon(&self, changes: impl IntoIterator<Item = (usize, u64)>) {
        let me = Thread::current();
        let (mut change, _) = self.view().lock(me, None).expect("it is free");
        changes
            .into_iter()
            .for_each(|(index, word)| change.store(index, word));
        // SAFETY: locked above by this thread.
        unsafe { self.version().unlock(me, &0, false) };
    }

    fn add_to_all(&self, is_kept: bool) {
        let me = Thread::current();
        let (mut change, _) = self.view().lock(me, None).expect("it is free");
        for index in 0..self.view().data().len() {
            // Twice, of which the journal takes the first.
            change.store(index, 99);
            change.store(index, self.words_before(index) + 1);
        }
        // SAFETY: locked above by this thread.
        unsafe { self.view().unlock(me, &change, is_kept) };
    }

    fn words_before(&self, index: usize) -> u64 {
        self.view().read(|words| words.word(index))
    }
}

#[test]
fn a_change_is_seen_when_it_is_committed_and_not_before() {
    for data in [1, 16, 17, 200] {
        let memory = Memory::new(data);
        memory.add_to_all(true);
        assert_eq!(memory.view().snapshot(), vec![1; data]);
        memory.add_to_all(false);
        assert_eq!(memory.view().snapshot(), vec![1; data]);
        assert_eq!(memory.version().load(), 2, "a reader must try again");
        memory.add_to_all(true);
        assert_eq!(memory.view().snapshot(), vec![2; data]);
    }
}

#[test]
fn what_an_owner_left_half_done_is_not_seen_and_is_undone_by_the_next() {
    for data in [3, 40] {
        let memory = Memory::new(data);
        memory.add_to_all(true);
        memory.abandon((1..data).map(|index| (index, 7)));
        for _ in 0..2 {
            assert_eq!(memory.view().snapshot(), vec![1; data]);
            assert_eq!(memory.words_before(data - 1), 1);
            // The next begins with rolling back, and is gone as well.
            memory.abandon([(0, 8)]);
        }
        let me = Thread::current();
        let seen = memory.view().modify(me, None, |change| change.word(1));
        assert_eq!(seen, Ok(1));
        assert_eq!(memory.view().snapshot(), vec![1; data]);
    }
}

#[test]
fn nothing_is_committed_when_nothing_differs() {
    let memory = Memory::new(2);
    let me = Thread::current();
    let same = |change: &mut Change<'_>| change.store(1, 0);
    memory.view().modify(me, None, same).expect("it is free");
    assert_eq!(memory.version().load(), 0);
}

#[test]
fn a_damaged_journal_is_bounded() {
    let memory = Memory::new(3);
    memory.words[0].store(u64::from(u32::MAX), Relaxed);
    for (at, word) in memory.words[2..8].iter().enumerate() {
        word.store(u64::MAX - at as u64, Relaxed);
    }
    assert_eq!(memory.view().snapshot(), [0; 3]);
    assert_eq!(memory.words_before(2), 0);
    memory.add_to_all(true);
    memory.words[2].store(u64::MAX, Relaxed);
    memory.add_to_all(false);
    assert_eq!(memory.view().snapshot().len(), 3);
}

#[test]
fn versions_pass_the_end_of_the_stamp() {
    let memory = Memory::new(2);
    memory.line.value().store(u64::from(u32::MAX), Relaxed);
    memory.add_to_all(true);
    assert_eq!(memory.version().load(), 1 << 32);
    memory.abandon([(0, 9)]);
    assert_eq!(memory.view().snapshot(), [1, 1]);
    memory.add_to_all(true);
    assert_eq!(memory.view().snapshot(), [2, 2]);
}

#[test]
fn a_pause_that_nobody_ends_is_over_by_itself() {
    let memory = Memory::new(1);
    memory.words[1].store(1, Relaxed);
    memory.add_to_all(true);
    assert_eq!(memory.words[1].load(Relaxed), 0);
}

#[test]
fn a_reader_that_is_overtaken_often_asks_for_a_pause_until_it_is_done() {
    let memory = Memory::new(1);
    let mut tries = 0;
    let seen = memory.view().read(|words| {
        tries += 1;
        assert_eq!(memory.words[1].load(Relaxed), u64::from(tries > 16));
        if tries < 20 {
            memory.add_to_all(true);
        }
        words.word(0)
    });
    assert_eq!((tries, seen), (20, 19));
    assert_eq!(memory.words[1].load(Relaxed), 0);
}
