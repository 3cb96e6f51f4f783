//! Barriers and wait groups: who is killed is not waited for, and others are told.

use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value as Json, json};

use crate::program::{Done, SHMCOUNT, finish, shmcount};
use crate::shared_memory::Name;
use crate::watchdog::{Watchdog, wait_until};

fn start(arguments: &[&str]) -> Child {
    let mut command = Command::new(SHMCOUNT);
    command.args(arguments).stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

fn end(child: Child) -> Done {
    let watchdog = Watchdog::of(child.id());
    let output = child.wait_with_output().unwrap();
    drop(watchdog);
    Done {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn destroy(mut child: Child) {
    kill(Pid::from_raw(child.id() as i32), Signal::SIGKILL).unwrap();
    child.wait().unwrap();
}

/// Waits until so many wait at a barrier, or so many tasks are open.
fn wait_for_count(name: &str, count: u32) {
    let line = format!("{count}\n");
    wait_until("as many as expected", || {
        shmcount(&["get", name]).stdout == line
    });
}

fn shown(name: &str) -> Json {
    let shown: Json = serde_json::from_str(&shmcount(&["show", "--json", name]).stdout).unwrap();
    shown["objects"][0].clone()
}

#[test]
fn all_who_meet_go_on_and_one_of_them_leads() {
    let name = Name::new("meet");
    shmcount(&["create", &name, "barrier", "--parties", "3"]).assert(0, "", &[]);
    for generation in 0..2 {
        let parties = [(); 3].map(|()| start(&["barrier", "wait", &name, "--leader"]));
        let mut said = parties.map(|party| {
            let done = end(party);
            assert_eq!((done.code, &*done.stderr), (Some(0), ""), "{done:#?}");
            done.stdout
        });
        said.sort_unstable();
        assert_eq!(said, ["", "", "leader\n"]);
        assert_eq!(shown(&name)["generation"], generation + 1);
    }
}

#[test]
fn barrier_is_made_by_whoever_comes_first_and_has_one_number_of_parties() {
    let name = Name::new("first");
    shmcount(&["barrier", &name]).assert_refused(
        4,
        &["does not exist", &format!("barrier --parties N {}", &*name)],
    );
    let first = start(&["barrier", &name, "--parties", "2"]);
    wait_until("it is made", || shmcount(&["get", &name]).stdout == "1\n");
    shmcount(&["barrier", &name, "--parties", "3"]).assert_refused(4, &["is 2, expected 3"]);
    let done = shmcount(&["barrier", &name, "--parties", "2", "--json"]);
    let said: Json = serde_json::from_str(&done.stdout).unwrap();
    let expected = json!({"name": &*name, "generation": 0, "leader": true});
    assert_eq!(said, expected);
    end(first).assert(0, "", &[]);
}

#[test]
fn action_without_a_name_is_not_taken_for_one() {
    for arguments in [
        &["barrier", "reset"][..],
        &["barrier", "reset", "--parties", "4"],
        &["barrier", "wait", "--parties", "1"],
    ] {
        shmcount(arguments).assert_refused(2, &["needs a NAME", "shmcount barrier wait"]);
    }
    // With an action, it may be called anything.
    shmcount(&["barrier", "reset", "wait"]).assert_refused(4, &["segment 'wait' does not exist"]);
}

#[test]
fn task_whose_command_cannot_be_run_is_lost() {
    let name = Name::new("not-run");
    shmcount(&["wg", "add", &name, "2", "--create"]).assert(0, "", &[]);
    let nowhere = ["wg", "run", &name, "--", "/no/such/program"];
    shmcount(&nowhere).assert_refused(127, &["cannot run '/no/such/program'"]);
    shmcount(&["wg", "run", &name, "--", "/dev/null"]).assert_refused(126, &["cannot run"]);
    shmcount(&["wg", "wait", &name]).assert_refused(1, &["2 tasks were lost"]);
    for command in [&["true"][..], &["sleep", "5"]] {
        let forgotten = [&["wg", "run", &name], command].concat();
        shmcount(&forgotten).assert_refused(2, &["shmcount wg run", " NAME -- COMMAND"]);
    }
}

#[test]
fn killed_party_breaks_the_barrier_for_all_at_once_until_it_is_reset() {
    let name = Name::new("killed");
    shmcount(&["create", &name, "barrier", "--parties", "3"]).assert(0, "", &[]);
    let [victim, witness] = [(); 2].map(|()| start(&["barrier", &name]));
    wait_for_count(&name, 2);
    let why = format!("the barrier is broken: process {} died", victim.id());
    destroy(victim);
    end(witness).assert_refused(1, &[&why, "barrier reset"]);
    shmcount(&["barrier", &name]).assert_refused(1, &[&why]);
    let broken = shown(&name)["broken"].as_str().unwrap().to_owned();
    assert!(why.ends_with(&broken), "{broken}");
    shmcount(&["barrier", "reset", &name]).assert(0, "", &[]);
    assert_eq!(shown(&name)["broken"], Json::Null);
    let parties = [(); 3].map(|()| start(&["barrier", &name]));
    for party in parties {
        end(party).assert(0, "", &[]);
    }
}

#[test]
fn party_that_waits_no_longer_breaks_the_barrier_for_the_others() {
    let name = Name::new("late");
    shmcount(&["create", &name, "barrier", "--parties", "3"]).assert(0, "", &[]);
    let patient = start(&["barrier", &name]);
    wait_for_count(&name, 1);
    let done = shmcount(&["barrier", &name, "--timeout", "20ms"]);
    done.assert_refused(124, &["2 of 3 parties came", "broken by that"]);
    end(patient).assert_refused(1, &["waited no longer"]);
}

#[test]
fn reset_sends_those_away_who_wait() {
    let name = Name::new("reset");
    shmcount(&["create", &name, "barrier", "--parties", "2"]).assert(0, "", &[]);
    let waiting = start(&["barrier", &name]);
    wait_for_count(&name, 1);
    shmcount(&["barrier", "reset", &name]).assert(0, "", &[]);
    end(waiting).assert_refused(1, &["it was reset"]);
    assert_eq!(shown(&name)["broken"], Json::Null);
}

#[test]
fn tasks_are_added_done_and_waited_for() {
    let name = Name::new("tasks");
    shmcount(&["wg", "add", &name, "2", "--create"]).assert(0, "", &[]);
    let late = shmcount(&["wg", "wait", &name, "-w", "0"]);
    late.assert_refused(124, &["2 tasks were still open"]);
    let waiters = [
        start(&["wg", "wait", &name]),
        start(&["wait", &name]),
        start(&["wait", &name, "--until", "done"]),
    ];
    shmcount(&["wg", "done", &name]).assert(0, "", &[]);
    shmcount(&["get", &name]).assert(0, "1\n", &[]);
    shmcount(&["wg", "run", &name, "--", "sh", "-c", "exit 7"]).assert(7, "", &[]);
    for waiter in waiters {
        end(waiter).assert(0, "", &[]);
    }
    shmcount(&["wg", "done", &name]).assert_refused(1, &["no task is open"]);
}

#[test]
fn task_of_a_killed_command_is_lost_and_told_to_who_waits() {
    let name = Name::new("lost");
    shmcount(&["create", &name, "wait-group"]).assert(0, "", &[]);
    let running = start(&["wg", "run", &name, "--", "sleep", "1000"]);
    wait_for_count(&name, 1);
    shmcount(&["wg", "done", &name])
        .assert_refused(1, &["no task is open that nobody has taken on"]);
    let waiter = start(&["wg", "wait", &name]);
    destroy(running);
    end(waiter).assert_refused(1, &["1 task was lost"]);
    assert_eq!(
        (&shown(&name)["value"], &shown(&name)["lost"]),
        (&json!(0), &json!(1))
    );
    // Killed is the command alone.
    shmcount(&["wg", "run", &name, "--", "sh", "-c", "kill -9 $$"]).assert(137, "", &[]);
    shmcount(&["wait", &name]).assert_refused(1, &["1 task was lost"]);
    assert_eq!(shown(&name)["lost"], 2);
}

#[test]
fn queue_is_waited_for_to_be_empty() {
    let name = Name::new("empty");
    shmcount(&["push", &name, "--create", "a", "b"]).assert(0, "", &[]);
    let until_empty = ["wait", &name, "--until", "empty"];
    let waiter = start(&until_empty);
    shmcount(&["pop", &name]).assert(0, "a\n", &[]);
    let late = shmcount(&[&until_empty[..], &["-w", "20ms"]].concat());
    late.assert_refused(124, &["has 1 item after 20ms, expected none"]);
    let mut pop = Command::new(SHMCOUNT);
    finish(pop.args(["pop", &name])).assert(0, "b\n", &[]);
    end(waiter).assert(0, "", &[]);
    let said: Json =
        serde_json::from_str(&shmcount(&[&until_empty[..], &["--json"]].concat()).stdout).unwrap();
    assert_eq!(said, json!({"name": &*name, "value": 0}));
}
