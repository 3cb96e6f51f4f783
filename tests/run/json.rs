//! The JSON of `run`: what another program reads.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::program::{Done, shmcount};

const KEYS: [&str; 15] = [
    "adds",
    "by",
    "elapsed_ns",
    "expected",
    "final",
    "kills",
    "lock",
    "lost",
    "ns_per_add",
    "procs",
    "recoveries",
    "start",
    "threads",
    "verified",
    "workers",
];
const WORKER_KEYS: [&str; 4] = ["adds", "index", "pid", "status"];

fn parsed(done: &Done) -> Value {
    assert_eq!(done.stdout.lines().count(), 1, "{done:#?}");
    serde_json::from_str(&done.stdout).unwrap()
}

fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = value
        .as_object()
        .unwrap()
        .keys()
        .map(|key| &**key)
        .collect();
    keys.sort_unstable();
    keys
}

#[test]
fn main_job_is_verified_by_five_workers_of_different_pids() {
    for start in ["spawn", "fork"] {
        let done = shmcount(&[
            "run", "--procs", "5", "--adds", "100", "--start", start, "--json",
        ]);
        assert_eq!((done.code, &*done.stderr), (Some(0), ""));
        let report = parsed(&done);
        assert_eq!(keys(&report), KEYS);
        assert_eq!(report["verified"], true);
        assert_eq!(report["final"], 500);
        assert_eq!(report["expected"], 500);
        assert_eq!(report["lost"], 0);
        assert_eq!(report["by"], serde_json::json!([1, 1, 1, 1, 1]));
        assert_eq!(report["lock"], "robust");
        assert_eq!(report["start"], start);
        assert!(report["elapsed_ns"].as_u64().unwrap() > 0);
        let each = report["elapsed_ns"].as_f64().unwrap() / 500.0;
        assert!((report["ns_per_add"].as_f64().unwrap() - each).abs() < 1.0);
        let workers = report["workers"].as_array().unwrap();
        let mut pids = BTreeSet::new();
        for (index, worker) in workers.iter().enumerate() {
            assert_eq!(keys(worker), WORKER_KEYS);
            assert_eq!(worker["index"], index);
            assert_eq!(worker["adds"], 100);
            assert_eq!(worker["status"], "finished");
            pids.insert(worker["pid"].as_u64().unwrap());
        }
        assert_eq!(pids.len(), 5);
    }
}

#[test]
fn trace_goes_to_standard_error_beside_json() {
    let done = shmcount(&["run", "--procs", "2", "--adds", "3", "--trace", "--json"]);
    assert_eq!(done.code, Some(0));
    assert_eq!(parsed(&done)["final"], 6);
    assert_eq!(done.stderr.lines().count(), 12, "{}", done.stderr);
}

#[test]
fn wrong_total_is_in_json_and_in_the_exit_code() {
    let done = shmcount(&["run", "--expect", "501", "--json"]);
    let report = parsed(&done);
    assert_eq!(report["verified"], false);
    assert_eq!(report["lost"], 1);
    let says = "error: counted 500, expected 501: 1 add was lost\n";
    assert_eq!((done.code, &*done.stderr), (Some(1), says));
}

#[test]
fn too_much_is_no_loss() {
    let done = shmcount(&["run", "--expect", "498", "--json"]);
    assert_eq!(parsed(&done)["lost"], -2);
    let says = "error: counted 500, expected 498: 2 too many\n";
    assert_eq!((done.code, &*done.stderr), (Some(1), says));
}
