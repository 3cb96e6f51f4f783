//! What came of a benchmark.

use std::time::Duration;

use serde::{Serialize, Serializer};

use super::machine::Machine;
use super::measurement::Measurement;
use super::plan::Plan;
use super::recovery::Recovery;
use crate::segment::Release;

/// What came of a benchmark. Its JSON form is that of `shmcount bench --json`; the keys are stable.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The model of the processors.
    pub machine: String,
    /// The kernel's name and release.
    pub kernel: String,
    /// How many processors could be used.
    pub cores: usize,
    /// Rounds of each measurement.
    pub rounds: usize,
    /// How long a round lasted.
    #[serde(rename = "time_ns", serialize_with = "nanoseconds")]
    pub time: Duration,
    /// The work of a process between two adds, outside the lock.
    #[serde(rename = "work_ns", serialize_with = "nanoseconds")]
    pub work: Duration,
    /// Whether each process stayed on one processor.
    pub pinned: bool,
    /// How our own locks were released: "plain" or "exchange".
    pub release: &'static str,
    /// What an add costs.
    pub results: Vec<Measurement>,
    /// What a kill costs.
    pub recoveries: Vec<Recovery>,
}

impl Report {
    pub(super) fn new(
        plan: &Plan,
        machine: Machine,
        release: Release,
        results: Vec<Measurement>,
        recoveries: Vec<Recovery>,
    ) -> Self {
        Self {
            machine: machine.model,
            kernel: machine.kernel,
            cores: machine.cores,
            rounds: plan.rounds,
            time: plan.time,
            work: plan.work,
            pinned: plan.pinned,
            release: match release {
                Release::Exchange => "exchange",
                Release::Plain => "plain",
            },
            results,
            recoveries,
        }
    }

    /// Returns the numbers of processes, in the order in which they were asked for.
    pub fn procs(&self) -> Vec<usize> {
        let mut procs: Vec<usize> = self.results.iter().map(|result| result.procs).collect();
        procs.dedup();
        procs
    }

    /// Returns the contenders whose totals were wrong and should not have been.
    pub fn wrong(&self) -> impl Iterator<Item = &Measurement> {
        let is_wrong =
            |result: &&Measurement| !result.correct && !result.contender.is_wrong_on_purpose();
        self.results.iter().filter(is_wrong)
    }
}

fn nanoseconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(time.as_nanos() as u64)
}
