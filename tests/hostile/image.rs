//! The bytes of a segment's file, to be damaged and put under a name.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};

use shmcount::{Segment, SegmentOptions};

use crate::stage::Scratch;

/// Where the header's fields are.
pub mod field {
    pub const MAGIC: usize = 0;
    pub const VERSION: usize = 8;
    pub const FINGERPRINT: usize = 12;
    pub const SIZE: usize = 16;
    pub const INODE: usize = 24;
    pub const PID_NAMESPACE: usize = 32;
    pub const BOOT: usize = 40;
}

/// Where the directory's lock word is.
pub const DIRECTORY_WORD: usize = 256;
/// Where it says how many bytes of the segment are in use.
pub const USED: usize = DIRECTORY_WORD + 40;
/// Where the number of its commits is.
pub const DIRECTORY_SEQUENCE: usize = USED + 8;
/// Where the counters of a line are, seen from its begin.
pub mod line {
    pub const MISSES: usize = 16;
    pub const SEQUENCE: usize = 48;
}

/// Where the slots of those who wait are, and how many bytes they take.
pub const WAITERS: usize = DIRECTORY_WORD + 64;
pub const WAITERS_SIZE: usize = 64 * 64;
/// Where the first entry is.
pub const FIRST_ENTRY: usize = WAITERS + WAITERS_SIZE;

/// Where an entry's fields are, seen from its begin.
pub mod entry {
    pub const BYTES: usize = 0;
    pub const KIND: usize = 8;
    pub const ELEMENT_TYPE: usize = 12;
    pub const ELEMENT_SIZE: usize = 16;
    pub const LENGTH: usize = 24;
    pub const WORDS: usize = 32;
    pub const NAME_LENGTH: usize = 40;
    pub const NAME: usize = 48;
    pub const SIZE: usize = 128;
}

/// Room for the objects of the template and a few more.
const CAPACITY: usize = 2048 - WAITERS;

#[derive(Clone, Debug)]
pub struct Image {
    pub bytes: Vec<u8>,
}

impl Image {
    /// Returns the bytes of a good segment with a number, a wide value and a lock.
    pub fn new() -> Self {
        Self::made_by(Segment::options())
    }

    /// As [`new`](Self::new), with these options.
    pub fn made_by(options: SegmentOptions) -> Self {
        let scratch = Scratch::new("template");
        let segment = options.capacity(CAPACITY).create(scratch.name());
        let segment = segment.expect("the name is new");
        segment.value("number", 7i64).expect("there is room");
        segment.value("wide", [3u64; 20]).expect("there is room");
        segment.lock("lock").expect("there is room");
        Self {
            bytes: fs::read(scratch.path()).expect("it is a file"),
        }
    }

    pub fn u64_at(&self, offset: usize) -> u64 {
        let bytes = self.bytes[offset..offset + 8].try_into();
        u64::from_ne_bytes(bytes.expect("eight bytes"))
    }

    pub fn u32_at(&self, offset: usize) -> u32 {
        let bytes = self.bytes[offset..offset + 4].try_into();
        u32::from_ne_bytes(bytes.expect("four bytes"))
    }

    /// Puts bytes at an offset; what lies behind the end is dropped.
    pub fn put(&mut self, offset: usize, bytes: &[u8]) {
        for (place, byte) in self.bytes.iter_mut().skip(offset).zip(bytes) {
            *place = *byte;
        }
    }

    /// Returns where each entry begins, the image being a good one.
    pub fn entries(&self) -> Vec<usize> {
        let used = self.u64_at(USED) as usize;
        let mut entries = vec![FIRST_ENTRY];
        loop {
            let last = entries[entries.len() - 1];
            match last + self.u64_at(last + entry::BYTES) as usize {
                next if next < used => entries.push(next),
                _ => return entries,
            }
        }
    }

    /// Makes a file of these bytes under the name, with the inode number that the file turned out
    /// to have, and with `damage`.
    pub fn write_to(&self, scratch: &Scratch, damage: impl FnOnce(&mut Self)) {
        let file = new_file(scratch);
        let mut image = self.clone();
        let inode = file.metadata().expect("it is open").ino();
        image.put(field::INODE, &inode.to_ne_bytes());
        damage(&mut image);
        file.write_all_at(&image.bytes, 0).expect("there is room");
    }
}

fn new_file(scratch: &Scratch) -> File {
    // Never the same file twice: an inode number that a test has seen means that one file.
    let _ = fs::remove_file(scratch.path());
    File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(scratch.path())
        .expect("the name is free")
}
