//! The examples that everybody learns this with, in other languages, each with its result.

use std::time::{Duration, Instant};

use crate::program::{shmcount, verified};

/// Splits a line of the trace into worker, verb and value.
fn step(line: &str) -> (&str, &str, i64) {
    let words: Vec<&str> = line.split(' ').collect();
    match words[..] {
        ["worker", worker, verb, value] => (worker, verb, value.parse().unwrap()),
        _ => panic!("no step: {line}"),
    }
}

#[test]
fn python_multiprocessing_value_and_lock_counts_500() {
    let began = Instant::now();
    verified(&["--procs", "5", "--adds", "100", "--delay", "10ms"], 500);
    assert!(
        began.elapsed() >= Duration::from_secs(1),
        "100 delays of 10 ms"
    );
}

#[test]
fn python_five_threads_count_500000() {
    let run = ["--procs", "1", "--threads", "5", "--adds", "100000"];
    let summary = verified(&run, 500_000);
    assert!(
        summary.starts_with("workers   1 process × 5 threads, 100000 adds each, lock robust\n")
    );
}

#[test]
fn python_ten_times_100000_counts_1000000() {
    verified(&["--procs", "10", "--adds", "100000"], 1_000_000);
}

#[test]
fn python_two_times_1000000_counts_2000000() {
    verified(&["--procs", "2", "--adds", "1000000"], 2_000_000);
}

#[test]
fn typescript_async_mutex_never_interleaves_and_takes_500_ms() {
    let began = Instant::now();
    let run = ["--procs", "5", "--adds", "1", "--hold", "100ms", "--trace"];
    let output = verified(&run, 5);
    assert!(began.elapsed() >= Duration::from_millis(500));
    let trace: Vec<_> = output.lines().take(10).map(step).collect();
    let mut workers = Vec::new();
    for (number, steps) in (0i64..).zip(trace.chunks(2)) {
        let [(reader, "read", read), (writer, "wrote", wrote)] = *steps else {
            panic!("read and write are not in turn: {output}");
        };
        assert_eq!(
            (reader, read, wrote),
            (writer, number, number + 1),
            "{output}"
        );
        workers.push(reader);
    }
    workers.sort_unstable();
    assert_eq!(workers, ["0", "1", "2", "3", "4"]);
}

#[test]
fn go_mutex_bank_balance_is_34320() {
    let run = ["--procs", "4", "--adds", "52", "--by", "500,10,50,100"];
    verified(&run, 34_320);
}

// Two writers of one message: `library::two_writers_leave_one_message_whole`, and
// `examples/message.rs`.

#[test]
fn without_the_lock_adds_are_lost_and_the_exit_code_says_so() {
    let done = shmcount(&[
        "run", "--procs", "5", "--adds", "1000", "--hold", "10us", "--lock", "none",
    ]);
    let number = |name: &str| -> i64 {
        let line = done.stdout.lines().find(|line| line.starts_with(name));
        let value = line.and_then(|line| line.split_whitespace().last());
        value.unwrap().parse().unwrap()
    };
    let (counted, lost) = (number("counted"), number("lost"));
    assert!(counted < 5000 && lost > 0, "{done:#?}");
    assert_eq!(counted + lost, 5000, "{done:#?}");
    let says = match lost {
        1 => "1 add was lost".to_owned(),
        _ => format!("{lost} adds were lost"),
    };
    let says = format!("error: counted {counted}, expected 5000: {says}\n");
    assert_eq!((done.code, done.stderr), (Some(1), says));
    assert!(!done.stdout.contains("verified"));
}

#[test]
fn beyond_all_of_them_fifty_kills_leave_1000000_exactly() {
    let run = ["--procs", "5", "--adds", "200000", "--kill", "50"];
    let summary = verified(&run, 1_000_000);
    assert!(
        summary.contains("killed    50 workers; the lock was "),
        "{summary}"
    );
}
