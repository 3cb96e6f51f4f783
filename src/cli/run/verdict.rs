//! What went wrong in a run, if something did.

use std::fmt::Write;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::summary::many;
use crate::cli::exit_code::{FAILED, Failure, WRONG};
use crate::run::{Killed, Outcome, Report, WorkerReport};

/// Workers that are named one by one; the others are only counted.
const NAMED: usize = 3;

/// Returns the failure that a report tells of.
pub(super) fn of(report: &Report) -> Result<(), Failure> {
    match &report.outcome {
        Outcome::Finished if report.verified => Ok(()),
        Outcome::Finished => failure(WRONG, wrong_total(report), None),
        Outcome::WorkerFailed => failure(FAILED, failed_workers(report), None),
        Outcome::TimedOut {
            after,
            killed_holding,
            waiting,
        } => {
            let text = timed_out(report, *after, killed_holding, *waiting);
            let help = match killed_holding.is_empty() {
                true => "allow more time with `--timeout`",
                false => {
                    "this lock stays taken when its holder is killed; `--lock robust` does not"
                }
            };
            failure(FAILED, text, Some(help))
        }
        Outcome::Interrupted { signal } => {
            let (counted, expected) = (report.r#final, report.expected);
            let name = Signal::try_from(*signal).map_or("a signal", Signal::as_str);
            let text = format!("interrupted by {name}: counted {counted} of {expected}");
            failure(128 + *signal as u8, text, None)
        }
    }
}

fn failure(code: u8, text: String, help: Option<&str>) -> Result<(), Failure> {
    Err(Failure::Error {
        code,
        error: text.into(),
        help: help.map(str::to_owned),
    })
}

fn wrong_total(report: &Report) -> String {
    let difference = match report.lost {
        lost if lost > 0 && is_by_one(report) => match lost {
            1 => "1 add was lost".to_owned(),
            lost => format!("{lost} adds were lost"),
        },
        lost if lost > 0 => format!("{lost} lost"),
        lost => format!("{} too many", -lost),
    };
    let (counted, expected) = (report.r#final, report.expected);
    format!("counted {counted}, expected {expected}: {difference}")
}

/// Tells whether what is missing is a number of adds.
fn is_by_one(report: &Report) -> bool {
    report.by.iter().all(|by| *by == 1)
}

fn failed_workers(report: &Report) -> String {
    let has_failed =
        |worker: &&WorkerReport| worker.status != "finished" && worker.status != "stopped";
    let named = |worker: &WorkerReport| {
        let WorkerReport {
            index, pid, status, ..
        } = worker;
        format!("worker {index} (pid {pid}) failed: {status}")
    };
    let failed: Vec<String> = report
        .workers
        .iter()
        .filter(has_failed)
        .map(named)
        .collect();
    listed(&failed, "failed")
}

fn timed_out(report: &Report, after: Duration, killed_holding: &[Killed], waiting: u64) -> String {
    let (counted, expected) = (report.r#final, report.expected);
    let mut text = format!("not done after {after:?}: counted {counted} of {expected}");
    let named = |killed: &Killed| {
        let Killed { worker, pid } = killed;
        let lock = report.lock;
        format!("worker {worker} (pid {pid}) was killed by SIGKILL while holding the {lock} lock")
    };
    let named: Vec<String> = killed_holding.iter().map(named).collect();
    if !named.is_empty() {
        let waiting = match waiting {
            1 => "1 thread waits".to_owned(),
            _ => format!("{} wait", many(waiting, "thread", "threads")),
        };
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "\nerror: {}, and {waiting} for it",
            listed(&named, "were killed holding it")
        );
    }
    text
}

/// Returns some of the sentences, each an error of its own, and how many more there are.
fn listed(sentences: &[String], what_they_did: &str) -> String {
    let mut text = sentences[..sentences.len().min(NAMED)].join("\nerror: ");
    if sentences.len() > NAMED {
        let more = sentences.len() - NAMED;
        // Writing to a string cannot fail.
        let _ = write!(text, "\nerror: {more} more {what_they_did}");
    }
    text
}
