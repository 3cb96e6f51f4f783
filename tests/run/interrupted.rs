//! Signals: the workers go with the coordinator, and the segment, unless nobody could.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use shmcount::Segment;

use crate::program::{Running, SHMCOUNT, shmcount, wait_for_workers};
use crate::shared_memory::{Name, workers_of};
use crate::watchdog::{Watchdog, wait_until};

/// A run that would take for ever, with a segment of this name.
fn endless(name: &Name, start: &str) -> Running {
    Running::start(&[
        "--name",
        name,
        "--start",
        start,
        "--procs",
        "3",
        "--adds",
        "1000000",
        "--hold",
        "1ms",
        "--timeout",
        "0",
    ])
}

#[test]
fn total_so_far_is_seen_from_another_process() {
    let name = Name::new("so-far");
    let mut run = endless(&name, "spawn");
    while !run.line().ends_with("read 5") {}
    let so_far = shmcount(&["get", &name]);
    assert_eq!((so_far.code, &*so_far.stderr), (Some(0), ""));
    assert!(so_far.stdout.trim_end().parse::<i64>().unwrap() >= 5);
    run.signal(Signal::SIGTERM);
    assert_eq!(run.finish().0.code(), Some(143));
}

#[test]
fn signal_stops_the_workers_removes_the_segment_and_is_the_exit_code() {
    for (signal, start) in [
        (Signal::SIGINT, "spawn"),
        (Signal::SIGINT, "fork"),
        (Signal::SIGTERM, "spawn"),
        (Signal::SIGTERM, "fork"),
        (Signal::SIGHUP, "spawn"),
    ] {
        let name = Name::new("signal");
        let run = endless(&name, start);
        let pid = run.pid();
        assert_eq!(workers_of(pid, &name).len(), 3);
        run.signal(signal);
        let (status, stderr) = run.finish();
        assert_eq!(status.code(), Some(128 + signal as i32), "{stderr}");
        let says = format!("error: interrupted by {signal}: counted ");
        assert!(stderr.starts_with(&says), "{stderr}");
        assert_eq!(workers_of(pid, &name), [0; 0]);
        assert!(!name.exists());
    }
}

#[test]
fn signal_stops_commands_too() {
    let name = Name::new("signal-command");
    let mut run = Command::new(SHMCOUNT)
        .args([
            "run",
            "--procs",
            "2",
            "--name",
            &name,
            "--",
            "sh",
            "-c",
            "sleep 1000 & wait",
        ])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let watchdog = Watchdog::of(run.id());
    // A shell and a sleep for each worker.
    wait_until("all have started", || {
        workers_of(run.id(), &name).len() == 4
    });
    kill(Pid::from_raw(run.id() as i32), Signal::SIGINT).unwrap();
    drop(watchdog);
    assert_eq!(run.wait().unwrap().code(), Some(130));
    wait_for_workers(run.id(), &name);
    assert!(!name.exists());
}

#[test]
fn signal_during_the_start_leaves_nothing() {
    // Whenever it comes: before the handler is there, it ends the program as any other.
    for _ in 0..8 {
        let name = Name::new("start");
        let mut run = Command::new(SHMCOUNT)
            .args([
                "run",
                "--procs",
                "40",
                "--adds",
                "100000000",
                "--name",
                &name,
            ])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let watchdog = Watchdog::of(run.id());
        wait_until("it has its segment", || name.exists());
        kill(Pid::from_raw(run.id() as i32), Signal::SIGINT).unwrap();
        drop(watchdog);
        assert_eq!(run.wait().unwrap().code(), Some(130));
        assert_eq!(workers_of(run.id(), &name), [0; 0]);
        assert!(!name.exists());
    }
}

#[test]
fn killed_coordinator_leaves_no_worker_and_a_segment_that_is_known_to_be_stale() {
    for start in ["spawn", "fork"] {
        let name = Name::new("stale");
        let run = endless(&name, start);
        let pid = run.pid();
        run.signal(Signal::SIGKILL);
        let (status, _) = run.finish();
        assert_eq!(status.signal(), Some(Signal::SIGKILL as i32));
        wait_for_workers(pid, &name);
        let segment = Segment::open(&name).unwrap();
        assert!(segment.is_temporary());
        assert_eq!(segment.creator().pid, pid);
        assert!(!segment.creator().is_alive());
        shmcount(&["rm", &name]).assert(0, "", &[]);
    }
}

#[test]
fn killed_forked_worker_is_a_failure_and_the_others_finish() {
    let name = Name::new("one-killed");
    let mut run = Running::start(&[
        "--name", &name, "--start", "fork", "--procs", "3", "--adds", "50", "--hold", "1ms",
    ]);
    let victim = *workers_of(run.pid(), &name).first().unwrap();
    // A forked worker does not have its parent's handler.
    kill(Pid::from_raw(victim as i32), Signal::SIGTERM).unwrap();
    while !run.line().starts_with("workers ") {}
    let (status, stderr) = run.finish();
    assert_eq!(status.code(), Some(3), "{stderr}");
    let says = format!("(pid {victim}) failed: killed by SIGTERM\n");
    assert!(
        stderr.starts_with("error: worker ") && stderr.ends_with(&says),
        "{stderr}"
    );
    assert!(!name.exists());
}

#[test]
fn holder_of_another_lock_that_somebody_kills_is_named() {
    let name = Name::new("holder");
    let mut run = Running::start(&[
        "--name",
        &name,
        "--lock",
        "raw-sync",
        "--procs",
        "2",
        "--adds",
        "3",
        "--hold",
        "1h",
        "--timeout",
        "10s",
    ]);
    let pid = run.pid();
    // The first line said who is inside, and stays there.
    let holder = run.holder();
    let victim = workers_of(pid, &name);
    assert_eq!(victim.len(), 2);
    for worker in victim {
        if holder_of(worker) == holder {
            kill(Pid::from_raw(worker as i32), Signal::SIGKILL).unwrap();
        }
    }
    while !run.line().starts_with("workers ") {}
    let (status, stderr) = run.finish();
    assert_eq!(status.code(), Some(3), "{stderr}");
    assert!(
        stderr.contains(
            "was killed by SIGKILL while holding the raw-sync lock, and 1 thread waits for it"
        ),
        "{stderr}"
    );
}

/// Returns which worker a spawned process is, by the number on its command line.
fn holder_of(pid: u32) -> String {
    let line = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap();
    line.split('\0').nth(3).unwrap().to_owned()
}
