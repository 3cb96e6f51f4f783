//! `wait`.

use std::process::{Command, Stdio};

use serde_json::{Value as Json, json};

use crate::program::{SHMCOUNT, shmcount};
use crate::shared_memory::Name;
use crate::watchdog::{Watchdog, wait_until};

#[test]
fn wait_ends_when_the_number_is_reached() {
    let name = Name::new("reached");
    shmcount(&["create", &name]).assert(0, "", &[]);
    let waiter = Command::new(SHMCOUNT)
        .args(["wait", &name, "--until", ">= 3"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let watchdog = Watchdog::of(waiter.id());
    // In futex_wait or on the way there; either way it must end.
    let wchan = format!("/proc/{}/syscall", waiter.id());
    wait_until("it sleeps", || {
        let call = std::fs::read_to_string(&wchan).unwrap_or_default();
        call.starts_with("202 ")
            || call.starts_with("449 ")
            || call.starts_with("98 ")
            || call.is_empty()
    });
    for sum in ["1\n", "2\n", "3\n"] {
        shmcount(&["add", &name]).assert(0, sum, &[]);
    }
    let output = waiter.wait_with_output().unwrap();
    drop(watchdog);
    assert_eq!(
        (output.status.code(), &*output.stdout),
        (Some(0), &b"3\n"[..])
    );
}

#[test]
fn every_comparison_is_waited_for() {
    let name = Name::new("comparisons");
    shmcount(&["create", &name, "--value", "5"]).assert(0, "", &[]);
    for (until, code) in [
        ("== 5", 0),
        ("!= 5", 124),
        ("< 5", 124),
        ("<=5", 0),
        ("> 4", 0),
        (">= 6", 124),
        ("> -1", 0),
    ] {
        let done = shmcount(&["wait", &name, "--until", until, "--timeout", "0"]);
        assert_eq!(done.code, Some(code), "{until}: {done:#?}");
    }
}

#[test]
fn time_that_is_over_is_124_and_says_what_the_number_is() {
    let name = Name::new("over");
    shmcount(&["create", &name, "--value", "5"]).assert(0, "", &[]);
    let says = format!("error: '{}' is 5 after 50ms, expected > 5\n", &*name);
    let done = shmcount(&["wait", &name, "--until", "> 5", "-w", "50ms"]);
    assert_eq!(
        (done.code, &*done.stdout, done.stderr),
        (Some(124), "", says)
    );
}

#[test]
fn wait_as_json_says_what_it_waited_for() {
    let name = Name::new("json");
    shmcount(&["create", &name, "--value", "5"]).assert(0, "", &[]);
    let done = shmcount(&["wait", &name, "--until", "> 4", "--json"]);
    let found: Json = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!(found, json!({"name": &*name, "value": 5}), "{done:#?}");
}
