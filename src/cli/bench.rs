//! `bench`: which lock, and what does it cost here?

use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use super::args;
use super::exit_code::{Failure, REFUSED, WRONG};
use super::output;
use crate::bench::{self, Entrant, Plan, Report, Watch, plot, table};
use crate::segment;

/// Measure what an add costs with our lock and with others, on this machine
#[derive(Args)]
#[command(after_help = "\
Example: shmcount bench --contenders robust,pthread,flock --procs 1,4

`--help` says who the contenders are, and has the exit status and more examples.")]
#[command(after_long_help = "\
Contenders: robust (our lock, the built-in add), robust-guard (our lock, held by a guard), fifo
(ours, in the order of asking), sharded (our counter, a cell a thread), futex, pthread,
pthread-robust, posix-sem, raw-sync, atomic (lock xadd), flock, ofd, and none, which is wrong on
purpose. Every round's total is checked.

With nothing between two adds, a process that has the lock keeps it for many; each add's own price is
all there is. Programs do something else in between: see with --work, in nanoseconds, what is left.

Exit status: 0 measured; 1 a total was wrong; 2 wrong usage; 4 the system refused; 130 or 143
interrupted.

Examples:
  shmcount bench --contenders robust,pthread,flock --procs 1,4
  shmcount bench --work 500 --plot bench.svg
  shmcount bench --kill")]
pub(super) struct Bench {
    /// Who takes part [default: all]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    contenders: Vec<Entrant>,
    /// Numbers of processes
    #[arg(
        long,
        value_name = "N[,N...]",
        value_delimiter = ',',
        default_value = "1,2,4,8"
    )]
    procs: Vec<usize>,
    /// Length of a round
    #[arg(long, value_name = "TIME", value_parser = args::time, default_value = "1s")]
    time: Duration,
    /// Rounds, of which the median counts
    #[arg(long, value_name = "N", default_value_t = 7)]
    rounds: usize,
    /// Nanoseconds of work between two adds, outside the lock
    #[arg(long, value_name = "NS", default_value_t = 0)]
    work: u64,
    /// How our own locks are released [default: plain where the kernel can]
    #[arg(long, value_name = "HOW", value_enum)]
    release: Option<Release>,
    /// Let the scheduler move processes between processors
    #[arg(long)]
    no_pin: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    /// Draw the result into FILE, as SVG
    #[arg(long, value_name = "FILE", conflicts_with = "kill")]
    plot: Option<PathBuf>,
    /// Measure instead the time from SIGKILL of a holder to the next owner
    #[arg(long)]
    kill: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Release {
    Exchange,
    Plain,
}

impl Bench {
    pub(super) fn run(self) -> Result<(), Failure> {
        // Minutes of measuring must not end in a file that cannot be written.
        self.plot.as_deref().map_or(Ok(()), plot::check)?;
        let plan = self.plan();
        let bar = bar();
        let watch = watch(bar.clone())?;
        let report = match self.kill {
            true => plan.measure_kills(&watch),
            false => plan.measure(&watch),
        };
        bar.finish_and_clear();
        let report = report?;
        self.plot
            .as_deref()
            .map_or(Ok(()), |path| plot::write(&report, path))?;
        match self.json {
            true => output::line(serde_json::to_string(&report).expect("a report is plain data"))?,
            false => output::text(table::of(&report, std::io::stdout().is_terminal()))?,
        }
        verdict(&report)
    }

    fn plan(&self) -> Plan {
        let mut entrants = self.contenders.clone();
        if entrants.is_empty() {
            entrants = Entrant::ALL.to_vec();
        }
        Plan {
            entrants: without_doubles(&entrants),
            procs: without_doubles(&self.procs),
            time: self.time,
            rounds: self.rounds,
            work: Duration::from_nanos(self.work),
            release: self.release.map(|release| match release {
                Release::Exchange => segment::Release::Exchange,
                Release::Plain => segment::Release::Plain,
            }),
            pinned: !self.no_pin,
        }
    }
}

fn without_doubles<T: PartialEq + Copy>(list: &[T]) -> Vec<T> {
    let is_first = |(place, item): &(usize, &T)| !list[..*place].contains(item);
    let firsts = list.iter().enumerate().filter(is_first);
    firsts.map(|(_, item)| *item).collect()
}

/// A bar on a terminal. Nothing moves it but the end of a round: a thread that did would be halved by
/// the forks, and take time from what is measured.
fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {percent:>3}% {msg}, {eta} left");
    let target = match std::io::stderr().is_terminal() {
        true => ProgressDrawTarget::stderr(),
        false => ProgressDrawTarget::hidden(),
    };
    let bar = ProgressBar::with_draw_target(None, target);
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn watch(bar: ProgressBar) -> Result<Watch, Failure> {
    let interrupted = Arc::new(AtomicUsize::new(0));
    for signal in [SIGINT, SIGTERM] {
        let registered = flag::register_usize(signal, Arc::clone(&interrupted), signal as usize);
        registered.map_err(|error| Failure::Error {
            code: REFUSED,
            error: format!("cannot listen for signals: {error}").into(),
            help: None,
        })?;
    }
    Ok(Watch {
        progress: Some(Box::new(move |what, done, all| {
            bar.set_length(all as u64);
            bar.set_position(done as u64);
            bar.set_message(what.to_owned());
        })),
        interrupted,
    })
}

fn verdict(report: &Report) -> Result<(), Failure> {
    match report.wrong().next() {
        None => Ok(()),
        Some(wrong) => Err(Failure::Error {
            code: WRONG,
            error: format!(
                "{} with {} processes lost {:.1} % of the adds",
                wrong.contender,
                wrong.procs,
                wrong.lost * 100.0
            )
            .into(),
            help: None,
        }),
    }
}

impl From<bench::Error> for Failure {
    fn from(error: bench::Error) -> Self {
        let code = match error {
            bench::Error::Contender(error) => return error.into(),
            bench::Error::Interrupted { signal } => 128 + signal as u8,
            bench::Error::OutOfRange { .. } | bench::Error::NotSvg { .. } => {
                super::exit_code::USAGE
            }
            _ => REFUSED,
        };
        Self::Error {
            code,
            error: Box::new(error),
            help: None,
        }
    }
}
