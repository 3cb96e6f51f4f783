//! `create`.

use std::process::Command;

use crate::program::{SHMCOUNT, finish, shmcount};
use crate::shared_memory::Name;

#[test]
fn objects_are_added_to_a_segment_that_is_there() {
    let name = Name::new("added");
    let (lock, slots) = (format!("{}/lock", &*name), format!("{}/slots", &*name));
    shmcount(&["create", &lock, "lock"]).assert(0, "", &[]);
    shmcount(&["create", &name, "--value", "5"]).assert(0, "", &[]);
    shmcount(&["create", &slots, "semaphore", "--permits", "3"]).assert(0, "", &[]);
    shmcount(&["get", &name]).assert(0, "5\n", &[]);
    let names = format!("{lock}\n{slots}\n");
    let listed = shmcount(&["ls", "--names"]).stdout;
    assert!(listed.contains(&names), "{listed}");
}

#[test]
fn of_many_that_make_one_object_at_once_one_succeeds() {
    let name = Name::new("makers");
    // Without --exist-ok one succeeds; with it all do.
    for (option, expected) in [(None, 1), (Some("--exist-ok"), 8)] {
        let makers = (0..8).map(|_| {
            let mut command = Command::new(SHMCOUNT);
            command.args(["create", &format!("{}/made{expected}", &*name)]);
            command.args(option);
            std::thread::spawn(move || finish(&mut command).code)
        });
        let makers: Vec<_> = makers.collect();
        let codes: Vec<_> = makers
            .into_iter()
            .map(|maker| maker.join().unwrap())
            .collect();
        let successes = codes.iter().filter(|code| **code == Some(0)).count();
        assert_eq!(successes, expected, "{codes:?}");
    }
}

/// Who made the segment may be the one who is late with the object: what the first has made stays.
#[test]
fn of_many_that_make_a_segment_and_one_object_at_once_one_succeeds() {
    for _ in 0..100 {
        let name = Name::new("both");
        let maker = |_| {
            let mut command = Command::new(SHMCOUNT);
            command.args(["create", &*name, "event"]);
            std::thread::spawn(move || finish(&mut command).code)
        };
        let makers: Vec<_> = (0..8).map(maker).collect();
        let codes = makers.into_iter().map(|maker| maker.join().unwrap());
        let codes: Vec<_> = codes.collect();
        let successes = codes.iter().filter(|code| **code == Some(0)).count();
        assert_eq!((successes, name.exists()), (1, true), "{codes:?}");
    }
}

#[test]
fn exist_ok_leaves_what_is_there_and_refuses_another_kind() {
    let name = Name::new("exist-ok");
    shmcount(&["create", &name, "--value", "5"]).assert(0, "", &[]);
    shmcount(&["create", &name, "--value", "9", "--exist-ok"]).assert(0, "", &[]);
    shmcount(&["get", &name]).assert(0, "5\n", &[]);
    let says = ["has kind value, expected lock"];
    shmcount(&["create", &name, "lock", "--exist-ok"]).assert_refused(4, &says);
}

#[test]
fn segment_is_as_large_as_its_object_needs() {
    let name = Name::new("large");
    shmcount(&["create", &name, "semaphore", "--permits", "4000"]).assert(0, "", &[]);
    let most = std::fs::metadata(name.path()).unwrap().len();
    assert!(most > 4000 * 64, "{most} bytes");
    // And there is room for more.
    shmcount(&["create", &format!("{}/beside", &*name)]).assert(0, "", &[]);
}

#[test]
fn failure_to_make_the_object_leaves_no_segment() {
    let name = Name::new("half-made");
    let says = ["bytes left", "help: put it into a segment of its own"];
    let arguments = [
        "create",
        &name,
        "semaphore",
        "--permits",
        "64",
        "--room",
        "1024",
    ];
    shmcount(&arguments).assert_refused(4, &says);
    assert!(!name.exists());
}

/// The kernel cuts a program's name off after 15 bytes, here in the middle of a letter.
#[test]
fn a_program_of_any_name_makes_segments() {
    let name = Name::new("named");
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("fourteen-bytesé");
    // Not a copy: a process that another test forks meanwhile would have it open for writing.
    std::os::unix::fs::symlink(SHMCOUNT, &program).unwrap();
    finish(Command::new(&program).args(["create", &name])).assert(0, "", &[]);
    shmcount(&["get", &name]).assert(0, "0\n", &[]);
}
