//! Workers that are killed by SIGKILL: ours stays exact, and what others get wrong is told.

use serde_json::Value;

use crate::program::{shmcount, verified};

/// Runs with kills and returns the report, which must be exact.
#[track_caller]
fn exact(arguments: &[&str], total: i64, kills: u64) -> Value {
    let done = shmcount(&[&["run", "--json"], arguments].concat());
    assert_eq!((done.code, &*done.stderr), (Some(0), ""), "{done:#?}");
    let report: Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!(report["final"], total);
    assert_eq!(report["verified"], true);
    assert_eq!(report["kills"], kills);
    report
}

#[test]
fn spawned_workers_are_replaced_and_the_total_is_exact() {
    for seed in ["1", "2", "3"] {
        let run = [
            "--procs", "4", "--adds", "20000", "--kill", "12", "--seed", seed,
        ];
        exact(&run, 80_000, 12);
    }
}

#[test]
fn forked_workers_are_replaced_and_the_total_is_exact() {
    for seed in ["4", "5", "6"] {
        let run = [
            "--procs", "4", "--adds", "20000", "--kill", "20", "--seed", seed,
        ];
        exact(&[&run, &["--start", "fork"][..]].concat(), 80_000, 20);
    }
}

#[test]
fn workers_with_threads_are_replaced_and_the_total_is_exact() {
    for start in ["spawn", "fork"] {
        let run = [
            "--procs",
            "2",
            "--threads",
            "3",
            "--adds",
            "5000",
            "--kill",
            "8",
        ];
        exact(&[&run, &["--start", start][..]].concat(), 30_000, 8);
    }
}

/// One of three threads holds the lock nearly all the time, so their process is killed inside it.
const ALWAYS_INSIDE: [&str; 8] = [
    "--procs",
    "1",
    "--threads",
    "3",
    "--adds",
    "40",
    "--start",
    "fork",
];

#[test]
fn workers_killed_inside_the_lock_leave_it_free() {
    let kills = ["--hold", "1ms", "--kill", "10"];
    let report = exact(&[&ALWAYS_INSIDE[..], &kills].concat(), 120, 10);
    assert!(report["recoveries"].as_u64().unwrap() > 0, "{report}");
}

#[test]
fn different_amounts_stay_exact_under_kills() {
    let run = [
        "--procs",
        "4",
        "--adds",
        "5200",
        "--by",
        "500,10,50,-100",
        "--kill",
        "10",
    ];
    exact(&run, 2_392_000, 10);
}

#[test]
fn every_add_can_be_killed() {
    exact(&["--procs", "2", "--adds", "1", "--kill", "6"], 2, 6);
}

#[test]
fn one_seed_kills_the_same_workers() {
    let kills = |seed| {
        let run = [
            "--procs", "3", "--adds", "100", "--kill", "1", "--seed", seed,
        ];
        exact(&run, 300, 1)
    };
    // Only that both run: which worker it was is not told; `run::kills` has the test of the plan.
    kills("9");
    kills("9");
}

#[test]
fn summary_tells_of_kills_in_words() {
    let summary = verified(&["--kill", "1", "--adds", "1000"], 5000);
    assert!(
        summary.contains("killed    1 worker; the lock was "),
        "{summary}"
    );
}

#[test]
fn killed_holder_of_another_lock_is_named_with_those_who_wait() {
    for lock in ["raw-sync", "pthread", "posix-sem", "futex"] {
        let blocked = [
            "--lock",
            lock,
            "--hold",
            "20ms",
            "--kill",
            "10",
            "--timeout",
            "5s",
        ];
        let done = shmcount(&[&["run"], &ALWAYS_INSIDE[..], &blocked].concat());
        assert_eq!(done.code, Some(3), "{done:#?}");
        let mut lines = done.stderr.lines();
        let first = lines.next().unwrap();
        assert!(
            first.starts_with("error: not done after 5s: counted "),
            "{first}"
        );
        let second = lines.next().unwrap();
        let says = format!(
            " was killed by SIGKILL while holding the {lock} lock, and 3 threads wait for it"
        );
        assert!(
            second.starts_with("error: worker ") && second.ends_with(&says),
            "{second}"
        );
        let help =
            "  help: this lock stays taken when its holder is killed; `--lock robust` does not";
        assert_eq!(lines.collect::<Vec<_>>(), [help]);
    }
}
