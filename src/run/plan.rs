//! What is to be run.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::coordinator::Coordinator;
use super::error::{Error, Invalid};
use super::limits;
use super::report::Report;
use super::watch::Watch;
use super::worker::Turn;
use crate::contender::LockKind;
use crate::segment::Release;

/// A plan of a run, made by naming what differs from the defaults.
#[derive(Clone)]
pub struct Plan {
    pub(super) procs: u64,
    pub(super) adds: u64,
    pub(super) threads: u64,
    pub(super) by: Vec<i64>,
    pub(super) delay: Duration,
    pub(super) hold: Duration,
    pub(super) lock: LockKind,
    pub(super) release: Option<Release>,
    pub(super) start: Start,
    pub(super) kills: u64,
    pub(super) seed: Option<u64>,
    pub(super) expect: Option<i64>,
    pub(super) timeout: Option<Duration>,
    pub(super) name: Option<String>,
    pub(super) keep: bool,
    pub(super) trace: bool,
    pub(super) trace_to_stderr: bool,
    pub(super) work: Work,
    pub(super) watch: Watch,
}

/// The first argument of a program that is started as a worker. Three more follow, for
/// [`work_as_told`](super::work_as_told).
pub const WORKER_VERB: &str = "worker-of";

/// How workers come to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    /// A new program.
    Spawn,
    /// A copy of the coordinator.
    Fork,
}

/// A program and its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Its path, or its name in `PATH`.
    pub program: OsString,
    /// Its arguments.
    pub arguments: Vec<OsString>,
}

/// What a worker does.
#[derive(Clone)]
pub(super) enum Work {
    /// The built-in loop, in this executable or another that calls [`super::work_as_told`].
    BuiltIn(Option<PathBuf>),
    /// A program that counts by itself.
    Program(Program),
    /// A closure, in a forked worker.
    Closure(Arc<Closure>),
}

type Closure = dyn Fn(&mut Turn<'_>) -> Result<(), String> + Send + Sync;

impl Default for Plan {
    fn default() -> Self {
        Self::new()
    }
}

impl Plan {
    /// Each worker needs a process, two descriptors and a seat.
    pub const MOST_PROCS: u64 = 1_000;
    /// Threads share one process, and its limits.
    pub const MOST_THREADS: u64 = 1_000;
    /// Seats of all threads together take two megabytes.
    pub const MOST_SEATS: u64 = 16_000;
    /// At ten nanoseconds an add, this takes three hours.
    pub const MOST_ADDS: u64 = 1_000_000_000_000;
    /// A kill and a new process take some milliseconds.
    pub const MOST_KILLS: u64 = 1_000_000;

    /// Plans five forked workers that each add 1 a hundred times.
    pub fn new() -> Self {
        Self {
            procs: 5,
            adds: 100,
            threads: 1,
            by: vec![1],
            delay: Duration::ZERO,
            hold: Duration::ZERO,
            lock: LockKind::Robust,
            release: None,
            start: Start::Fork,
            kills: 0,
            seed: None,
            expect: None,
            timeout: Some(Duration::from_secs(60)),
            name: None,
            keep: false,
            trace: false,
            trace_to_stderr: false,
            work: Work::BuiltIn(None),
            watch: Watch::default(),
        }
    }

    /// Sets the number of worker processes.
    pub fn procs(mut self, procs: u64) -> Self {
        self.procs = procs;
        self
    }

    /// Sets how often each worker thread adds.
    pub fn adds(mut self, adds: u64) -> Self {
        self.adds = adds;
        self
    }

    /// Sets the number of threads in each worker.
    pub fn threads(mut self, threads: u64) -> Self {
        self.threads = threads;
        self
    }

    /// Sets how much an add adds: worker `i` takes the `i`-th, starting over at the end.
    pub fn by(mut self, by: impl Into<Vec<i64>>) -> Self {
        self.by = by.into();
        self
    }

    /// Sets how long a worker sleeps before each add, outside the lock.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Sets how long a worker sleeps inside the lock, between read and write.
    pub fn hold(mut self, hold: Duration) -> Self {
        self.hold = hold;
        self
    }

    /// Sets what the workers exclude each other with.
    pub fn lock(mut self, lock: LockKind) -> Self {
        self.lock = lock;
        self
    }

    /// Sets how our own locks are released.
    pub fn release(mut self, release: Release) -> Self {
        self.release = Some(release);
        self
    }

    /// Sets how workers come to be [default: fork]. To be spawned, they need a program that calls
    /// [`work_as_told`](super::work_as_told) when its first argument is [`WORKER_VERB`]: this one,
    /// or a [`worker_program`](Self::worker_program). A [`closure`](Self::closure) cannot be spawned.
    pub fn start(mut self, start: Start) -> Self {
        self.start = start;
        self
    }

    /// Sets how many times a random worker is killed with SIGKILL and replaced.
    pub fn kills(mut self, kills: u64) -> Self {
        self.kills = kills;
        self
    }

    /// Makes the choice of whom to kill, and after which add, repeatable.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Sets the total to verify, if it is not procs × threads × adds × by.
    pub fn expect(mut self, total: i64) -> Self {
        self.expect = Some(total);
        self
    }

    /// Sets when to give up; `None` is never.
    pub fn timeout(mut self, timeout: Option<Duration>) -> Self {
        self.timeout = timeout;
        self
    }

    /// Names the segment.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Leaves the segment behind.
    pub fn keep(mut self) -> Self {
        self.keep = true;
        self
    }

    /// Has every read and write printed, to standard output.
    pub fn trace(mut self) -> Self {
        self.trace = true;
        self
    }

    /// Has the trace printed to standard error.
    pub fn trace_to_stderr(mut self) -> Self {
        self.trace_to_stderr = true;
        self
    }

    /// Spawns workers from another executable than this one, such as `shmcount`: one that calls
    /// [`work_as_told`](super::work_as_told) when its first argument is [`WORKER_VERB`].
    pub fn worker_program(mut self, path: impl Into<PathBuf>) -> Self {
        self.work = Work::BuiltIn(Some(path.into()));
        self.start = Start::Spawn;
        self
    }

    /// Starts a program as the workers, which counts by itself, e.g. with `shmcount add`. It finds
    /// `SHMCOUNT_NAME`, `SHMCOUNT_WORKER`, `SHMCOUNT_PROCS` and `SHMCOUNT_ADDS` in its environment.
    pub fn program(mut self, program: Program) -> Self {
        self.work = Work::Program(program);
        self.start = Start::Spawn;
        self
    }

    /// Runs a closure in forked workers. It adds through its [`Turn`], or does whatever else.
    pub fn closure(
        mut self,
        work: impl Fn(&mut Turn<'_>) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        self.work = Work::Closure(Arc::new(work));
        self.start = Start::Fork;
        self
    }

    /// Lets somebody look on.
    pub fn watch(mut self, watch: Watch) -> Self {
        self.watch = watch;
        self
    }

    /// Runs it.
    ///
    /// Workers end with the calling thread. A run that is killed leaves a segment that says so: it
    /// is temporary, and its creator is dead.
    ///
    /// # Errors
    ///
    /// [`Error`], with nothing left behind. A wrong total, a worker that failed, a timeout and an
    /// interruption are no errors but outcomes of the [`Report`].
    pub fn run(&self) -> Result<Report, Error> {
        self.check()?;
        limits::make_room(self.procs)?;
        Coordinator::prepare(self)?.supervise()
    }

    /// Returns the total that the workers should reach.
    pub fn expected(&self) -> Result<i64, Invalid> {
        let each = i128::from(self.threads) * i128::from(self.adds);
        let total = (0..self.procs as usize)
            .map(|worker| i128::from(self.by_of(worker)) * each)
            .sum();
        let total = self.expect.map_or(total, i128::from);
        i64::try_from(total).map_err(|_| Invalid::TotalOverflows { total })
    }

    pub(super) fn by_of(&self, worker: usize) -> i64 {
        self.by[worker % self.by.len()]
    }

    pub(super) fn seats(&self) -> u64 {
        self.procs * self.threads
    }

    /// Tells whether the workers are ours, and not programs that count by themselves.
    pub(super) fn has_own_workers(&self) -> bool {
        !matches!(self.work, Work::Program(_))
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Plan")
            .field("procs", &self.procs)
            .field("adds", &self.adds)
            .field("threads", &self.threads)
            .field("by", &self.by)
            .field("lock", &self.lock)
            .field("start", &self.start)
            .field("kills", &self.kills)
            .finish_non_exhaustive()
    }
}
