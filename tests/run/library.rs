//! The harness as a library: a plan, and the report that the command prints.

use std::time::Duration;

use nix::sys::signal::Signal;
use shmcount::run::{Error, Invalid, Outcome, Plan, Program, Start, WORKER_VERB};
use shmcount::{Segment, contender::LockKind};

use crate::program::SHMCOUNT;
use crate::shared_memory::Name;

/// Long enough on a machine that is busy with others, and an end to a test that hangs.
const LIMIT: Option<Duration> = Some(Duration::from_secs(60));

#[test]
fn plan_with_a_closure_returns_the_report() {
    let plan = Plan::new().procs(3).adds(50).timeout(LIMIT);
    let report = plan.closure(|turn| turn.add_all()).run().unwrap();
    assert_eq!((report.expected, report.r#final), (150, 150));
    assert!(report.verified);
    assert_eq!(report.start, Start::Fork);
    assert_eq!(report.outcome, Outcome::Finished);
    assert_eq!(report.workers.len(), 3);
}

#[test]
fn closure_that_adds_in_its_own_way_is_verified_too() {
    let plan = Plan::new()
        .procs(2)
        .adds(10)
        .by([3, -1])
        .kills(3)
        .timeout(LIMIT);
    let count = |turn: &mut shmcount::run::Turn<'_>| {
        while turn.remaining() > 0 {
            turn.add()?;
        }
        Ok(())
    };
    let report = plan.closure(count).run().unwrap();
    assert_eq!((report.r#final, report.kills), (20, 3));
    assert!(report.verified);
}

#[test]
fn closure_that_fails_or_panics_is_told() {
    let plan = Plan::new().procs(1).timeout(LIMIT);
    let fails = plan.clone().closure(|_| Err("no ink".to_owned()));
    let report = fails.run().unwrap();
    assert_eq!(report.outcome, Outcome::WorkerFailed);
    assert_eq!(report.workers[0].status, "no ink");
    let report = plan.closure(|_| panic!("no paper")).run().unwrap();
    assert_eq!(report.outcome, Outcome::WorkerFailed);
    assert_eq!(report.workers[0].status, "panicked: no paper");
}

#[test]
fn closure_that_ends_its_process_has_not_finished() {
    let plan = Plan::new().procs(2).timeout(LIMIT);
    let ends = plan.closure(|turn| match turn.worker() {
        0 => nix::sys::signal::raise(Signal::SIGKILL).map_err(|error| error.to_string()),
        _ => std::process::exit(0),
    });
    let report = ends.run().unwrap();
    assert_eq!(report.outcome, Outcome::WorkerFailed);
    let statuses = report.workers.iter().map(|worker| &*worker.status);
    let statuses: Vec<&str> = statuses.collect();
    assert_eq!(statuses, ["killed by SIGKILL", "exited with status 0"]);
}

/// What takes more than a packet waited for a coordinator that waited for the worker.
#[test]
fn closures_that_fail_with_long_texts_are_told_in_part() {
    let fails = |turn: &mut shmcount::run::Turn<'_>| {
        let letter = if turn.worker() == 0 { "é" } else { "x" };
        Err(letter.repeat(1 << 20))
    };
    let plan = Plan::new().procs(100).timeout(LIMIT).closure(fails);
    let report = plan.run().unwrap();
    assert_eq!(report.outcome, Outcome::WorkerFailed);
    for worker in &report.workers {
        let letter = if worker.index == 0 { 'é' } else { 'x' };
        assert!(worker.status.chars().all(|found| found == letter));
        assert!(worker.status.len() > 1000, "{}", worker.status.len());
    }
}

#[test]
fn closure_that_adds_too_little_is_a_wrong_total() {
    let plan = Plan::new().procs(2).adds(5).timeout(LIMIT);
    let report = plan.closure(|turn| turn.add()).run().unwrap();
    assert_eq!((report.r#final, report.lost), (2, 8));
    assert_eq!(report.outcome, Outcome::Finished);
    assert!(!report.verified);
}

#[test]
fn plan_with_a_program_returns_the_report() {
    let program = Program {
        program: "sh".into(),
        arguments: ["-c", "\"$0\" add \"$SHMCOUNT_NAME\" >/dev/null", SHMCOUNT]
            .map(Into::into)
            .into(),
    };
    let plan = Plan::new().procs(4).adds(1).timeout(LIMIT);
    let report = plan.program(program).run().unwrap();
    assert!(report.verified, "{report:?}");
    assert_eq!(report.r#final, 4);
}

#[test]
fn plan_spawns_the_workers_of_another_executable() {
    let plan = Plan::new().worker_program(SHMCOUNT).kills(4).timeout(LIMIT);
    let report = plan.run().unwrap();
    assert!(report.verified, "{report:?}");
    assert_eq!(report.start, Start::Spawn);
}

#[test]
fn overflow_inside_a_run_fails_its_worker_and_keeps_the_total() {
    let name = Name::new("run-overflow");
    let plan = Plan::new().procs(1).adds(1).timeout(LIMIT).name(&*name);
    let push_over = |turn: &mut shmcount::run::Turn<'_>| {
        let spent = turn
            .segment()
            .value("spent", i64::MAX)
            .map_err(|e| e.to_string())?;
        spent
            .fetch_add(1)
            .map(drop)
            .map_err(|error| error.to_string())
    };
    let report = plan.closure(push_over).run().unwrap();
    let says = "adding 1 to 9223372036854775807 overflows";
    assert_eq!(report.workers[0].status, says);
    assert!(!name.exists());
}

#[test]
fn invalid_plans_are_typed_errors() {
    let invalid = |plan: Plan| match plan.run() {
        Err(Error::Invalid(invalid)) => invalid,
        other => panic!("{other:?}"),
    };
    assert_eq!(invalid(Plan::new().by([])), Invalid::NothingToAdd);
    let overflow = invalid(Plan::new().by([i64::MAX]));
    assert!(matches!(overflow, Invalid::TotalOverflows { .. }));
    let zero = invalid(Plan::new().procs(0));
    assert!(matches!(
        zero,
        Invalid::OutOfRange {
            found: 0,
            most: 1000,
            ..
        }
    ));
}

#[test]
fn closure_cannot_be_spawned() {
    let plan = Plan::new().procs(1).timeout(LIMIT);
    let plan = plan.closure(|turn| turn.add_all()).start(Start::Spawn);
    let error = plan.run().expect_err("a new program does not have it");
    let says = "--start spawn does not go with a closure as the worker";
    assert_eq!(error.to_string(), says);
}

/// A program that plans a run in its `main` and is started as its own worker would start workers
/// that start workers.
#[test]
fn worker_does_not_start_workers() {
    assert_eq!(WORKER_VERB, "worker-of");
    let directory = tempfile::tempdir().unwrap();
    let careless = directory.path().join("careless");
    let script = format!("#!/bin/sh\nexec {SHMCOUNT} run\n");
    std::fs::write(&careless, script).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(&careless, mode).unwrap();
    let report = Plan::new()
        .procs(1)
        .worker_program(careless)
        .timeout(LIMIT)
        .run()
        .unwrap();
    assert_eq!(report.outcome, Outcome::WorkerFailed);
}

#[test]
fn lock_kinds_are_known_by_their_names() {
    for kind in LockKind::ALL {
        assert_eq!(kind.name().parse(), Ok(kind));
    }
}

/// Go's mutex example: two goroutines write one message. Here two processes do, over and over, and
/// a third reads: it sees one message whole, never a mixture.
#[test]
fn two_writers_leave_one_message_whole() {
    const MESSAGES: [[u8; 32]; 2] = [[b'a'; 32], [b'b'; 32]];
    let name = Name::new("message");
    let segment = Segment::create(&name).unwrap();
    let message = segment.value("message", MESSAGES[0]).unwrap();
    drop(message);
    let open = {
        let name = name.to_string();
        move || Segment::open(&name).and_then(|s| s.open_value::<[u8; 32]>("message"))
    };
    let plan = Plan::new().procs(3).adds(20_000).timeout(LIMIT);
    let plan = plan.closure(move |turn| {
        let message = open().map_err(|error| error.to_string())?;
        for _ in 0..20_000 {
            match MESSAGES.get(turn.worker()) {
                // Byte by byte, so that there is a mixture for a while, in the guard's copy.
                Some(mine) => message
                    .update(|bytes| {
                        bytes
                            .iter_mut()
                            .zip(mine)
                            .for_each(|(to, from)| *to = *from)
                    })
                    .map_err(|error| error.to_string())?,
                None => {
                    let seen = message.load();
                    if !MESSAGES.contains(&seen) {
                        return Err(format!("a mixture: {seen:?}"));
                    }
                }
            }
        }
        turn.add_all()
    });
    let report = plan.run().unwrap();
    assert!(report.verified, "{report:?}");
    let last = segment.open_value::<[u8; 32]>("message").unwrap().load();
    assert!(MESSAGES.contains(&last));
}
