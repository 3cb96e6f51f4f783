//! Each field of the header, and the file's length.

use std::fs;

use nix::sys::resource::{Resource, setrlimit};
use shmcount::{Error, Foreign, Release, Segment};

use crate::files::{assert_foreign, file_of, overwrite};
use crate::image::{DIRECTORY_SEQUENCE, FIRST_ENTRY, Image, USED, entry, field};
use crate::stage::{Parent, Process, Scratch};

pub fn every_shorter_and_longer_file_is_refused() {
    let image = Image::new();
    let scratch = Scratch::new("length");
    image.write_to(&scratch, |_| {});
    Segment::open(scratch.name()).expect("it is whole");
    let file = file_of(&scratch);
    let whole = image.bytes.len() as u64;
    // Longer first: what is cut off does not come back.
    for found in (whole + 1..whole + 70).chain([1 << 20, 1 << 40]) {
        file.set_len(found).expect("nothing is allocated");
        let expected = whole;
        assert_foreign(
            Segment::open(scratch.name()),
            &Foreign::Size { found, expected },
        );
    }
    for found in (0..whole).rev() {
        file.set_len(found).expect("it is ours");
        // Too short for a header, it says nothing about its length.
        let expected = if found < FIRST_ENTRY as u64 {
            FIRST_ENTRY as u64
        } else {
            whole
        };
        assert_foreign(
            Segment::open(scratch.name()),
            &Foreign::Size { found, expected },
        );
    }
    Segment::remove_named(scratch.name()).expect("an empty file can be removed");
}

pub fn the_image_lies_where_these_tests_look_for_it() {
    let image = Image::new();
    assert_eq!(&image.bytes[field::MAGIC..][..8], b"shmcount");
    assert_eq!(image.u64_at(field::SIZE), image.bytes.len() as u64);
    // Nobody watches the directory; released by exchange its sequence moves all the same.
    let counted = Image::made_by(Segment::options().release(Release::Exchange));
    assert_eq!(
        counted.u64_at(DIRECTORY_SEQUENCE),
        3,
        "one commit an object"
    );
    let names = image.entries().into_iter().map(|offset| {
        let length = image.u64_at(offset + entry::NAME_LENGTH) as usize;
        String::from_utf8_lossy(&image.bytes[offset + entry::NAME..][..length]).into_owned()
    });
    assert_eq!(names.collect::<Vec<_>>(), ["number", "wide", "lock"]);
    let last = *image.entries().last().expect("there are three");
    assert_eq!(
        image.u64_at(USED),
        last as u64 + image.u64_at(last + entry::BYTES)
    );
}

pub fn each_field_that_does_not_fit_is_refused_with_what_was_found() {
    let image = Image::new();
    let scratch = Scratch::new("field");
    let refused_for = |offset: usize, value: &[u8], expected: Foreign| {
        image.write_to(&scratch, |image| image.put(offset, value));
        assert_foreign(Segment::open(scratch.name()), &expected);
        assert_foreign(Segment::open_or_create(scratch.name()), &expected);
        Segment::remove_named(scratch.name()).expect("it can be removed all the same");
    };
    for (i, byte) in b"shmcount".iter().enumerate() {
        refused_for(field::MAGIC + i, &[byte ^ 1], Foreign::Magic);
    }
    let version = image.u32_at(field::VERSION);
    for found in [0, version - 1, version + 1, u32::MAX] {
        let expected = version;
        refused_for(
            field::VERSION,
            &found.to_ne_bytes(),
            Foreign::Version { found, expected },
        );
    }
    let fingerprint = image.u32_at(field::FINGERPRINT);
    for found in [0, fingerprint ^ 1, u32::MAX] {
        let expected = fingerprint;
        refused_for(
            field::FINGERPRINT,
            &found.to_ne_bytes(),
            Foreign::Layout { found, expected },
        );
    }
    let size = image.bytes.len() as u64;
    for expected in [0, size - 1, size + 1, 1 << 63, u64::MAX] {
        let found = size;
        refused_for(
            field::SIZE,
            &expected.to_ne_bytes(),
            Foreign::Size { found, expected },
        );
    }
    let namespace = image.u64_at(field::PID_NAMESPACE);
    for found in [0, namespace + 1, u64::MAX] {
        let expected = namespace;
        refused_for(
            field::PID_NAMESPACE,
            &found.to_ne_bytes(),
            Foreign::PidNamespace { found, expected },
        );
    }
    refused_for(field::BOOT, &[0; 16], Foreign::Boot);
    refused_for(field::INODE, &[0xff; 8], Foreign::Copy);
}

pub fn a_copy_is_refused() {
    let (original, copy) = (Scratch::new("original"), Scratch::new("copy"));
    let segment = Segment::create(original.name()).expect("the name is new");
    fs::copy(original.path(), copy.path()).expect("there is room");
    assert_foreign(Segment::open(copy.name()), &Foreign::Copy);
    assert!(segment.remove().expect("it is ours"));
}

/// A file that claims 2^46 bytes and has them, as holes.
pub fn a_file_of_terabytes_is_an_error_or_opens() {
    let scratch = Scratch::new("terabytes");
    let size = 1u64 << 46;
    Image::new().write_to(&scratch, |image| {
        image.put(field::SIZE, &size.to_ne_bytes())
    });
    file_of(&scratch).set_len(size).expect("holes take no room");
    overwrite(&scratch, USED, &(size - 64).to_ne_bytes());
    Process::perform("header::open_terabytes", &[scratch.name()]);
}

/// Argument 0 names the segment.
pub fn open_terabytes(parent: Parent) {
    let open = || Segment::open(parent.argument(0));
    let segment = open().expect("2^46 bytes are half of the address space");
    // Behind the three entries there are zeros, which are none.
    let entries = segment.entries();
    assert!(matches!(entries, Err(Error::Foreign { .. })), "{entries:?}");
    drop(segment);
    setrlimit(Resource::RLIMIT_AS, 1 << 32, 1 << 32).expect("less is always allowed");
    match open() {
        Err(error @ Error::System { .. }) => {
            assert!(error.help().is_some_and(|help| help.contains("ulimit -v")));
        }
        other => panic!("{other:?} within 4 GiB of address space"),
    }
}
