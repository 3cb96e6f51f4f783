//! Kills: who recovers, and who hangs.

use serde_json::Value;

use crate::program::Bench;

#[test]
fn a_killed_holder_frees_some_locks_and_not_others() {
    let ended = Bench::run(&["--kill", "--rounds", "2", "--json"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    let report: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    assert_eq!(report["results"], Value::Array(Vec::new()));
    let outcome = |name: &str| {
        let all = report["recoveries"].as_array().expect("a list");
        let one = all.iter().find(|one| one["contender"] == name);
        let one = one.unwrap_or_else(|| panic!("{name} is missing"));
        let ns = one["ns"]["median"].as_f64();
        (
            one["outcome"].as_str().expect("a word").to_owned(),
            ns.is_some(),
        )
    };
    for name in [
        "robust",
        "robust-guard",
        "fifo",
        "pthread-robust",
        "flock",
        "ofd",
    ] {
        assert_eq!(outcome(name), ("recovers".to_owned(), true), "{name}");
    }
    for name in ["futex", "pthread", "posix-sem", "raw-sync"] {
        assert_eq!(outcome(name), ("hangs".to_owned(), false), "{name}");
    }
    for name in ["sharded", "atomic", "none"] {
        assert_eq!(outcome(name), ("no-lock".to_owned(), false), "{name}");
    }
}

#[test]
fn the_table_says_who_hangs() {
    let ended = Bench::run(&[
        "--kill",
        "--rounds",
        "1",
        "--contenders",
        "robust,pthread,atomic",
        "--release",
        "exchange",
    ]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    let row = |name: &str| {
        let line = ended.stdout.lines().find(|line| line.starts_with(name));
        line.unwrap_or_else(|| panic!("{name} is missing"))
            .to_owned()
    };
    assert!(row("robust ").ends_with(" µs"));
    assert!(row("pthread ").contains(" hangs "));
    assert!(row("atomic ").contains(" no lock "));
}
