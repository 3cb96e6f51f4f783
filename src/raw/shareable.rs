//! What may lie in shared memory: values that are nothing but their bytes.
//!
//! A type is `Shareable` when every pattern of bytes is a value of it and it has no padding
//! ([`bytemuck::Pod`]): then another process, an older build or a stray write can make a wrong
//! value but never an invalid one, and copies can be taken word by word.

use std::any::TypeId;

use bytemuck::Pod;

use crate::sys::atomic::{AtomicU64, Relaxed};

/// A type whose values processes can share. Implemented by every [`bytemuck::Pod`] type:
/// numbers, arrays of them, and structures that derive `Pod`.
pub trait Shareable: Pod + Send + Sync {}

impl<T: Pod + Send + Sync> Shareable for T {}

/// What a segment's directory remembers of an element's type, besides its size.
///
/// Numbers are told apart; of a structure only the size is known, because Rust promises no name
/// or layout that two builds share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum ElementType {
    /// A structure, an array, or anything else.
    Record = 0,
    /// `i64`.
    I64 = 1,
    /// `u64`.
    U64 = 2,
    /// `i32`.
    I32 = 3,
    /// `u32`.
    U32 = 4,
    /// `f64`.
    F64 = 5,
    /// `f32`.
    F32 = 6,
    /// `i16`, `u16`, `i8` or `u8`.
    Small = 7,
}

impl ElementType {
    /// Returns the type's mark.
    pub fn of<T: Shareable>() -> Self {
        let id = TypeId::of::<T>();
        let marks = [
            (TypeId::of::<i64>(), Self::I64),
            (TypeId::of::<u64>(), Self::U64),
            (TypeId::of::<i32>(), Self::I32),
            (TypeId::of::<u32>(), Self::U32),
            (TypeId::of::<f64>(), Self::F64),
            (TypeId::of::<f32>(), Self::F32),
            (TypeId::of::<i16>(), Self::Small),
            (TypeId::of::<u16>(), Self::Small),
            (TypeId::of::<i8>(), Self::Small),
            (TypeId::of::<u8>(), Self::Small),
        ];
        let known = marks.iter().find(|(known, _)| *known == id);
        known.map_or(Self::Record, |(_, mark)| *mark)
    }

    /// Returns what Rust calls a type of this mark and size in bytes.
    pub fn name(self, size: u64) -> String {
        match self {
            Self::I64 => "i64".to_owned(),
            Self::U64 => "u64".to_owned(),
            Self::I32 => "i32".to_owned(),
            Self::U32 => "u32".to_owned(),
            Self::F64 => "f64".to_owned(),
            Self::F32 => "f32".to_owned(),
            Self::Small => format!("integer of {}", bytes(size)),
            Self::Record => format!("record of {}", bytes(size)),
        }
    }

    /// Reads a mark from a directory entry; what a later version may have added is a record.
    pub fn from_mark(mark: u32) -> Self {
        use ElementType::*;
        let all = [Record, I64, U64, I32, U32, F64, F32, Small];
        all.into_iter()
            .find(|known| *known as u32 == mark)
            .unwrap_or(Record)
    }
}

fn bytes(count: u64) -> String {
    match count {
        1 => "1 byte".to_owned(),
        _ => format!("{count} bytes"),
    }
}

/// Returns how many 64-bit words hold a `T`.
pub const fn words_of<T>() -> usize {
    size_of::<T>().div_ceil(size_of::<u64>())
}

/// Words that somebody can look at one by one.
pub trait Words {
    /// Returns a word.
    ///
    /// # Panics
    ///
    /// When there is no such word.
    fn word(&self, index: usize) -> u64;

    /// Takes a value out of the words from `start` on.
    ///
    /// # Panics
    ///
    /// When there are not as many.
    #[inline]
    fn value<T: Shareable>(&self, start: usize) -> T {
        if is_one_word::<T>() {
            return from_word(self.word(start));
        }
        let mut value = T::zeroed();
        let chunks = bytemuck::bytes_of_mut(&mut value).chunks_mut(8);
        for (index, bytes) in chunks.enumerate() {
            let word = self.word(start + index);
            bytes.copy_from_slice(&word.to_ne_bytes()[..bytes.len()]);
        }
        value
    }
}

impl Words for [u64] {
    #[inline]
    fn word(&self, index: usize) -> u64 {
        self[index]
    }
}

impl Words for [AtomicU64] {
    #[inline]
    fn word(&self, index: usize) -> u64 {
        // Relaxed: ordered by what the caller does then.
        self[index].load(Relaxed)
    }
}

/// Returns the words that hold some bytes, the last one filled up with zeros.
#[inline]
pub fn words_from(bytes: &[u8]) -> impl Iterator<Item = u64> {
    bytes.chunks(8).map(word_from)
}

/// Tells whether a `T` takes one word: most do, and need no loop.
pub(super) const fn is_one_word<T>() -> bool {
    words_of::<T>() == 1
}

/// Writes a value word by word. Readers that look at the same time see whole words.
pub fn write_words<T: Shareable>(words: &[AtomicU64], value: &T) {
    for (word, bytes) in words.iter().zip(bytemuck::bytes_of(value).chunks(8)) {
        // Relaxed: the caller's commit publishes the words; see `committed`.
        word.store(word_from(bytes), Relaxed);
    }
}

/// Reads a value word by word. Only a caller that checks afterwards knows that it is whole: its look at
/// the sequence orders the loads; see `committed`.
/// Not by [`Words::value`], whose look at each index kept the compiler from copying word by word: seven
/// times as many instructions for 32 numbers.
pub fn read_words<T: Shareable>(words: &[AtomicU64]) -> T {
    let mut value = T::zeroed();
    let chunks = bytemuck::bytes_of_mut(&mut value).chunks_mut(8);
    for (word, bytes) in words.iter().zip(chunks) {
        // Relaxed: ordered by the caller's look at the sequence; see `committed`.
        bytes.copy_from_slice(&word.load(Relaxed).to_ne_bytes()[..bytes.len()]);
    }
    value
}

/// Writes bytes word by word, the last word filled up with zeros. There may be more words than needed.
pub fn write_bytes(words: &[AtomicU64], bytes: &[u8]) {
    for (word, bytes) in words.iter().zip(bytes.chunks(8)) {
        // Relaxed: as in `write_words`.
        word.store(word_from(bytes), Relaxed);
    }
}

/// Appends bytes that were written word by word: as many as asked for, if there are as many words.
pub fn append_bytes(words: &[AtomicU64], count: usize, bytes: &mut Vec<u8>) {
    let mut left = count;
    for word in words.iter().take(count.div_ceil(8)) {
        let some = left.min(8);
        // Relaxed: as in `read_words`.
        bytes.extend_from_slice(&word.load(Relaxed).to_ne_bytes()[..some]);
        left -= some;
    }
}

/// Puts a value of up to eight bytes into one word.
#[inline]
pub fn to_word<T: Shareable>(value: &T) -> u64 {
    word_from(bytemuck::bytes_of(value))
}

/// Takes a value of up to eight bytes out of its word.
#[inline]
pub fn from_word<T: Shareable>(word: u64) -> T {
    bytemuck::pod_read_unaligned(&word.to_ne_bytes()[..size_of::<T>()])
}

#[inline]
fn word_from(bytes: &[u8]) -> u64 {
    let mut word = [0; 8];
    word[..bytes.len()].copy_from_slice(bytes);
    u64::from_ne_bytes(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_odd_sizes_survive_the_words() {
        let words: Vec<AtomicU64> = (0..3).map(|_| AtomicU64::new(u64::MAX)).collect();
        let value: [u8; 17] = std::array::from_fn(|i| i as u8);
        assert_eq!(words_of::<[u8; 17]>(), 3);
        write_words(&words, &value);
        assert_eq!(read_words::<[u8; 17]>(&words), value);
        assert_eq!(from_word::<[u8; 3]>(to_word(&[1u8, 2, 3])), [1, 2, 3]);
        assert_eq!(from_word::<i64>(to_word(&-5i64)), -5);
    }

    #[test]
    fn bytes_of_any_length_survive_the_words() {
        let words: Vec<AtomicU64> = (0..3).map(|_| AtomicU64::new(u64::MAX)).collect();
        let bytes: Vec<u8> = (1..=24).collect();
        for length in 0..=bytes.len() {
            write_bytes(&words, &bytes[..length]);
            let mut found = Vec::new();
            append_bytes(&words, length, &mut found);
            assert_eq!(found, bytes[..length]);
        }
    }

    #[test]
    fn marks_tell_numbers_apart_and_survive_the_directory() {
        assert_eq!(ElementType::of::<i64>(), ElementType::I64);
        assert_eq!(ElementType::of::<[i64; 1]>(), ElementType::Record);
        for mark in [ElementType::of::<u32>(), ElementType::of::<f64>()] {
            assert_eq!(ElementType::from_mark(mark as u32), mark);
        }
        assert_eq!(ElementType::from_mark(999), ElementType::Record);
    }
}
