//! Writing where nobody should: into the words of an object, past its lock.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;

use crate::stage::Scratch;

/// Where an object is, seen from its name in the directory's entry.
const OBJECT_AFTER_NAME: u64 = 128 - 48;
/// Where its lock's word is, seen from its begin.
pub const LOCK: u64 = 0;
/// Where a state of up to eight bytes is.
pub const STATE: u64 = 40;
/// Where it is counted how often a state was committed, if it is large, watched or released by exchange.
pub const SEQUENCE: u64 = 48;
/// Where it says whether somebody watches.
pub const WATCHED: u64 = 56;
/// Where the two places of a larger one begin, or the words of an object with a small one.
pub const BEHIND_LINE: u64 = 64;
/// Where the words of an object begin whose state has two or three words.
pub const BEHIND_PLACES: u64 = 128;

/// Patterns that a word may be damaged to.
pub const PATTERNS: [u64; 6] = [
    u64::MAX,
    u64::MAX >> 1,
    0x7fff_ffff_7fff_ffff,
    1,
    1 << 32,
    0x0000_0005_ffff_ffff,
];

/// An object, to be damaged.
pub struct Target {
    file: File,
    begin: u64,
}

impl Target {
    /// Finds the object of a name that stands nowhere else in the segment.
    pub fn of(scratch: &Scratch, object: &str) -> Self {
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).open(scratch.path());
        let file = file.expect("a segment of one's own");
        let bytes = std::fs::read(scratch.path()).expect("readable");
        let mut windows = bytes.windows(object.len());
        let name = windows.position(|window| window == object.as_bytes());
        let begin = name.expect("it is in the directory") as u64 + OBJECT_AFTER_NAME;
        Self { file, begin }
    }

    pub fn read_u64(&self, at: u64) -> u64 {
        let mut word = [0; 8];
        let read = self.file.read_exact_at(&mut word, self.begin + at);
        read.expect("readable");
        u64::from_ne_bytes(word)
    }

    pub fn write_u64(&self, at: u64, word: u64) {
        let written = self.file.write_all_at(&word.to_ne_bytes(), self.begin + at);
        written.expect("writable");
    }

    pub fn write_u32(&self, at: u64, word: u32) {
        let written = self.file.write_all_at(&word.to_ne_bytes(), self.begin + at);
        written.expect("writable");
    }
}
