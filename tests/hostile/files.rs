//! What can have a segment's name, and what a name can be.

use std::fs::{self, Permissions};
use std::os::unix::fs::{FileExt, PermissionsExt, chown, symlink};
use std::os::unix::net::UnixListener;

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::sys::stat::{Mode, SFlag, mknod};
use nix::unistd::{Uid, mkfifo, setuid};
use shmcount::{Error, Foreign, Segment};

use crate::image::Image;
use crate::stage::{Parent, Process, Scratch, Skipped, needs_root};

const NOBODY: u32 = 65_534;

/// Fails unless the error is `Foreign` and as expected.
pub fn assert_foreign<T>(result: Result<T, Error>, expected: &Foreign) {
    match result {
        Err(Error::Foreign { foreign, .. }) => assert_eq!(&foreign, expected),
        Err(other) => panic!("{other:?}, expected {expected:?}"),
        Ok(_) => panic!("it was taken for a segment, expected {expected:?}"),
    }
}

/// Tries all ways to get at a segment of this name, which must all find what is expected.
fn assert_left_alone(scratch: &Scratch, expected: &Foreign) {
    assert_unopened(scratch, expected);
    assert_foreign(Segment::remove_named(scratch.name()), expected);
}

/// It may be removed all the same.
fn assert_unopened(scratch: &Scratch, expected: &Foreign) {
    assert_foreign(Segment::open(scratch.name()), expected);
    assert_foreign(Segment::open_or_create(scratch.name()), expected);
    let created = Segment::create(scratch.name());
    assert!(
        matches!(created, Err(Error::AlreadyExists { .. })),
        "{created:?}"
    );
}

pub fn opening_or_removing_what_is_no_regular_file_is_refused_without_opening_it()
-> Result<(), Skipped> {
    let scratch = Scratch::new("no-file");
    let path = scratch.path();
    let mode = Mode::S_IRUSR | Mode::S_IWUSR;
    let file_type = |found| Foreign::FileType { found };

    fs::create_dir(&path).expect("the name is free");
    assert_left_unopened(&scratch, &file_type("directory"));
    fs::remove_dir(&path).expect("it was left alone");

    mkfifo(&path, mode).expect("the name is free");
    assert_left_unopened(&scratch, &file_type("fifo"));
    fs::remove_file(&path).expect("it was left alone");

    let listener = UnixListener::bind(&path).expect("the name is free");
    assert_left_unopened(&scratch, &file_type("socket"));
    fs::remove_file(&path).expect("it was left alone");
    drop(listener);

    // /dev/null under another name.
    match mknod(&path, SFlag::S_IFCHR, mode, nix::sys::stat::makedev(1, 3)) {
        Ok(()) => assert_left_unopened(&scratch, &file_type("device")),
        Err(_) => return Err(Skipped("to make a device needs root".to_owned())),
    }
    Ok(())
}

/// Watches the file meanwhile: it must be looked at from outside only.
fn assert_left_unopened(scratch: &Scratch, expected: &Foreign) {
    let watch = Inotify::init(InitFlags::IN_NONBLOCK).expect("the kernel has inotify");
    let flags = AddWatchFlags::IN_OPEN | AddWatchFlags::IN_DONT_FOLLOW;
    watch
        .add_watch(&scratch.path(), flags)
        .expect("the file is there");
    assert_left_alone(scratch, expected);
    let opened = watch.read_events();
    assert!(opened.is_err(), "{expected:?} was opened: {opened:?}");
}

pub fn a_name_that_leads_elsewhere_is_left_alone_and_so_is_the_target() {
    let scratch = Scratch::new("link");
    let target = Scratch::new("target");
    let segment = Segment::create(target.name()).expect("the name is new");
    let link = Foreign::FileType {
        found: "symbolic link",
    };
    let nowhere = target.path().with_extension("nowhere");
    // To a segment, to nothing, and to itself.
    for leads_to in [target.path(), nowhere, scratch.path()] {
        symlink(&leads_to, scratch.path()).expect("the name is free");
        assert_left_alone(&scratch, &link);
        fs::remove_file(scratch.path()).expect("it was left alone");
    }
    assert!(segment.remove().expect("it is ours"), "it kept its name");
}

pub fn a_segment_that_others_may_touch_is_refused() {
    let scratch = Scratch::new("mode");
    let segment = Segment::create(scratch.name()).expect("the name is new");
    let set_mode = |mode| {
        fs::set_permissions(scratch.path(), Permissions::from_mode(mode)).expect("it is ours");
    };
    for found in [
        0o666, 0o644, 0o660, 0o604, 0o400, 0o700, 0o000, 0o4600, 0o1600,
    ] {
        set_mode(found);
        let expected = 0o600;
        assert_unopened(&scratch, &Foreign::Mode { found, expected });
    }
    set_mode(0o600);
    Segment::open(scratch.name()).expect("it is private again");
    assert!(segment.remove().expect("it is ours"));
}

pub fn a_segment_of_another_user_is_refused_to_both() -> Result<(), Skipped> {
    needs_root()?;
    let theirs = Scratch::new("theirs");
    Image::new().write_to(&theirs, |_| {});
    chown(theirs.path(), Some(NOBODY), None).expect("root may");
    let expected = Foreign::Owner {
        found: NOBODY,
        expected: 0,
    };
    assert_left_alone(&theirs, &expected);

    let ours = Scratch::new("ours");
    let _segment = Segment::create(ours.name()).expect("the name is new");
    Process::perform("files::open_as_nobody", &[ours.name(), theirs.name()]);
    Ok(())
}

/// Argument 0 names a segment of root, argument 1 one of nobody.
pub fn open_as_nobody(parent: Parent) {
    setuid(Uid::from_raw(NOBODY)).expect("root may");
    let expected = Foreign::Owner {
        found: 0,
        expected: NOBODY,
    };
    let name = parent.argument(0);
    assert_foreign(Segment::open(name), &expected);
    assert_foreign(Segment::open_or_create(name), &expected);
    assert_foreign(Segment::remove_named(name), &expected);
    Segment::open(parent.argument(1)).expect("it is nobody's, who asks");
}

pub fn names_that_are_none_are_refused_before_anything_is_made() {
    let long = "x".repeat(201);
    let none = [
        "",
        "/",
        "a/b",
        "../x",
        "a\0b",
        "a\nb",
        "\u{1b}[31m",
        "a\u{7f}",
        "\u{85}",
        "a[0]",
        &long,
    ];
    for name in none {
        for result in [
            Segment::create(name),
            Segment::open(name),
            Segment::open_or_create(name),
        ] {
            assert!(
                matches!(result, Err(Error::InvalidName { .. })),
                "{name:?}: {result:?}"
            );
        }
        let removed = Segment::remove_named(name);
        assert!(
            matches!(removed, Err(Error::InvalidName { .. })),
            "{name:?}: {removed:?}"
        );
    }
}

pub fn every_other_name_names_a_segment() {
    // `Scratch` gives its own; what is odd goes behind it.
    let long = "x".repeat(150);
    let odd = [
        " ",
        ".",
        "..",
        "~",
        "%n%s",
        "é",
        "\u{202e}",
        "日本",
        "'\"`$(id)",
        "*?",
        "-",
        "\\",
        &long,
    ];
    for label in odd {
        let scratch = Scratch::new(label);
        let segment = Segment::create(scratch.name()).expect("it is a name");
        let found = Segment::open(scratch.name()).expect("it is there");
        assert_eq!(found.name(), segment.name());
        assert!(fs::exists(scratch.path()).expect("/dev/shm can be read"));
        assert!(segment.remove().expect("it is ours"));
        assert!(!fs::exists(scratch.path()).expect("/dev/shm can be read"));
    }
}

/// Opens the file behind a name for damage.
pub fn file_of(scratch: &Scratch) -> fs::File {
    fs::File::options()
        .read(true)
        .write(true)
        .open(scratch.path())
        .expect("it is there")
}

/// Writes bytes into the file behind a name.
pub fn overwrite(scratch: &Scratch, offset: usize, bytes: &[u8]) {
    file_of(scratch)
        .write_all_at(bytes, offset as u64)
        .expect("there is room");
}
