//! `get`, `set`, `add` and `cas`.

use std::process::Command;

use serde_json::{Value as Json, json};

use crate::program::{SHMCOUNT, finish, shmcount};
use crate::shared_memory::Name;

#[test]
fn cas_changes_what_is_as_expected_and_prints_what_was() {
    let name = Name::new("cas");
    shmcount(&["create", &name, "--value", "5"]).assert(0, "", &[]);
    shmcount(&["cas", &name, "5", "-6"]).assert(0, "5\n", &[]);
    shmcount(&["cas", &name, "5", "7"]).assert(1, "-6\n", &[]);
    shmcount(&["get", &name]).assert(0, "-6\n", &[]);
}

#[test]
fn one_of_many_that_swap_at_once_succeeds() {
    let name = Name::new("one-of-many");
    shmcount(&["create", &name]).assert(0, "", &[]);
    let rivals = (1..=8).map(|rival: i64| {
        let mut command = Command::new(SHMCOUNT);
        command.args(["cas", &name, "0", &rival.to_string()]);
        std::thread::spawn(move || (rival, finish(&mut command).code))
    });
    let rivals: Vec<_> = rivals.collect();
    let codes = rivals.into_iter().map(|rival| rival.join().unwrap());
    let winners: Vec<i64> = codes
        .filter(|(_, code)| *code == Some(0))
        .map(|(rival, _)| rival)
        .collect();
    let [winner] = winners[..] else {
        panic!("{winners:?}")
    };
    shmcount(&["get", &name]).assert(0, &format!("{winner}\n"), &[]);
}

#[test]
fn create_makes_what_is_missing_and_changes_what_is_there() {
    let (added, set, swapped) = (Name::new("add"), Name::new("set"), Name::new("cas"));
    shmcount(&["add", &added, "--create"]).assert(0, "1\n", &[]);
    shmcount(&["add", &added, "--create"]).assert(0, "2\n", &[]);
    shmcount(&["set", &set, "7", "--create"]).assert(0, "", &[]);
    shmcount(&["get", &set]).assert(0, "7\n", &[]);
    shmcount(&["cas", &swapped, "0", "3", "--create"]).assert(0, "0\n", &[]);
    let beside = format!("{}/beside", &*added);
    shmcount(&["add", &beside, "9", "--create"]).assert(0, "9\n", &[]);
    shmcount(&["get", &added]).assert(0, "2\n", &[]);
}

#[test]
fn adds_that_make_the_number_at_once_are_all_counted() {
    let name = Name::new("made-at-once");
    let adders = (0..12).map(|_| {
        let mut command = Command::new(SHMCOUNT);
        command.args(["add", &name, "--create"]);
        std::thread::spawn(move || finish(&mut command).code)
    });
    for adder in adders.collect::<Vec<_>>() {
        assert_eq!(adder.join().unwrap(), Some(0));
    }
    shmcount(&["get", &name]).assert(0, "12\n", &[]);
}

#[test]
fn get_as_json_names_what_it_read() {
    let name = Name::new("json");
    shmcount(&["create", &name, "--value", "5"]).assert(0, "", &[]);
    let done = shmcount(&["get", "--json", &name]);
    let found: Json = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!(found, json!({"name": &*name, "value": 5}), "{done:#?}");
}

#[test]
fn total_of_a_run_can_be_read_and_not_changed() {
    let name = Name::new("total");
    let run = [
        "run", "--procs", "2", "--adds", "3", "--keep", "--name", &name,
    ];
    assert_eq!(shmcount(&run).code, Some(0));
    shmcount(&["get", &name]).assert(0, "6\n", &[]);
    shmcount(&["wait", &name, "--until", "== 6"]).assert(0, "6\n", &[]);
    for verb in [
        &["add", &name][..],
        &["set", &name, "1"],
        &["cas", &name, "6", "7"],
    ] {
        shmcount(verb).assert_refused(4, &["is the total of a run"]);
    }
}
