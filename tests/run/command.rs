//! `-- COMMAND`: any program as the worker.

use std::fs;

use crate::program::{SHMCOUNT, shmcount};
use crate::shared_memory::{Name, workers_of};

/// Runs a shell script as each of the workers; `$0` is the program under test.
fn script(options: &[&str], text: &str) -> crate::program::Done {
    let command = ["--", "sh", "-c", text, SHMCOUNT];
    shmcount(&[&["run"], options, &command].concat())
}

#[test]
fn commands_count_with_the_program_itself() {
    let done = script(
        &["--procs", "3", "--adds", "4"],
        "for i in 1 2 3 4; do \"$0\" add \"$SHMCOUNT_NAME\" >/dev/null || exit 9; done",
    );
    assert_eq!((done.code, &*done.stderr), (Some(0), ""), "{done:#?}");
    let says = "workers   3 processes, 4 adds each, lock robust\ncounted   12\nexpected  12\n";
    assert!(done.stdout.starts_with(says), "{done:#?}");
}

#[test]
fn commands_find_name_worker_procs_and_adds_in_their_environment() {
    let name = Name::new("environment");
    let done = script(
        &[
            "--procs", "3", "--adds", "7", "--expect", "3", "--name", &name,
        ],
        "echo \"$SHMCOUNT_NAME $SHMCOUNT_WORKER $SHMCOUNT_PROCS $SHMCOUNT_ADDS\" >&2
         \"$0\" add \"$SHMCOUNT_NAME\" \"$SHMCOUNT_WORKER\" >/dev/null",
    );
    assert_eq!(done.code, Some(0), "{done:#?}");
    let mut lines: Vec<&str> = done.stderr.lines().collect();
    lines.sort_unstable();
    let expected = [0, 1, 2].map(|worker| format!("{} {worker} 3 7", &*name));
    assert_eq!(lines, expected);
}

#[test]
fn command_that_counts_too_little_is_a_wrong_total() {
    let done = shmcount(&["run", "--procs", "2", "--adds", "1", "--", "true"]);
    assert_eq!(done.code, Some(1), "{done:#?}");
    assert_eq!(
        done.stderr,
        "error: counted 0, expected 2: 2 adds were lost\n"
    );
}

#[test]
fn command_that_is_killed_by_a_real_time_signal_is_named_with_its_number() {
    let signal = nix::libc::SIGRTMIN();
    let kill = format!("kill -{signal} $$");
    let done = script(&["--procs", "1", "--adds", "1"], &kill);
    let says = format!("failed: killed by signal {signal}\n");
    assert_eq!(done.code, Some(3), "{done:#?}");
    assert!(done.stderr.contains(&says), "{done:#?}");
}

#[test]
fn command_that_fails_is_named_with_its_status() {
    let done = script(&["--procs", "3", "--adds", "1"], "exit $SHMCOUNT_WORKER");
    assert_eq!(done.code, Some(3), "{done:#?}");
    let lines: Vec<&str> = done.stderr.lines().collect();
    let says = |line: &str, worker| {
        line.starts_with(&format!("error: worker {worker} (pid "))
            && line.ends_with(&format!(") failed: exited with status {worker}"))
    };
    assert!(
        matches!(lines[..], [one, two] if says(one, 1) && says(two, 2)),
        "{done:#?}"
    );
}

#[test]
fn command_that_was_killed_is_named_with_the_signal() {
    let done = script(&["--procs", "1", "--adds", "1"], "kill -9 $$");
    assert_eq!(done.code, Some(3), "{done:#?}");
    assert!(
        done.stderr.ends_with(") failed: killed by SIGKILL\n"),
        "{done:#?}"
    );
}

#[test]
fn failures_of_many_are_counted_and_not_listed() {
    let done = shmcount(&["run", "--procs", "9", "--adds", "1", "--", "false"]);
    assert_eq!(done.code, Some(3), "{done:#?}");
    assert_eq!(done.stderr.lines().count(), 4, "{done:#?}");
    assert!(done.stderr.ends_with("error: 6 more failed\n"), "{done:#?}");
}

#[test]
fn command_that_does_not_exist_is_127() {
    let says = ["cannot run '/nonexistent/worker': No such file or directory"];
    shmcount(&["run", "--", "/nonexistent/worker"]).assert_refused(127, &says);
    let says = ["cannot run 'shmcount-no-such-command'"];
    shmcount(&["run", "--", "shmcount-no-such-command"]).assert_refused(127, &says);
}

#[test]
fn command_that_cannot_run_is_126() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("worker");
    fs::write(&file, "#!/bin/sh\n").unwrap();
    for path in [&file, directory.path()] {
        let path = path.to_str().unwrap();
        let says = format!("cannot run '{path}': Permission denied");
        shmcount(&["run", "--", path]).assert_refused(126, &[&says]);
    }
}

#[test]
fn what_a_command_leaves_running_ends_with_it() {
    let name = Name::new("grandchildren");
    let done = script(
        &["--procs", "2", "--adds", "1", "--name", &name],
        "sleep 1000 >/dev/null 2>&1 &
         \"$0\" add \"$SHMCOUNT_NAME\" >/dev/null",
    );
    assert_eq!(done.code, Some(0), "{done:#?}");
    crate::watchdog::wait_until("the sleepers are gone", || workers_of(0, &name).is_empty());
}

#[test]
fn options_of_the_built_in_loop_do_not_go_with_a_command() {
    for (option, value) in [
        ("--threads", "2"),
        ("--kill", "1"),
        ("--delay", "1ms"),
        ("--hold", "1ms"),
        ("--lock", "none"),
        ("--start", "fork"),
    ] {
        let says = [option, "does not go with a command as the worker"];
        shmcount(&["run", option, value, "--", "true"]).assert_refused(2, &says);
    }
}

#[test]
fn command_that_runs_too_long_is_ended() {
    let name = Name::new("too-long");
    let done = shmcount(&[
        "run",
        "--procs",
        "1",
        "--timeout",
        "300ms",
        "--name",
        &name,
        "--",
        "sleep",
        "1000",
    ]);
    assert_eq!(done.code, Some(3), "{done:#?}");
    let says =
        "error: not done after 300ms: counted 0 of 100\n  help: allow more time with `--timeout`\n";
    assert_eq!(done.stderr, says);
    assert!(!name.exists());
}
