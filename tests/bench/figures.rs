//! Rounds: totals, tables, JSON, plots.

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::program::Bench;

const ALL: [&str; 13] = [
    "robust",
    "robust-guard",
    "fifo",
    "sharded",
    "futex",
    "pthread",
    "pthread-robust",
    "posix-sem",
    "raw-sync",
    "atomic",
    "flock",
    "ofd",
    "none",
];

fn json(arguments: &[&str]) -> Value {
    let ended = Bench::run(&[&["--json"], arguments].concat());
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    serde_json::from_str(&ended.stdout).expect("JSON")
}

#[test]
fn every_contender_counts_every_add_but_none() {
    let report = json(&["--procs", "1,3", "--time", "10ms", "--rounds", "2"]);
    let results = report["results"].as_array().expect("a list");
    assert_eq!(results.len(), 2 * ALL.len());
    for name in ALL {
        let mine: Vec<&Value> = results
            .iter()
            .filter(|result| result["contender"] == name)
            .collect();
        assert_eq!(mine.len(), 2, "{name}");
        for result in mine {
            let is_right = result["correct"].as_bool().expect("a truth value");
            // Alone, even without a lock nothing is lost; together, something may be.
            assert!(
                is_right || (name == "none" && result["procs"] == 3),
                "{result}"
            );
            assert_eq!(is_right, result["lost"] == 0.0);
        }
    }
}

#[test]
fn the_keys_of_the_json_form_are_stable() {
    let report = json(&[
        "--contenders",
        "robust",
        "--procs",
        "2",
        "--time",
        "5ms",
        "--rounds",
        "3",
    ]);
    let keys = |value: &Value| -> Vec<String> {
        value
            .as_object()
            .expect("an object")
            .keys()
            .cloned()
            .collect()
    };
    let mut found = keys(&report);
    found.sort();
    let expected = [
        "cores",
        "kernel",
        "machine",
        "pinned",
        "recoveries",
        "release",
        "results",
        "rounds",
        "time_ns",
        "work_ns",
    ];
    assert_eq!(found, expected);
    assert_eq!(
        (&report["rounds"], &report["time_ns"]),
        (&3.into(), &5_000_000.into())
    );
    assert!(report["machine"].is_string() && report["kernel"].is_string());
    let result = &report["results"][0];
    let mut found = keys(result);
    found.sort();
    let expected = [
        "contender",
        "correct",
        "cpu_ns_per_add",
        "lost",
        "ns_per_add",
        "procs",
        "share_max",
        "share_min",
    ];
    assert_eq!(found, expected);
    let ns = |key: &str| result["ns_per_add"][key].as_f64().expect("a number");
    assert!(0.0 < ns("min") && ns("min") <= ns("median") && ns("median") <= ns("max"));
    let share = |key: &str| result[key].as_f64().expect("a number");
    assert!(share("share_min") <= 0.5 && 0.5 <= share("share_max") && share("share_max") <= 1.0);
}

#[test]
fn adds_without_a_lock_are_shown_to_be_wrong() {
    // Two processes must only run at once for a moment; on a busy machine that takes a few tries.
    for _ in 0..20 {
        let ended = Bench::run(&[
            "--contenders",
            "none",
            "--procs",
            "4",
            "--time",
            "50ms",
            "--rounds",
            "3",
        ]);
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
        let row = ended.stdout.lines().find(|line| line.starts_with("none"));
        if row.expect("a row").contains("wrong: lost ") {
            return;
        }
    }
    panic!("none never lost an add");
}

#[test]
fn the_table_names_the_machine_and_compares_with_our_lock() {
    let ended = Bench::run(&[
        "--contenders",
        "robust,atomic",
        "--procs",
        "1,2",
        "--time",
        "5ms",
        "--rounds",
        "2",
    ]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    let lines: Vec<&str> = ended.stdout.lines().collect();
    for (line, begin) in lines.iter().zip([
        "machine ",
        "kernel    Linux ",
        "rounds    2 rounds",
        "locks     ",
    ]) {
        assert!(line.starts_with(begin), "{line}");
    }
    for group in ["1 process ", "2 processes "] {
        let place = lines
            .iter()
            .position(|line| line.starts_with(group))
            .expect("a group");
        assert!(lines[place].ends_with("× robust"));
        let ours = lines[place + 1..]
            .iter()
            .find(|line| line.starts_with("robust "))
            .expect("a row");
        assert!(ours.ends_with(" 1.00"), "{ours}");
    }
}

#[test]
fn both_ways_to_release_count_right() {
    for release in ["exchange", "plain"] {
        let report = json(&[
            "--contenders",
            "robust,robust-guard",
            "--procs",
            "4",
            "--time",
            "20ms",
            "--rounds",
            "2",
            "--release",
            release,
            "--no-pin",
        ]);
        assert_eq!(
            (&report["release"], &report["pinned"]),
            (&release.into(), &false.into())
        );
        let results = report["results"].as_array().expect("a list");
        assert!(results.iter().all(|result| result["correct"] == true));
    }
}

#[test]
fn work_between_adds_is_done() {
    let report = json(&[
        "--contenders",
        "robust",
        "--procs",
        "1",
        "--time",
        "5ms",
        "--rounds",
        "1",
        "--work",
        "2000000",
    ]);
    assert_eq!(report["work_ns"], 2_000_000);
    // Far more than an add without work; how exact the calibration is, is not the question.
    assert!(report["results"][0]["cpu_ns_per_add"].as_f64() > Some(200_000.0));
}

#[test]
fn a_plot_is_drawn_of_those_that_are_right() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("plot.svg");
    let text = path.to_str().expect("text");
    let ended = Bench::run(&[
        "--procs", "1,2", "--time", "5ms", "--rounds", "1", "--plot", text,
    ]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    let plot = std::fs::read_to_string(&path).expect("a file");
    assert!(plot.starts_with("<svg") && plot.trim_end().ends_with("</svg>"));
    for name in &ALL[..12] {
        assert!(plot.contains(name), "{name}");
    }
}

#[test]
fn an_interrupted_benchmark_leaves_nothing() {
    for (signal, code) in [(Signal::SIGINT, 130), (Signal::SIGTERM, 143)] {
        let bench = Bench::start(&["--contenders", "pthread", "--procs", "4", "--time", "60s"]);
        bench.wait_for_segment();
        bench.signal(signal);
        let ended = bench.end();
        let message = format!("error: interrupted by {signal}\n");
        assert_eq!(
            (ended.code, ended.stdout.as_str(), ended.stderr.as_str()),
            (Some(code), "", message.as_str())
        );
    }
}
