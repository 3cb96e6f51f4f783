//! A change of journaled words that is under way: what its owner has touched so far.

use super::journal::Journaled;
use super::shareable::{Shareable, Words, is_one_word, to_word, words_from};
use crate::sys::atomic::{Relaxed, Release};

/// What an element or an entry of a map takes: their changes need no memory of the process.
const FEW: usize = 16;

/// The owner's view of journaled words, with what it has changed.
#[derive(Debug)]
pub struct Change<'a> {
    words: Journaled<'a>,
    version: u64,
    noted: Noted,
}

impl<'a> Change<'a> {
    #[inline(always)]
    pub(super) fn new(words: Journaled<'a>, version: u64) -> Self {
        Self {
            words,
            version,
            noted: Noted::default(),
        }
    }

    /// Puts a word in the place of another, which the journal keeps until the commit.
    ///
    /// # Panics
    ///
    /// When there is no such word.
    #[inline(always)]
    pub fn store(&mut self, index: usize, new: u64) {
        let word = &self.words.data()[index];
        // Relaxed: only the owner writes it.
        let old = word.load(Relaxed);
        if old == new {
            return;
        }
        let entries = self.noted.len;
        if self.noted.insert(index) {
            self.words.note(self.version, entries, index, old);
        }
        // Release: pairs with the Acquire in `Reading`: who sees this sees the head that counts its
        // entry. And the kernel, which may end this thread anywhere, finds it written after that.
        word.store(new, Release);
    }

    /// Puts a value in the place of the one whose words begin at `start`.
    ///
    /// # Panics
    ///
    /// When there are not as many words.
    #[inline(always)]
    pub fn store_value<T: Shareable>(&mut self, start: usize, value: &T) {
        if is_one_word::<T>() {
            return self.store(start, to_word(value));
        }
        for (index, word) in words_from(bytemuck::bytes_of(value)).enumerate() {
            self.store(start + index, word);
        }
    }

    /// Tells whether there is something to commit.
    #[inline(always)]
    pub fn is_any(&self) -> bool {
        self.noted.len > 0
    }

    /// Returns of which version the words were that it began with.
    #[inline(always)]
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// Returns how many words have an entry.
    pub(super) fn journaled(&self) -> usize {
        self.noted.len
    }
}

impl Words for Change<'_> {
    #[inline(always)]
    fn word(&self, index: usize) -> u64 {
        // Relaxed: the lock orders all others' stores before this.
        self.words.data()[index].load(Relaxed)
    }
}

/// Which words are in the journal: few by name, many by a bit each. In the owner's own memory, so that
/// nothing that is written into the segment can make the journal overflow.
#[derive(Debug, Default)]
struct Noted {
    few: [u32; FEW],
    len: usize,
    /// Empty while there are few.
    bits: Vec<u64>,
}

impl Noted {
    /// Takes a word in; tells whether it was not there before.
    #[inline(always)]
    fn insert(&mut self, index: usize) -> bool {
        if !self.bits.is_empty() {
            return self.insert_as_bit(index);
        }
        if self.few[..self.len].contains(&(index as u32)) {
            return false;
        }
        if self.len == FEW {
            for index in self.few {
                self.set_bit(index as usize);
            }
            return self.insert_as_bit(index);
        }
        self.few[self.len] = index as u32;
        self.len += 1;
        true
    }

    #[cold]
    fn insert_as_bit(&mut self, index: usize) -> bool {
        let is_new = self.set_bit(index);
        self.len += usize::from(is_new);
        is_new
    }

    fn set_bit(&mut self, index: usize) -> bool {
        let (at, bit) = (index / 64, 1 << (index % 64));
        if self.bits.len() <= at {
            self.bits.resize(at + 1, 0);
        }
        let is_new = self.bits[at] & bit == 0;
        self.bits[at] |= bit;
        is_new
    }
}
