//! How workers start: at one moment, and never a hang.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use shmcount::run::{Outcome, Plan};

use crate::program::{SHMCOUNT, finish, shmcount, verified};
use crate::shared_memory::Name;

/// A program that does what a shell script does before it becomes a worker.
fn worker_after(script: &str) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("worker");
    fs::write(
        &program,
        format!("#!/bin/sh\n{script}\nexec {SHMCOUNT} \"$@\"\n"),
    )
    .unwrap();
    fs::set_permissions(&program, Permissions::from_mode(0o700)).unwrap();
    (directory, program)
}

#[test]
fn nobody_adds_before_all_are_there() {
    let name = Name::new("one-moment");
    // The last to come takes its time, and looks what the others have done meanwhile.
    let name_of_run = &*name;
    let (_directory, program) = worker_after(&format!(
        "if test \"$3\" = 3; then sleep 0.3; test \"$({SHMCOUNT} get {name_of_run})\" = 0 || exit 9; fi"
    ));
    let plan = Plan::new()
        .procs(4)
        .name(name_of_run)
        .worker_program(program);
    let report = plan.run().unwrap();
    assert!(report.verified, "{report:?}");
}

#[test]
fn worker_that_dies_before_it_connects_is_an_error_within_a_second() {
    for (program, says) in [
        ("/bin/false", "exited with status 1 before it connected"),
        ("/bin/true", "exited with status 0 before it connected"),
    ] {
        let began = Instant::now();
        let report = Plan::new().worker_program(program).run().unwrap();
        // What is promised is a second; the rest is for a machine that is busy with others.
        assert!(began.elapsed() < Duration::from_secs(30));
        assert_eq!(report.outcome, Outcome::WorkerFailed);
        assert!(
            report.workers.iter().any(|worker| worker.status == says),
            "{report:?}"
        );
        assert!(!report.verified);
    }
}

#[test]
fn worker_that_never_connects_is_ended_at_the_timeout() {
    let timeout = Duration::from_millis(200);
    let (_directory, sleeper) = worker_after("exec sleep 1000");
    let report = Plan::new()
        .worker_program(&sleeper)
        .timeout(Some(timeout))
        .run()
        .unwrap();
    assert!(
        matches!(report.outcome, Outcome::TimedOut { .. }),
        "{report:?}"
    );
}

#[test]
fn many_workers_start() {
    verified(&["--procs", "60", "--adds", "10"], 600);
    verified(&["--procs", "60", "--adds", "10", "--start", "fork"], 600);
    verified(&["--procs", "2", "--threads", "60", "--adds", "10"], 1200);
}

#[test]
fn eight_coordinators_at_once_do_not_disturb_each_other() {
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..4 {
                    verified(&["--procs", "5", "--adds", "100"], 500);
                }
            });
        }
    });
}

#[test]
fn twenty_runs_in_a_row_are_all_exact() {
    for _ in 0..20 {
        verified(&["--procs", "5", "--adds", "100"], 500);
    }
}

#[test]
fn every_lock_is_exact_however_its_workers_start() {
    for lock in [
        "robust",
        "fifo",
        "sharded",
        "raw-sync",
        "pthread",
        "pthread-robust",
        "posix-sem",
        "futex",
        "flock",
        "ofd",
        "atomic",
    ] {
        for start in ["spawn", "fork"] {
            let run = [
                "--lock",
                lock,
                "--start",
                start,
                "--threads",
                "2",
                "--procs",
                "2",
            ];
            verified(&run, 400);
        }
    }
}

#[test]
fn both_releases_are_exact() {
    for release in ["exchange", "plain"] {
        let done = shmcount(&["run", "--release", release, "--adds", "2000"]);
        let is_refused = done.stderr.contains("which are refused here");
        assert!(done.code == Some(0) || is_refused, "{done:#?}");
    }
}

#[test]
fn kept_segment_is_there_afterwards_with_its_total() {
    let name = Name::new("kept");
    verified(&["--keep", "--name", &name], 500);
    shmcount(&["get", &name]).assert(0, "500\n", &[]);
    shmcount(&["rm", &name]).assert(0, "", &[]);
}

#[test]
fn progress_is_shown_only_when_asked_for_without_a_terminal() {
    let run = ["run", "--adds", "30", "--hold", "1ms"];
    shmcount(&run)
        .stderr
        .is_empty()
        .then_some(())
        .expect("no terminal, no bar");
    let done = finish(
        Command::new(SHMCOUNT)
            .args(run)
            .args(["--progress", "never"]),
    );
    assert_eq!(done.stderr, "");
}
