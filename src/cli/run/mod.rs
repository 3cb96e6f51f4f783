//! `run`: workers count together, and the total is verified.

use std::ffi::OsString;
use std::fmt::Write;
use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::args;
use super::exit_code::{FAILED, Failure, WRONG};
use super::output;
use crate::contender::LockKind;
use crate::run::{Outcome, Plan, Program, Report, Start, Watch};
use crate::segment;

/// A run that is over before this needs no progress bar.
const PATIENCE: Duration = Duration::from_millis(500);

/// Count with several processes under one lock, and verify the total
#[derive(Args)]
#[command(after_help = "\
Times are written 10ms, 1.5s or 2m. With COMMAND, that program is the worker: it finds SHMCOUNT_NAME,
SHMCOUNT_WORKER (from 0), SHMCOUNT_PROCS and SHMCOUNT_ADDS in its environment.

Exit status: 0 verified; 1 counted, but the total is wrong; 2 wrong usage; 3 a worker failed or the
time was over; 4 the system or the segment refused; 126 COMMAND cannot be run; 127 it was not found;
130 or 143 interrupted.

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
    #[arg(long, value_name = "N", default_value_t = 1)]
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
    #[arg(long, value_name = "TIME", value_parser = args::time, default_value = "0")]
    hold: Duration,
    /// robust, raw-sync, pthread, pthread-robust, posix-sem, futex, flock, ofd, atomic or none
    #[arg(long, value_name = "KIND", default_value_t = LockKind::Robust)]
    lock: LockKind,
    /// How our own locks are released [default: plain where the kernel can]
    #[arg(long, value_name = "HOW", value_enum)]
    release: Option<Release>,
    /// spawn (a new program) or fork
    #[arg(long, value_name = "METHOD", value_enum, default_value_t = StartMethod::Spawn, hide_possible_values = true)]
    start: StartMethod,
    /// Kill a random worker with SIGKILL N times, and start another in its place
    #[arg(long, value_name = "N", default_value_t = 0)]
    kill: u64,
    /// Make the kills repeatable
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// The total to verify [default: procs x threads x adds x by]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    expect: Option<i64>,
    /// Give up after TIME, 0 for never
    #[arg(long, value_name = "TIME", value_parser = args::time, default_value = "60s")]
    timeout: Duration,
    /// Name of the segment [default: made up]
    #[arg(long)]
    name: Option<String>,
    /// Leave the segment behind
    #[arg(long)]
    keep: bool,
    /// Print every read and write, a line each, with worker and value
    #[arg(long)]
    trace: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    /// Show progress: auto, always or never
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = Progress::Auto, hide_possible_values = true)]
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

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Progress {
    Auto,
    Always,
    Never,
}

impl Run {
    pub(super) fn run(self) -> Result<(), Failure> {
        let (json, plan) = (self.json, self.plan());
        let (watch, bar) = self.watch()?;
        let report = plan.watch(watch).run();
        bar.clear();
        let report = report?;
        match json {
            true => output::line(serde_json::to_string(&report).expect("a report is plain data"))?,
            false => output::text(summary(&report))?,
        }
        verdict(&report)
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
            .start(match self.start {
                StartMethod::Spawn => Start::Spawn,
                StartMethod::Fork => Start::Fork,
            })
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
        plan
    }

    fn watch(&self) -> Result<(Watch, Bar), Failure> {
        let bar = Bar::new(self.progress, self.trace);
        let mut watch = Watch::default();
        if bar.is_shown {
            let bar = bar.clone();
            watch = watch.progress(move |done, all| bar.show(done, all));
        }
        let signals = Signals::new([SIGINT, SIGTERM]).map_err(|error| Failure::Error {
            code: super::exit_code::REFUSED,
            error: format!("cannot listen for signals: {error}").into(),
            help: None,
        })?;
        let signals = Mutex::new(Some(signals));
        let interrupted = watch.interrupted();
        let watch = watch.on_start(move |ringer| {
            let mut signals = signals.lock().ok().and_then(|mut signals| signals.take());
            let interrupted = Arc::clone(&interrupted);
            thread::spawn(move || {
                for signal in signals.iter_mut().flat_map(|signals| signals.forever()) {
                    interrupted.store(signal, Relaxed);
                    ringer.ring(u32::MAX);
                }
            });
        });
        Ok((watch, bar))
    }
}

/// A progress bar that comes late and leaves nothing behind.
#[derive(Clone)]
struct Bar {
    bar: ProgressBar,
    is_shown: bool,
    started: Instant,
    patience: Duration,
}

impl Bar {
    fn new(when: Progress, is_traced: bool) -> Self {
        let is_terminal = std::io::stderr().is_terminal();
        let is_shown = match when {
            Progress::Always => true,
            Progress::Auto => is_terminal && !is_traced,
            Progress::Never => false,
        };
        let style = ProgressStyle::with_template(
            "{bar:40} {percent:>3}% {human_pos} of {human_len} adds, {eta} left",
        );
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        Self {
            bar: bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())),
            is_shown,
            started: Instant::now(),
            patience: if when == Progress::Always {
                Duration::ZERO
            } else {
                PATIENCE
            },
        }
    }

    fn show(&self, done: u64, all: u64) {
        if self.started.elapsed() < self.patience {
            return;
        }
        if self.bar.is_hidden() {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        self.bar.set_length(all);
        self.bar.set_position(done);
    }

    fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

fn summary(report: &Report) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "{name:<9} {value}");
    };
    let workers = match report.threads {
        1 => format!("{} processes", report.procs),
        threads => format!("{} processes × {threads} threads", report.procs),
    };
    line(
        "workers",
        format!("{workers}, {} adds each, lock {}", report.adds, report.lock),
    );
    line("counted", report.r#final.to_string());
    line("expected", report.expected.to_string());
    line("lost", report.lost.to_string());
    if report.kills > 0 || report.recoveries > 0 {
        line(
            "killed",
            format!(
                "{} workers; the lock was recovered {} times",
                report.kills, report.recoveries
            ),
        );
    }
    line("time", format!("{:.3} ms", report.elapsed_ns as f64 / 1e6));
    line("an add", format!("{:.1} ns", report.ns_per_add));
    if report.verified {
        line("verified", "every add counted exactly once".to_owned());
    }
    text
}

/// Says what went wrong, if something did.
fn verdict(report: &Report) -> Result<(), Failure> {
    let failure = |code, text: String, help: Option<&str>| {
        Err(Failure::Error {
            code,
            error: text.into(),
            help: help.map(str::to_owned),
        })
    };
    match &report.outcome {
        Outcome::Interrupted { signal } => Err(Failure::Code(128 + *signal as u8)),
        Outcome::TimedOut {
            after,
            killed_holding,
            waiting,
        } => {
            let mut text = format!(
                "not done after {after:?}: counted {} of {}",
                report.r#final, report.expected
            );
            for (worker, pid) in killed_holding {
                let _ = write!(
                    text,
                    "\nerror: worker {worker} (pid {pid}) was killed by SIGKILL while holding the {} lock, \
                     and {waiting} threads wait for it",
                    report.lock
                );
            }
            let help = match killed_holding.is_empty() {
                true => "allow more time with --timeout",
                false => "this lock stays taken when its holder is killed; --lock robust does not",
            };
            failure(FAILED, text, Some(help))
        }
        Outcome::WorkerFailed => {
            let failed = report
                .workers
                .iter()
                .find(|worker| worker.status != "finished" && worker.status != "stopped");
            let text = failed.map_or("a worker failed".to_owned(), |worker| {
                format!(
                    "worker {} (pid {}) failed: {}",
                    worker.index, worker.pid, worker.status
                )
            });
            failure(FAILED, text, None)
        }
        _ if report.verified => Ok(()),
        _ => {
            let (counted, expected) = (report.r#final, report.expected);
            let what = match report.lost {
                1 => "1 add was lost".to_owned(),
                lost if lost > 0 => format!("{lost} were lost"),
                lost => format!("{} too many", -lost),
            };
            failure(
                WRONG,
                format!("counted {counted}, expected {expected}: {what}"),
                None,
            )
        }
    }
}
