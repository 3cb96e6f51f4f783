//! `run`: workers count together, and the total is verified.

mod progress;
mod signals;
mod summary;
mod verdict;

use std::ffi::OsString;
use std::time::Duration;

use clap::{Args, ValueEnum};

use self::progress::{Bar, Progress};
use super::exit_code::Failure;
use super::{args, output};
use crate::contender::LockKind;
use crate::run::{Plan, Program, Start, Watch};
use crate::segment;

/// Count with several processes under one lock, and verify the total
#[derive(Args)]
#[command(after_help = "\
Example: shmcount run --procs 5 --adds 200000 --kill 50

`--help` has all options, the exit status, and more examples.")]
#[command(after_long_help = "\
Times are written 10ms, 1.5s or 2m; a bare number is in seconds. COMMAND finds SHMCOUNT_NAME, \
SHMCOUNT_WORKER (from 0), SHMCOUNT_PROCS and SHMCOUNT_ADDS in its environment; what it leaves \
running ends with it. While a run goes on, `shmcount get NAME` prints the total so far.

Exit status: 0 verified; 1 counted, but the total is wrong; 2 wrong usage; 3 a worker failed or the \
time was over; 4 the system or the segment refused; 126 COMMAND cannot be run; 127 it was not found; \
129, 130 or 143 interrupted by SIGHUP, SIGINT or SIGTERM.

Examples:
  shmcount run --procs 5 --adds 100
  shmcount run --procs 5 --adds 200000 --kill 50
  shmcount run --procs 3 --adds 1 -- sh -c 'shmcount add \"$SHMCOUNT_NAME\"'")]
pub(super) struct Run {
    /// Worker processes
    #[arg(long, value_name = "N", default_value_t = 5)]
    procs: u64,
    /// Adds by each worker thread
    #[arg(long, value_name = "N", default_value_t = 100)]
    adds: u64,
    /// Threads in each worker
    #[arg(long, hide_short_help = true, value_name = "N", default_value_t = 1)]
    threads: u64,
    /// How much an add adds; of a list, worker i takes the i-th, starting over at the end
    #[arg(
        long,
        value_name = "D[,D...]",
        value_delimiter = ',',
        default_value = "1",
        allow_negative_numbers = true
    )]
    by: Vec<i64>,
    /// Sleep before each add, outside the lock
    #[arg(long, value_name = "TIME", value_parser = args::time, default_value = "0")]
    delay: Duration,
    /// Sleep inside the lock, between read and write
    #[arg(long, hide_short_help = true, value_name = "TIME", value_parser = args::time, default_value = "0")]
    hold: Duration,
    /// robust, fifo, sharded (no lock: a cell a thread), raw-sync, pthread, pthread-robust,
    /// posix-sem, futex, flock, ofd, atomic or none
    #[arg(long, value_name = "KIND", default_value_t = LockKind::Robust)]
    lock: LockKind,
    /// How our own locks are released [default: plain where the kernel can]
    #[arg(long, hide_short_help = true, value_name = "HOW", value_enum)]
    release: Option<Release>,
    /// spawn (a new program) or fork
    #[arg(long, value_name = "METHOD", value_enum, default_value_t = StartMethod::Spawn, hide_possible_values = true)]
    start: StartMethod,
    /// Kill a random worker with SIGKILL N times, and start another in its place
    #[arg(long, value_name = "N", default_value_t = 0)]
    kill: u64,
    /// Make the kills repeatable
    #[arg(long, hide_short_help = true, value_name = "N")]
    seed: Option<u64>,
    /// The total to verify [default: procs x threads x adds x by]
    #[arg(
        long,
        hide_short_help = true,
        value_name = "N",
        allow_negative_numbers = true
    )]
    expect: Option<i64>,
    /// Give up after TIME, 0 for never
    #[arg(long, value_name = "TIME", value_parser = args::time, default_value = "60s")]
    timeout: Duration,
    /// Name of the segment [default: made up]
    #[arg(long)]
    name: Option<String>,
    /// Leave the segment behind
    #[arg(long, hide_short_help = true)]
    keep: bool,
    /// Print every read and write, a line each, with worker and value
    #[arg(long, hide_short_help = true)]
    trace: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    /// Show progress: auto, always or never
    #[arg(long, hide_short_help = true, value_name = "WHEN", value_enum, default_value_t = Progress::Auto, hide_possible_values = true)]
    progress: Progress,
    /// Start COMMAND as the workers instead
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum StartMethod {
    Spawn,
    Fork,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Release {
    Exchange,
    Plain,
}

impl Run {
    pub(super) fn run(self) -> Result<(), Failure> {
        output::check()?;
        let bar = Bar::new(self.progress, self.trace);
        let watch = signals::interrupt(bar.watch(Watch::default()))?;
        let report = self.plan().watch(watch).run();
        bar.clear();
        let report = report?;
        match self.json {
            true => output::line(serde_json::to_string(&report).expect("a report is plain data"))?,
            false => output::text(summary::of(&report))?,
        }
        verdict::of(&report)
    }

    fn plan(&self) -> Plan {
        let mut plan = Plan::new()
            .procs(self.procs)
            .adds(self.adds)
            .threads(self.threads)
            .by(self.by.clone())
            .delay(self.delay)
            .hold(self.hold)
            .lock(self.lock)
            .kills(self.kill)
            .timeout((!self.timeout.is_zero()).then_some(self.timeout));
        if let Some(release) = self.release {
            plan = plan.release(match release {
                Release::Exchange => segment::Release::Exchange,
                Release::Plain => segment::Release::Plain,
            });
        }
        if let Some(seed) = self.seed {
            plan = plan.seed(seed);
        }
        if let Some(total) = self.expect {
            plan = plan.expect(total);
        }
        if let Some(name) = &self.name {
            plan = plan.name(name);
        }
        if self.keep {
            plan = plan.keep();
        }
        if self.trace {
            plan = plan.trace();
        }
        if self.json {
            plan = plan.trace_to_stderr();
        }
        if let Some((program, arguments)) = self.command.split_first() {
            plan = plan.program(Program {
                program: program.clone(),
                arguments: arguments.to_vec(),
            });
        }
        plan.start(match self.start {
            StartMethod::Spawn => Start::Spawn,
            StartMethod::Fork => Start::Fork,
        })
    }
}
