//! The directory: its end, its entries and its lock.

use std::fs;

use shmcount::{Error, Foreign, Segment};

use crate::files::{assert_foreign, overwrite};
use crate::image::{DIRECTORY_WORD, FIRST_ENTRY, Image, USED, entry};
use crate::stage::Scratch;

/// Asks for everything that reads the directory; each must find the damage at `offset`.
fn assert_damaged_at(scratch: &Scratch, offset: u64) {
    let segment = Segment::open(scratch.name()).expect("the header is good");
    let damage = Foreign::Directory { offset };
    assert_foreign(segment.entries(), &damage);
    assert_foreign(segment.find("number"), &damage);
    assert_foreign(segment.open_value::<i64>("number"), &damage);
    assert_foreign(segment.value("new", 0i64), &damage);
    assert_foreign(segment.lock("lock"), &damage);
}

pub fn an_end_that_makes_no_sense_is_refused() {
    let image = Image::new();
    let size = image.bytes.len() as u64;
    let scratch = Scratch::new("end");
    let first = FIRST_ENTRY as u64;
    let past_the_end = [
        0,
        1,
        first - 1,
        size + 1,
        size + 64,
        1 << 32,
        1 << 63,
        u64::MAX,
    ];
    for used in past_the_end {
        image.write_to(&scratch, |image| image.put(USED, &used.to_ne_bytes()));
        assert_damaged_at(&scratch, used);
    }
    let last = *image.entries().last().expect("there are three") as u64;
    let used = image.u64_at(USED);
    // In the middle of the last entry, and behind it, where there are zeros.
    for end in [last + 1, last + 64, used - 1] {
        image.write_to(&scratch, |image| image.put(USED, &end.to_ne_bytes()));
        assert_damaged_at(&scratch, last);
    }
    for end in [used + 1, used + 64, size] {
        image.write_to(&scratch, |image| image.put(USED, &end.to_ne_bytes()));
        assert_damaged_at(&scratch, used);
    }
}

pub fn an_entry_that_makes_no_sense_is_refused() {
    let image = Image::new();
    let scratch = Scratch::new("entry");
    for offset in image.entries() {
        let damaged = |field: usize, value: &[u8]| {
            image.write_to(&scratch, |image| image.put(offset + field, value));
            assert_damaged_at(&scratch, offset as u64);
        };
        // Of no bytes it would be followed by itself; of 64, by its own middle; and so on.
        let length = image.u64_at(offset + entry::BYTES);
        for bytes in [
            0,
            1,
            64,
            length - 64,
            length + 1,
            1 << 20,
            1 << 63,
            0u64.wrapping_sub(length),
        ] {
            damaged(entry::BYTES, &bytes.to_ne_bytes());
        }
        let words = image.u64_at(offset + entry::WORDS);
        for words in [words + 9, 1 << 20, 1 << 61, u64::MAX / 8, u64::MAX] {
            damaged(entry::WORDS, &words.to_ne_bytes());
        }
        for length in [0, 64, 65, 1 << 32, u64::MAX] {
            damaged(entry::NAME_LENGTH, &length.to_ne_bytes());
        }
        for sign in [b'/', b'[', b']', b'\n', 0, 0x1b, 0xff, 0xc0] {
            damaged(entry::NAME, &[sign]);
        }
    }
}

pub fn a_damaged_directory_is_not_added_to() {
    let image = Image::new();
    let scratch = Scratch::new("damaged");
    image.write_to(&scratch, |image| image.put(FIRST_ENTRY, &[0; 8]));
    let before = fs::read(scratch.path()).expect("it is a file");
    assert_damaged_at(&scratch, FIRST_ENTRY as u64);
    let after = fs::read(scratch.path()).expect("it is a file");
    assert!(before == after, "nothing was written");
}

pub fn an_object_of_another_shape_is_refused_with_what_differs() {
    let image = Image::new();
    let scratch = Scratch::new("shape");
    let fields = [
        (entry::KIND, "kind", "of a later version"),
        (entry::ELEMENT_TYPE, "element type", "record of 8 bytes"),
        (entry::ELEMENT_SIZE, "element size", "255"),
        (entry::LENGTH, "length", "255"),
    ];
    for (field, what, found) in fields {
        image.write_to(&scratch, |image| image.put(FIRST_ENTRY + field, &[0xff]));
        assert_other_shape(&scratch, what, found);
    }
    // Fewer words than a line has: it still fits its entry.
    for words in [0u64, 1, 7] {
        let bytes = words.to_ne_bytes();
        image.write_to(&scratch, |image| {
            image.put(FIRST_ENTRY + entry::WORDS, &bytes)
        });
        assert_other_shape(&scratch, "size in words", &words.to_string());
    }
}

fn assert_other_shape(scratch: &Scratch, expected: &str, expected_found: &str) {
    let segment = Segment::open(scratch.name()).expect("the header is good");
    for opened in [
        segment.open_value::<i64>("number"),
        segment.value("number", 0),
    ] {
        match opened {
            Err(Error::OtherShape { what, found, .. }) => {
                assert_eq!((what, found.as_str()), (expected, expected_found));
            }
            other => panic!("{other:?}, expected another {expected}"),
        }
    }
}

/// No thread has the highest id that a word can hold; the kernel's limit is 2^22.
pub fn a_lock_held_by_nobody_who_lives_is_an_error_in_the_end() {
    const NOBODY: u32 = 0x3fff_ffff;
    let scratch = Scratch::new("orphan");
    Image::new().write_to(&scratch, |_| {});
    overwrite(&scratch, DIRECTORY_WORD, &NOBODY.to_ne_bytes());
    let segment = Segment::open(scratch.name()).expect("the header is good");
    assert_eq!(segment.entries().expect("to look needs no lock").len(), 3);
    segment
        .open_value::<i64>("number")
        .expect("nor does to open");
    let made = segment.value("new", 0i64);
    match made {
        Err(error @ Error::DirectoryLocked { .. }) => {
            assert!(error.to_string().contains(&NOBODY.to_string()), "{error}");
        }
        other => panic!("{other:?}"),
    }
}
