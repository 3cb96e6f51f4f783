//! `create`, `get`, `add`, `set`, `rm` and `shmcount-worker`.

use std::process::Command;

use crate::program::{SHMCOUNT, WORKER, finish, shmcount};
use crate::shared_memory::Name;

#[test]
fn number_is_made_read_changed_and_removed() {
    let name = Name::new("verbs");
    shmcount(&["create", &name]).assert(0, "", &[]);
    shmcount(&["get", &name]).assert(0, "0\n", &[]);
    shmcount(&["add", &name]).assert(0, "1\n", &[]);
    shmcount(&["add", &name, "41"]).assert(0, "42\n", &[]);
    shmcount(&["add", &name, "-50"]).assert(0, "-8\n", &[]);
    shmcount(&["set", &name, "-3"]).assert(0, "", &[]);
    shmcount(&["get", &name]).assert(0, "-3\n", &[]);
    shmcount(&["rm", &name]).assert(0, "", &[]);
    shmcount(&["get", &name]).assert_refused(4, &["does not exist"]);
    assert!(!name.exists());
}

#[test]
fn object_beside_main_has_a_number_of_its_own() {
    let name = Name::new("object");
    let other = format!("{}/other", &*name);
    shmcount(&["create", &other, "--value", "5"]).assert(0, "", &[]);
    shmcount(&["add", &other]).assert(0, "6\n", &[]);
    let says = ["has no object 'main'"];
    shmcount(&["get", &name]).assert_refused(4, &says);
}

#[test]
fn overflow_by_add_is_an_error_and_leaves_the_number() {
    let name = Name::new("overflow");
    let (most, least) = (i64::MAX.to_string(), i64::MIN.to_string());
    shmcount(&["create", &name, "--value", &most]).assert(0, "", &[]);
    let says = [
        "adding 1 to 9223372036854775807 overflows",
        "help: the value is unchanged",
    ];
    shmcount(&["add", &name]).assert_refused(4, &says);
    shmcount(&["get", &name]).assert(0, &format!("{most}\n"), &[]);
    shmcount(&["set", &name, &least]).assert(0, "", &[]);
    shmcount(&["add", &name, "-1"]).assert_refused(4, &["overflows"]);
    shmcount(&["get", &name]).assert(0, &format!("{least}\n"), &[]);
}

#[test]
fn number_beyond_64_bits_is_wrong_usage() {
    let name = Name::new("beyond");
    shmcount(&["create", &name]).assert(0, "", &[]);
    for verb in ["add", "set"] {
        shmcount(&[verb, &name, "9223372036854775808"]).assert_refused(2, &["invalid value"]);
    }
}

#[test]
fn rm_removes_what_it_can_and_names_what_it_cannot() {
    let (one, missing, two) = (Name::new("one"), Name::new("none"), Name::new("two"));
    shmcount(&["create", &one]).assert(0, "", &[]);
    shmcount(&["create", &two]).assert(0, "", &[]);
    let says = [&*format!("segment '{}' does not exist", &*missing)];
    shmcount(&["rm", &one, &missing, &two]).assert_refused(4, &says);
    assert!(!one.exists() && !two.exists());
}

#[test]
fn workers_and_adds_of_a_script_are_counted_together() {
    let name = Name::new("script");
    shmcount(&["create", &name]).assert(0, "", &[]);
    let worker = |by: &str| {
        let mut command = Command::new(WORKER);
        command.args(["--name", &name, "--adds", "500", "--by", by]);
        std::thread::spawn(move || finish(&mut command).assert(0, "500\n", &[]))
    };
    let workers = [worker("1"), worker("2"), worker("-1")];
    for _ in 0..20 {
        assert_eq!(shmcount(&["add", &name]).code, Some(0));
    }
    for worker in workers {
        worker.join().unwrap();
    }
    shmcount(&["get", &name]).assert(0, "1020\n", &[]);
}

#[test]
fn every_lock_of_the_worker_program_counts_exactly() {
    for lock in [
        "robust",
        "fifo",
        "raw-sync",
        "pthread",
        "pthread-robust",
        "posix-sem",
        "futex",
        "flock",
        "ofd",
        "atomic",
    ] {
        let name = Name::new(lock);
        shmcount(&["create", &name]).assert(0, "", &[]);
        let worker = || {
            let mut command = Command::new(WORKER);
            command.args(["--name", &name, "--adds", "300", "--lock", lock]);
            std::thread::spawn(move || finish(&mut command).assert(0, "300\n", &[]))
        };
        let workers = [worker(), worker()];
        for worker in workers {
            worker.join().unwrap();
        }
        shmcount(&["get", &name]).assert(0, "600\n", &[]);
    }
}

#[test]
fn worker_program_refuses_what_is_not_there_and_a_lock_that_is_none() {
    let name = Name::new("nothing");
    let worker = |arguments: &[&str]| finish(Command::new(WORKER).args(arguments));
    worker(&["--name", &name]).assert_refused(4, &["does not exist"]);
    worker(&["--name", &name, "--lock", "latch"]).assert_refused(
        2,
        &["unknown lock 'latch'", "robust, fifo, sharded, raw-sync"],
    );
}

#[test]
fn help_is_a_result_and_every_verb_has_an_example() {
    for verb in ["run", "create", "get", "add", "set", "rm"] {
        let help = shmcount(&[verb, "--help"]);
        assert_eq!((help.code, &*help.stderr), (Some(0), ""));
        let example = format!("  shmcount {verb} ");
        let one_line = format!("Example: shmcount {verb} ");
        assert!(
            help.stdout.contains(&example) || help.stdout.contains(&one_line),
            "{}",
            help.stdout
        );
    }
    let help = finish(Command::new(SHMCOUNT).arg("--help"));
    assert!(!help.stdout.contains("worker-of"), "{}", help.stdout);
}

#[test]
fn help_of_run_tells_the_exit_codes() {
    let help = shmcount(&["run", "--help"]).stdout.replace('\n', " ");
    for says in [
        "0 verified",
        "1 counted, but the total is wrong",
        "2 wrong usage",
        "3 a worker failed or the time was over",
        "4 the system or the segment refused",
        "126 COMMAND cannot be run",
        "127 it was not found",
        "130 or 143 interrupted",
    ] {
        assert!(help.contains(says), "{says} in {help}");
    }
}
