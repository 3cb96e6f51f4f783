//! Arrays, maps, counters, events and queues, as far as they differ from a number.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::process::{Command, Stdio};

use serde_json::{Value as Json, json};

use crate::program::{SHMCOUNT, finish, shmcount};
use crate::shared_memory::Name;
use crate::watchdog::Watchdog;

#[test]
fn elements_of_an_array_are_numbers() {
    let name = Name::new("array");
    shmcount(&["create", &name, "array", "--len", "3", "--value", "5"]).assert(0, "", &[]);
    let element = |index| format!("{}[{index}]", &*name);
    shmcount(&["add", &element(1), "2"]).assert(0, "7\n", &[]);
    shmcount(&["set", &element(2), "-1"]).assert(0, "", &[]);
    shmcount(&["cas", &element(0), "5", "6"]).assert(0, "5\n", &[]);
    shmcount(&["cas", &element(0), "5", "8"]).assert(1, "6\n", &[]);
    let found = [0, 1, 2].map(|index| shmcount(&["get", &element(index)]).stdout);
    assert_eq!(found.concat(), "6\n7\n-1\n");
}

#[test]
fn keys_of_a_map_are_numbers_that_begin_at_nothing() {
    let name = Name::new("map");
    let key = |key| format!("{}[{key}]", &*name);
    shmcount(&["add", &key("/index.html"), "--create"]).assert(0, "1\n", &[]);
    shmcount(&["add", &key("/index.html"), "4"]).assert(0, "5\n", &[]);
    shmcount(&["set", &key("a b[c]"), "7"]).assert(0, "", &[]);
    shmcount(&["get", &key("a b[c]")]).assert(0, "7\n", &[]);
    shmcount(&["cas", &key("new"), "0", "3"]).assert(0, "0\n", &[]);
    shmcount(&["get", &key("other")]).assert_refused(1, &["the map has no key 'other'"]);
    let shown: Json = serde_json::from_str(&shmcount(&["show", "--json", &name]).stdout).unwrap();
    let expected = json!({"/index.html": 5, "a b[c]": 7, "new": 3});
    assert_eq!(shown["objects"][0]["value"], expected);
}

#[test]
fn counter_is_added_to_and_read() {
    let name = Name::new("counter");
    shmcount(&["create", &name, "counter"]).assert(0, "", &[]);
    shmcount(&["add", &name]).assert(0, "1\n", &[]);
    shmcount(&["add", &name, "9"]).assert(0, "10\n", &[]);
    shmcount(&["get", &name]).assert(0, "10\n", &[]);
}

#[test]
fn event_wakes_who_waits_for_it() {
    let name = Name::new("event");
    shmcount(&["event", "test", &name, "--create"]).assert(1, "", &[]);
    let mut waiter = Command::new(SHMCOUNT)
        .args(["event", "wait", &name])
        .spawn()
        .unwrap();
    let watchdog = Watchdog::of(waiter.id());
    shmcount(&["event", "set", &name]).assert(0, "", &[]);
    assert_eq!(waiter.wait().unwrap().code(), Some(0));
    drop(watchdog);
    shmcount(&["event", "test", &name]).assert(0, "", &[]);
    shmcount(&["event", "wait", &name, "-w", "0"]).assert(0, "", &[]);
    shmcount(&["event", "clear", &name]).assert(0, "", &[]);
    let done = shmcount(&["event", "wait", &name, "-w", "0"]);
    assert_eq!((done.code, &*done.stdout), (Some(124), ""));
}

#[test]
fn texts_come_out_in_the_order_they_went_in() {
    let name = Name::new("queue");
    shmcount(&["push", &name, "--create", "first", "two words", ""]).assert(0, "", &[]);
    shmcount(&["pop", &name]).assert(0, "first\n", &[]);
    shmcount(&["close", &name]).assert(0, "", &[]);
    shmcount(&["push", &name, "late"]).assert_refused(1, &["is closed"]);
    shmcount(&["pop", &name, "--all"]).assert(0, "two words\n\n", &[]);
    shmcount(&["pop", &name]).assert(1, "", &[]);
}

#[test]
fn every_line_goes_to_one_of_many_consumers() {
    let name = Name::new("consumers");
    shmcount(&["create", &name, "queue", "--capacity", "512"]).assert(0, "", &[]);
    let consumers = (0..3).map(|_| {
        let mut command = Command::new(SHMCOUNT);
        command.args(["pop", &name, "--all"]);
        std::thread::spawn(move || finish(&mut command))
    });
    let consumers: Vec<_> = consumers.collect();
    let mut lines = Command::new("seq")
        .arg("2000")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let pushed = Command::new(SHMCOUNT)
        .args(["push", &name])
        .stdin(lines.stdout.take().unwrap())
        .status()
        .unwrap();
    assert!(lines.wait().unwrap().success() && pushed.success());
    shmcount(&["close", &name]).assert(0, "", &[]);
    let mut numbers = Vec::new();
    for consumer in consumers {
        let done = consumer.join().unwrap();
        assert_eq!((done.code, &*done.stderr), (Some(0), ""));
        numbers.extend(done.stdout.lines().map(|line| line.parse::<u32>().unwrap()));
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=2000).collect::<Vec<_>>());
}

#[test]
fn every_kind_is_made_and_shown() {
    let name = Name::new("kinds");
    for (kind, options, state) in [
        ("value", &["--value", "3"][..], "3"),
        ("counter", &[], "0"),
        ("array", &["--len", "20"], "0 0 0 0 0 0 0 0 … (20 elements)"),
        ("map", &["--capacity", "9"], "0 of 9 keys"),
        ("lock", &[], "free"),
        ("fifo-lock", &[], "free"),
        ("semaphore", &["--permits", "2"], "2 of 2 free"),
        ("event", &[], "not set"),
        (
            "barrier",
            &["--parties", "2"],
            "0 of 2 waiting; generation 0",
        ),
        ("wait-group", &[], "0 open"),
        ("queue", &["--capacity", "128"], "0 items"),
    ] {
        let object = format!("{}/{kind}", &*name);
        shmcount(&[&["create", &object, kind][..], options].concat()).assert(0, "", &[]);
        let shown = shmcount(&["show", &object]);
        assert_eq!(shown.code, Some(0), "{shown:#?}");
        let line = shown.stdout.lines().last().unwrap();
        assert!(line.ends_with(&format!("  {state}")), "{kind}: {line}");
    }
}

#[test]
fn element_of_what_has_none_is_refused_and_makes_nothing() {
    let name = Name::new("whole");
    let element = format!("{}[a]", &*name);
    for arguments in [
        &["lock", &element, "true"][..],
        &["sem", &element, "--permits", "1", "true"],
        &["event", "set", &element, "--create"],
        &["barrier", &element, "--parties", "1"],
        &["wg", "add", &element, "--create"],
        &["push", &element, "--create", "x"],
        &["pop", &element],
        &["close", &element],
        &["show", &element],
        &["watch", &element, "--times", "1"],
    ] {
        let says = ["only arrays and maps have elements", "help: another object"];
        shmcount(arguments).assert_refused(2, &says);
        assert!(!name.exists(), "{arguments:?}");
    }
}

#[test]
fn permits_are_said_by_who_makes_the_semaphore_alone() {
    let name = Name::new("permits");
    let run = ["sem", &name, "--", "sh", "-c", "echo $SHMCOUNT_PERMIT"];
    let says = ["does not exist", "--permits N"];
    shmcount(&run).assert_refused(4, &says);
    assert!(!name.exists());
    shmcount(&["create", &name, "semaphore", "--permits", "1"]).assert(0, "", &[]);
    shmcount(&run).assert(0, "0\n", &[]);
    let inner = "\"$0\" sem -n -E 9 \"$1\" true";
    let nested = ["sem", &name, "sh", "-c", inner, SHMCOUNT, &name];
    shmcount(&nested).assert(9, "", &[]);
    let other = format!("{}/value", &*name);
    shmcount(&["create", &other]).assert(0, "", &[]);
    shmcount(&["sem", &other, "true"]).assert_refused(4, &["is a value, expected a semaphore"]);
}

#[test]
fn texts_of_any_bytes_are_pushed_as_arguments() {
    let name = Name::new("bytes");
    let text = [b'-', 0xff, b'\n', 0xc3];
    let mut push = Command::new(SHMCOUNT);
    push.args(["push", &name, "--create", "--"]);
    finish(push.arg(OsStr::from_bytes(&text))).assert(0, "", &[]);
    let popped = Command::new(SHMCOUNT)
        .args(["pop", &name])
        .output()
        .unwrap();
    assert_eq!(popped.stdout, [&text[..], b"\n"].concat());
}

#[test]
fn text_that_nobody_reads_is_lost_and_that_is_said() {
    let name = Name::new("unread");
    shmcount(&["push", &name, "--create", "first", "second", "third"]).assert(0, "", &[]);
    for options in [&[][..], &["--all"]] {
        // Of a pipe whose reader has left.
        let (_, writer) = std::io::pipe().unwrap();
        let mut pop = Command::new(SHMCOUNT);
        pop.args(["pop", &name]).args(options).stdout(writer);
        let done = pop.output().unwrap();
        let said = String::from_utf8(done.stderr).unwrap();
        assert_eq!(done.status.code(), Some(4), "{options:?}: {said}");
        assert!(said.contains("is lost"), "{said}");
    }
    shmcount(&["pop", &name]).assert(0, "third\n", &[]);
}
