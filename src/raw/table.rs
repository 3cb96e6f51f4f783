//! A hash table in words: where a key is, and what changes when it comes or goes.
//!
//! Word 0 counts the keys. Then come the places, each a mark, the key's words and the value's words. A
//! mark is zero where nothing is, otherwise 48 bits of the key's hash and the key's length plus one. A
//! key stands at the place its hash names, or at the next free one behind; when one goes, those behind
//! it move up (Knuth, The Art of Computer Programming, volume 3, 6.4, algorithm R). So there are no
//! tombstones, and a table never decays.
//!
//! It only says which words to read and which to write; the journal makes one change of them. A reader
//! may see words that do not belong together, and a stray write may leave anything: so every search ends
//! after one round, and nothing that is read is used as an index.

use std::marker::PhantomData;

use super::change::Change;
use super::shareable::{Shareable, Words, words_from, words_of};

/// The word that counts the keys.
const COUNT: usize = 0;
const FIRST_PLACE: usize = 1;
/// The low bits of a mark: the key's length and one, so that no mark of a key is zero.
const LENGTH_BITS: u32 = 16;
const LENGTH: u64 = (1 << LENGTH_BITS) - 1;

/// How a table for values of type `V` is laid out.
#[derive(Debug)]
pub struct Table<V> {
    capacity: usize,
    key_words: usize,
    value: PhantomData<fn() -> V>,
}

/// A key with what is computed from it once.
#[derive(Clone, Copy, Debug)]
pub struct Key<'k> {
    bytes: &'k [u8],
    mark: u64,
}

/// Where a key is, or would be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// At this place.
    At(usize),
    /// Nowhere; this place is free for it.
    Free(usize),
    /// Nowhere, and no place is free: that cannot be in an undamaged table.
    Nowhere,
}

/// The table has as many keys as it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRoom;

impl<V> Clone for Table<V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<V> Copy for Table<V> {}

impl<'k> Key<'k> {
    /// How long a key may be: its length fits into a mark, and its words have no bytes to spare.
    pub const MOST_BYTES: usize = (LENGTH as usize - 1) / 8 * 8;

    /// Returns the key, unless it is longer than [`MOST_BYTES`](Self::MOST_BYTES).
    #[inline]
    pub fn new(bytes: &'k [u8]) -> Option<Self> {
        let length = bytes.len() as u64 + 1;
        let mark = hash(bytes) & !LENGTH | length;
        (bytes.len() <= Self::MOST_BYTES).then_some(Self { bytes, mark })
    }
}

impl<V: Shareable> Table<V> {
    /// Returns the layout of a table for so many keys of so many words each.
    pub const fn new(capacity: usize, key_words: usize) -> Self {
        Self {
            capacity,
            key_words,
            value: PhantomData,
        }
    }

    /// Returns the layout of the table of this capacity that takes so many words.
    pub fn of_words(capacity: usize, words: usize) -> Self {
        let place = words.saturating_sub(FIRST_PLACE) / Self::new(capacity, 0).places();
        Self::new(capacity, place.saturating_sub(1 + words_of::<V>()))
    }

    /// Returns how many words it takes, unless they cannot be counted.
    pub fn words(self) -> Option<usize> {
        let places = self.capacity.checked_add(self.capacity / 3 + 1)?;
        let place = self.key_words.checked_add(1 + words_of::<V>())?;
        places.checked_mul(place)?.checked_add(FIRST_PLACE)
    }

    /// Returns how many keys it takes.
    pub fn capacity(self) -> usize {
        self.capacity
    }

    /// Returns how long a key it takes, in bytes.
    pub fn most_key_bytes(self) -> usize {
        self.key_words * 8
    }

    /// Returns how many keys are in it.
    #[inline]
    pub fn len(self, words: &(impl Words + ?Sized)) -> usize {
        // Never more, but for a stray write.
        (words.word(COUNT) as usize).min(self.capacity)
    }

    /// Returns where a key is.
    #[inline]
    pub fn find(self, words: &(impl Words + ?Sized), key: Key<'_>) -> Found {
        let places = self.places();
        let home = self.home(key.mark);
        for place in (home..places).chain(0..home) {
            match words.word(self.start_of(place)) {
                0 => return Found::Free(place),
                mark if mark == key.mark && self.has_key(words, place, key.bytes) => {
                    return Found::At(place);
                }
                _ => {}
            }
        }
        Found::Nowhere
    }

    /// Returns the value of a key.
    #[inline]
    pub fn get(self, words: &(impl Words + ?Sized), key: Key<'_>) -> Option<V> {
        match self.find(words, key) {
            Found::At(place) => Some(self.value(words, place)),
            Found::Free(_) | Found::Nowhere => None,
        }
    }

    /// Gives a key a value, and returns the one it had.
    ///
    /// # Errors
    ///
    /// [`NoRoom`], with nothing changed.
    #[inline]
    pub fn insert(
        self,
        change: &mut Change<'_>,
        key: Key<'_>,
        value: &V,
    ) -> Result<Option<V>, NoRoom> {
        match self.find(change, key) {
            Found::At(place) => {
                let before = self.value(change, place);
                self.set(change, place, value);
                Ok(Some(before))
            }
            Found::Free(place) if self.len(change) < self.capacity => {
                self.put(change, place, key, value);
                Ok(None)
            }
            Found::Free(_) | Found::Nowhere => Err(NoRoom),
        }
    }

    /// Takes a key away, and returns its value.
    pub fn remove(self, change: &mut Change<'_>, key: Key<'_>) -> Option<V> {
        let Found::At(place) = self.find(change, key) else {
            return None;
        };
        let before = self.value(change, place);
        self.close(change, place);
        Some(before)
    }

    /// Returns the value at a place where a key was found.
    #[inline]
    pub fn value(self, words: &(impl Words + ?Sized), place: usize) -> V {
        words.value(self.value_start(place))
    }

    /// Returns all keys and values, in no order.
    pub fn pairs(self, words: &(impl Words + ?Sized)) -> Vec<(Vec<u8>, V)> {
        (0..self.places())
            .filter_map(|place| Some((self.key(words, place)?, self.value(words, place))))
            .collect()
    }

    /// Puts another value where a key was found.
    #[inline]
    pub fn set(self, change: &mut Change<'_>, place: usize, value: &V) {
        change.store_value(self.value_start(place), value);
    }

    /// Puts a key and its value where a free place was found.
    fn put(self, change: &mut Change<'_>, place: usize, key: Key<'_>, value: &V) {
        let start = self.start_of(place);
        change.store(start, key.mark);
        let bytes = words_from(key.bytes).take(self.key_words);
        for (index, word) in bytes.enumerate() {
            change.store(start + 1 + index, word);
        }
        self.set(change, place, value);
        change.store(COUNT, change.word(COUNT).wrapping_add(1));
    }

    /// Empties the place where a key was found, and moves up whoever stands behind because of it.
    fn close(self, change: &mut Change<'_>, place: usize) {
        let places = self.places();
        let mut hole = place;
        for ahead in (place + 1..places).chain(0..place) {
            let mark = change.word(self.start_of(ahead));
            if mark == 0 {
                break;
            }
            // Whoever is at home between the hole and where it stands would not be found in the hole.
            let way = |from: usize| (ahead + places - from) % places;
            if way(self.home(mark)) >= way(hole) {
                self.copy(change, ahead, hole);
                hole = ahead;
            }
        }
        change.store(self.start_of(hole), 0);
        change.store(COUNT, change.word(COUNT).wrapping_sub(1));
    }

    /// Takes all keys away.
    pub fn clear(self, change: &mut Change<'_>) {
        for place in 0..self.places() {
            change.store(self.start_of(place), 0);
        }
        change.store(COUNT, 0);
    }

    /// Returns the key at a place, if one is there.
    fn key(self, words: &(impl Words + ?Sized), place: usize) -> Option<Vec<u8>> {
        let start = self.start_of(place);
        let length = (words.word(start) & LENGTH).checked_sub(1)? as usize;
        let mut key: Vec<u8> = (0..self.key_words)
            .flat_map(|index| words.word(start + 1 + index).to_ne_bytes())
            .collect();
        key.truncate(length);
        Some(key)
    }

    #[inline]
    fn has_key(self, words: &(impl Words + ?Sized), place: usize, key: &[u8]) -> bool {
        let first = self.start_of(place) + 1;
        let mut own = words_from(key).take(self.key_words).enumerate();
        own.all(|(index, word)| words.word(first + index) == word)
    }

    fn copy(self, change: &mut Change<'_>, from: usize, to: usize) {
        let (from, to) = (self.start_of(from), self.start_of(to));
        for index in 0..self.place_words() {
            change.store(to + index, change.word(from + index));
        }
    }

    /// A third more places than keys: with three of four taken, a search that finds nothing looks at
    /// 8.5 places on average (Knuth, 6.4), and one is always free, where every search ends.
    const fn places(self) -> usize {
        self.capacity + self.capacity / 3 + 1
    }

    const fn place_words(self) -> usize {
        1 + self.key_words + words_of::<V>()
    }

    #[inline]
    const fn start_of(self, place: usize) -> usize {
        FIRST_PLACE + place * self.place_words()
    }

    #[inline]
    const fn value_start(self, place: usize) -> usize {
        self.start_of(place) + 1 + self.key_words
    }

    /// Returns the place that a mark's hash names.
    #[inline]
    fn home(self, mark: u64) -> usize {
        // The hash as a fraction of one, times the places: Lemire, Fast Random Integer Generation in an
        // Interval, 2019. Always below their number.
        let hash = mark & !LENGTH;
        ((u128::from(hash) * self.places() as u128) >> u64::BITS) as usize
    }
}

/// Returns the hash of a key, the same in every process and build: 64-bit FNV-1a, and the finishing
/// steps of MurmurHash3, because FNV's high bits differ too little for short keys.
///
/// Whoever chooses keys can choose such as collide: that makes a map slow, not wrong.
#[inline]
fn hash(key: &[u8]) -> u64 {
    const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let fold = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(PRIME);
    let mut hash = key.iter().fold(BASIS, fold);
    hash = (hash ^ hash >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ hash >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ hash >> 33
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_the_same_for_ever() {
        // Segments that another build made would not be understood.
        assert_eq!(hash(b""), 0xefd0_1f60_ba99_2926);
        assert_eq!(hash(b"visits"), 0x03e0_922d_4dd6_ed40);
    }

    #[test]
    fn a_layout_is_found_again_from_its_words() {
        for (capacity, key_words) in [(1, 0), (1, 4), (3, 1), (1000, 2), (1001, 9)] {
            let table = Table::<[u64; 3]>::new(capacity, key_words);
            let words = table.words().expect("a small number");
            assert_eq!(words, table.start_of(table.places()));
            let again = Table::<[u64; 3]>::of_words(capacity, words);
            assert_eq!(again.key_words, key_words);
        }
        assert_eq!(Table::<u64>::new(usize::MAX, 1).words(), None);
        assert_eq!(Table::<u64>::new(1, usize::MAX).words(), None);
    }

    #[test]
    fn homes_are_places_and_spread() {
        let table = Table::<u64>::new(96, 1);
        let mut taken = vec![0; table.places()];
        for number in 0..table.places() as u64 {
            let key = number.to_string();
            taken[table.home(Key::new(key.as_bytes()).expect("short").mark)] += 1;
        }
        let empty = taken.iter().filter(|count| **count == 0).count();
        // By chance, a share of 1/e is left out.
        assert!(empty < table.places() / 2, "{empty} of {}", table.places());
        assert!(table.home(u64::MAX) < table.places());
    }
}
