//! Opens whatever libFuzzer writes into the file of a segment, and does everything with it.
//!
//! The real thing: a file in `/dev/shm` and `Segment::open`, some thousand times a second. The
//! first byte of an input says which fields of the header are put right afterwards, because no
//! fuzzer guesses an inode number or a boot id; the rest are the file's bytes.

#![no_main]

#[path = "../../tests/hostile/exercise.rs"]
mod exercise;

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use shmcount::Segment;
use shmcount::sys::shm;

/// Header, directory, waiters and a few objects.
const LONGEST: usize = 8192;
/// What a bit of the first byte has put right: the header's fields, in bytes.
const FIELDS: [std::ops::Range<usize>; 6] = [0..8, 8..16, 16..24, 24..32, 32..40, 40..56];
const SIZE: usize = 2;
/// The directory's lock word. Seemingly held it is waited for, ten seconds long.
const DIRECTORY_WORD: usize = 256;
struct Victim {
    name: String,
    file: File,
    /// The header of a good segment that lies in this very file.
    good: Vec<u8>,
}

static VICTIM: LazyLock<Victim> = LazyLock::new(|| {
    let name = format!("fuzz-{}", std::process::id());
    let segment = Segment::create(&name).expect("the name is new");
    let path = shm::path_of(&format!("shmcount.{name}"));
    let good = fs::read(&path).expect("it is a file");
    drop(segment);
    let file = File::options().write(true).open(&path);
    let file = file.expect("it is ours");
    Victim { name, file, good }
});

fuzz_target!(|input: &[u8]| {
    let Some((&right, bytes)) = input.split_first() else {
        return;
    };
    let victim = &*VICTIM;
    let mut bytes = bytes[..bytes.len().min(LONGEST)].to_vec();
    for (i, field) in FIELDS.into_iter().enumerate() {
        if right & 1 << i == 0 && field.end <= bytes.len() {
            let size = (bytes.len() as u64).to_ne_bytes();
            let value = if i == SIZE {
                &size
            } else {
                &victim.good[field.clone()]
            };
            bytes[field].copy_from_slice(value);
        }
    }
    if let Some(word) = bytes.get_mut(DIRECTORY_WORD..DIRECTORY_WORD + 4) {
        word.fill(0);
    }
    victim.file.set_len(0).expect("it is ours");
    victim.file.set_len(bytes.len() as u64).expect("it is ours");
    victim.file.write_all_at(&bytes, 0).expect("there is room");
    let _ = exercise::exercise(&victim.name);
});
