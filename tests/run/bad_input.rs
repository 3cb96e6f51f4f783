//! Arguments that make no sense are refused before anything starts.

use crate::program::shmcount;

#[track_caller]
fn refused(arguments: &[&str], says: &[&str]) {
    shmcount(&[&["run"], arguments].concat()).assert_refused(2, says);
}

#[test]
fn counts_of_zero_or_beyond_the_limit_tell_the_limit_and_why() {
    for (option, most, why) in [
        (
            "--procs",
            1_000u64,
            "each worker needs a process and descriptors",
        ),
        (
            "--threads",
            1_000,
            "the threads of a worker share its limits",
        ),
        ("--adds", 1_000_000_000_000, "so many adds take hours"),
    ] {
        for found in [0, most + 1, u64::MAX] {
            let says = format!("{option} is {found}, expected 1 to {most}: {why}");
            refused(&[option, &found.to_string()], &[&says]);
        }
    }
    refused(
        &["--kill", "1000001"],
        &["--kill is 1000001, expected 1 to 1000000"],
    );
    let says = "--procs times --threads is 1000000, expected 1 to 16000: each thread needs a seat";
    refused(&["--procs", "1000", "--threads", "1000"], &[says]);
}

#[test]
fn numbers_that_are_none_are_wrong_usage() {
    for (option, value) in [
        ("--procs", "x"),
        ("--procs", "-1"),
        ("--procs", "18446744073709551616"),
        ("--adds", "1.5"),
        ("--by", "1,,2"),
        ("--by", ""),
        ("--delay", "1 parsec"),
        ("--hold", "-1s"),
        ("--timeout", ""),
        ("--start", "thread"),
        ("--progress", "maybe"),
    ] {
        let assignment = format!("{option}={value}");
        shmcount(&["run", &assignment]).assert(2, "", &["error: ", option]);
    }
    shmcount(&["run", "--no-such-option"]).assert(2, "", &["--no-such-option"]);
    shmcount(&["no-such-verb"]).assert(2, "", &["no-such-verb"]);
    shmcount(&[]).assert(2, "", &["Usage: shmcount"]);
}

#[test]
fn unknown_lock_is_refused_with_those_there_are() {
    let all = "unknown lock 'latch': there are robust, fifo, sharded, raw-sync, \
               pthread, pthread-robust, posix-sem, futex, flock, ofd, atomic, none";
    refused(&["--lock", "latch"], &[all]);
}

#[test]
fn total_beyond_64_bits_is_refused_before_anything_starts() {
    let most = i64::MAX.to_string();
    let says = "the total of 4611686018427387903500 is beyond 64 bits";
    refused(&["--by", &most], &[says]);
    // On the way to a total that would fit.
    let by = format!("{most},-{most}");
    refused(
        &["--procs", "2", "--by", &by, "--adds", "2"],
        &["is beyond 64 bits"],
    );
}

#[test]
fn the_largest_total_is_counted() {
    let most = i64::MAX.to_string();
    let done = shmcount(&["run", "--procs", "1", "--adds", "1", "--by", &most]);
    assert_eq!(done.code, Some(0), "{done:#?}");
    assert!(done.stdout.contains(&format!("counted   {most}\n")));
}

#[test]
fn endless_times_do_not_overflow() {
    for timeout in ["0", "99999999999h"] {
        let done = shmcount(&["run", "--timeout", timeout]);
        assert_eq!(done.code, Some(0), "{done:#?}");
    }
}
