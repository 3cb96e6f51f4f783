//! What came of a run.

use std::time::Duration;

use serde::Serialize;

use super::plan::Start;
use crate::contender::LockKind;

/// What came of a run. Its JSON form is that of `shmcount run --json`; the keys are stable.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Worker processes.
    pub procs: u64,
    /// Threads in each.
    pub threads: u64,
    /// Adds by each thread.
    pub adds: u64,
    /// How much an add adds, worker by worker.
    pub by: Vec<i64>,
    /// What they excluded each other with.
    pub lock: LockKind,
    /// How they came to be.
    pub start: Start,
    /// The total they should have reached.
    pub expected: i64,
    /// The total they reached.
    pub r#final: i64,
    /// What is missing, in the unit of the total; negative when there is too much.
    pub lost: i128,
    /// Whether the run ended by itself, no worker failed, and the total is the one expected.
    pub verified: bool,
    /// How many workers were killed as asked.
    pub kills: u64,
    /// How often a lock was taken over from an owner that died.
    pub recoveries: u32,
    /// From the gate's opening to the last worker's last add, in nanoseconds.
    pub elapsed_ns: u64,
    /// The same for each add of all workers together.
    pub ns_per_add: f64,
    /// The workers.
    pub workers: Vec<WorkerReport>,
    /// How it ended.
    #[serde(skip)]
    pub outcome: Outcome,
}

/// What came of one worker.
#[derive(Clone, Debug, Serialize)]
pub struct WorkerReport {
    /// Which, from 0.
    pub index: usize,
    /// The process id of its last life.
    pub pid: u32,
    /// The adds of its threads that are in the total, as far as the lock can tell.
    pub adds: u64,
    /// How it ended: "finished", or what was wrong.
    pub status: String,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// All workers finished.
    Finished,
    /// At least one worker failed.
    WorkerFailed,
    /// The time was over. What was seen of a lock that nobody releases.
    TimedOut {
        /// The time there was.
        after: Duration,
        /// Workers that were killed inside the lock.
        killed_holding: Vec<Killed>,
        /// How many threads were waiting for the lock.
        waiting: u64,
    },
    /// A signal asked for the end.
    Interrupted {
        /// Its number.
        signal: i32,
    },
}

/// A worker that was killed inside the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Killed {
    /// Which, from 0.
    pub worker: usize,
    /// The process id of the life that was killed.
    pub pid: u32,
}
