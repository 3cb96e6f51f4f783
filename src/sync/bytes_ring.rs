//! A ring of words in which byte strings of varying length follow each other: of each, one word for its
//! length and then as many as its bytes fill.
//!
//! A length that a stray write has damaged is found when its item is taken and would reach beyond what
//! is in use; one that is wrong but fits makes wrong items. Where the next item begins is then
//! unknown, so all of them are dropped.

use bytemuck::{Pod, Zeroable};

use crate::raw::shareable;
use crate::sys::atomic::{AtomicU64, Relaxed};

pub(super) const WORD: usize = size_of::<AtomicU64>();

/// Which words of a ring are in use, and whether its queue is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub(super) struct State {
    /// The first item's first word.
    head: u32,
    /// How many words are in use.
    pub used: u32,
    /// How many items that is.
    pub items: u32,
    /// Zero, or else no more items are taken.
    pub is_closed: u32,
}

impl State {
    /// Returns the state in which no more items are taken.
    pub fn closed(self) -> Self {
        let is_closed = 1;
        Self { is_closed, ..self }
    }
}

/// The words of a ring, at least one. Only who has the lock writes or reads what is in use.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ring<'a> {
    words: &'a [AtomicU64],
}

/// An item that would reach beyond what is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Damaged {
    /// What stands as its length.
    pub length: u64,
    /// How many bytes are in use.
    pub used: u64,
}

impl<'a> Ring<'a> {
    pub fn of(words: &'a [AtomicU64]) -> Self {
        Self { words }
    }

    /// Brings a state that may be damaged within the ring.
    pub fn bounded(self, state: State) -> State {
        // An object has fewer words than that.
        let capacity = self.words.len() as u32;
        let used = state.used.min(capacity);
        State {
            head: if state.head < capacity { state.head } else { 0 },
            used,
            items: state.items.min(used),
            ..state
        }
    }

    /// Tells whether an item of this length fits behind the others.
    pub fn has_room(self, state: State, length: usize) -> bool {
        length.div_ceil(WORD) < self.words.len() - state.used as usize
    }

    /// Writes an item, for which there is room, behind the last one. Returns the state with it.
    pub fn append(self, state: State, item: &[u8]) -> State {
        let words = item.len().div_ceil(WORD);
        let tail = state.head as usize + state.used as usize;
        // Relaxed: the commit publishes it, and it is read under the lock.
        self.word(tail).store(item.len() as u64, Relaxed);
        let [first, second] = self.words(tail + 1, words);
        let split = item.len().min(first.len() * WORD);
        shareable::write_bytes(first, &item[..split]);
        shareable::write_bytes(second, &item[split..]);
        State {
            used: state.used + 1 + words as u32,
            items: state.items.saturating_add(1),
            ..state
        }
    }

    /// Copies the first item of a ring that has one. Returns the state without it, or without any if it
    /// is damaged.
    pub fn take(self, state: State) -> (State, Result<Vec<u8>, Damaged>) {
        let (head, used) = (state.head as usize, state.used as usize);
        // Relaxed: the lock orders what was written before.
        let length = self.word(head).load(Relaxed);
        if length.div_ceil(WORD as u64) >= used as u64 {
            let emptied = State {
                used: 0,
                items: 0,
                ..state
            };
            let used = (used * WORD) as u64;
            return (emptied, Err(Damaged { length, used }));
        }
        let length = length as usize;
        let words = length.div_ceil(WORD);
        let [first, second] = self.words(head + 1, words);
        let split = length.min(first.len() * WORD);
        let mut item = Vec::with_capacity(length);
        shareable::append_bytes(first, split, &mut item);
        shareable::append_bytes(second, length - split, &mut item);
        let after = State {
            head: ((head + 1 + words) % self.words.len()) as u32,
            used: state.used - 1 - words as u32,
            items: state.items.saturating_sub(1),
            ..state
        };
        (after, Ok(item))
    }

    fn word(self, place: usize) -> &'a AtomicU64 {
        &self.words[place % self.words.len()]
    }

    /// Returns so many words, no more than there are, from a place on: up to the end, and from the begin.
    fn words(self, place: usize, count: usize) -> [&'a [AtomicU64]; 2] {
        let place = place % self.words.len();
        let before_the_end = count.min(self.words.len() - place);
        [
            &self.words[place..place + before_the_end],
            &self.words[..count - before_the_end],
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(count: usize) -> Vec<AtomicU64> {
        (0..count).map(|_| AtomicU64::new(u64::MAX)).collect()
    }

    #[test]
    fn items_of_every_length_go_round_whole() {
        let words = words(5);
        let ring = Ring::of(&words);
        let mut state = State::zeroed();
        for round in 0..200 {
            let item: Vec<u8> = (0..round % 33).map(|byte| byte as u8).collect();
            assert!(ring.has_room(state, item.len()), "{state:?} {}", item.len());
            state = ring.append(state, &item);
            let is_second_room = ring.has_room(state, 3);
            if is_second_room {
                state = ring.append(state, b"abc");
            }
            let (after, found) = ring.take(state);
            assert_eq!(found, Ok(item));
            state = after;
            if is_second_room {
                let (after, found) = ring.take(state);
                assert_eq!(found, Ok(b"abc".to_vec()));
                state = after;
            }
            assert_eq!((state.used, state.items), (0, 0));
        }
    }

    #[test]
    fn an_item_that_does_not_fit_has_no_room() {
        let words = words(3);
        let ring = Ring::of(&words);
        let empty = State::zeroed();
        assert!(ring.has_room(empty, 16));
        assert!(!ring.has_room(empty, 17));
        let used = ring.append(empty, b"");
        assert!(ring.has_room(used, 8));
        assert!(!ring.has_room(used, 9));
    }

    #[test]
    fn damage_drops_what_is_there_and_leads_nowhere_else() {
        for length in [17, 24, 1 << 32, u64::MAX] {
            let words = words(4);
            let ring = Ring::of(&words);
            let state = ring.append(State::zeroed(), b"sixteen bytes ..");
            words[0].store(length, Relaxed);
            let (after, found) = ring.take(state);
            assert_eq!(found, Err(Damaged { length, used: 24 }));
            assert_eq!((after.used, after.items), (0, 0));
            let (_, found) = ring.take(ring.append(after, b"next"));
            assert_eq!(found, Ok(b"next".to_vec()));
        }
    }

    #[test]
    fn no_damaged_state_leads_out_of_the_ring() {
        let words = words(4);
        let ring = Ring::of(&words);
        for word in [1, 3, 4, u32::MAX] {
            let state = ring.bounded(State {
                head: word,
                used: word,
                items: word,
                is_closed: word,
            });
            for length in 0..40 {
                words[0].store(length, Relaxed);
                let _ = ring.take(state);
                if ring.has_room(state, length as usize) {
                    ring.append(state, &vec![7; length as usize]);
                }
            }
        }
    }
}
