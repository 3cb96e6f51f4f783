//! What a worker does: connect, take its job, wait before the gate, add, and say how it went.

use std::any::Any;
use std::fmt::Display;
use std::io::{self, Write};
use std::panic::{self, AssertUnwindSafe};
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::handshake::Line;
use super::plan::Work;
use super::site::Site;
use crate::contender::{LockKind, Seat, Step};
use crate::segment::Segment;
use crate::sys::bell::Ringer;
use crate::sys::{clock, process};

/// What a worker needs to know.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Job {
    /// By which it rings: no two lives have the same.
    pub number: u32,
    pub segment: String,
    pub worker: usize,
    pub procs: u64,
    pub threads: u64,
    pub adds: u64,
    pub by: i64,
    pub delay: Duration,
    pub hold: Duration,
    pub lock: LockKind,
    pub trace: Option<Trace>,
}

/// Where reads and writes are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Trace {
    Stdout,
    Stderr,
}

/// A worker thread's turn to add: what a closure gets.
pub struct Turn<'a> {
    job: &'a Job,
    site: &'a Site,
    seat: Seat<'a>,
    ringer: &'a Ringer,
    done: u64,
}

/// Works as a coordinator tells: the whole life of a spawned worker. Its arguments are those that
/// the coordinator gave to the program; its standard input is the coordinator's bell.
///
/// # Errors
///
/// When there is no coordinator to be reached.
pub fn work_as_told(coordinator: u32, number: u32, address: String) -> io::Result<()> {
    process::die_with(coordinator)?;
    let ringer = Ringer::from_stdin()?;
    let line = Line::connect(address)?;
    ringer.ring(number);
    let (job, voice) = line.receive_job()?;
    let outcome = Site::open(&job)
        .map_err(said)
        .and_then(|site| work(&job, &site, &ringer, &Work::BuiltIn(None)));
    voice.tell(outcome);
    ringer.ring(number);
    Ok(())
}

fn said(error: impl Display) -> String {
    error.to_string()
}

fn panicked(panic: &dyn Any) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!(
        "panicked: {}",
        text.unwrap_or("with something that is no text")
    )
}

/// Does the job, or says why not.
pub(super) fn work(job: &Job, site: &Site, ringer: &Ringer, work: &Work) -> Result<(), String> {
    let one_thread = |seat| {
        site.gate.arrive(job.procs * job.threads).map_err(said)?;
        site.gate.pass();
        let mut turn = Turn {
            job,
            site,
            seat,
            ringer,
            done: site.contender.tally(seat),
        };
        let outcome = match work {
            Work::Closure(closure) => {
                let called = panic::catch_unwind(AssertUnwindSafe(|| closure(&mut turn)));
                called.unwrap_or_else(|panic| Err(panicked(&*panic)))
            }
            _ => turn.add_all(),
        };
        seat.set_finished_ns(clock::monotonic_ns());
        outcome
    };
    match job.threads {
        1 => one_thread(site.first_seat(job.worker)),
        _ => thread::scope(|scope| {
            let spawn = |(thread, seat)| {
                thread::Builder::new()
                    .spawn_scoped(scope, move || one_thread(seat))
                    .map_err(|error| format!("cannot start thread {thread}: {error}"))
            };
            let seats = site.seats_of(job.worker).enumerate();
            let running: Result<Vec<_>, _> = seats.map(spawn).collect();
            let mut outcomes = running?.into_iter().map(|thread| match thread.join() {
                Ok(outcome) => outcome,
                Err(panic) => Err(panicked(&*panic)),
            });
            outcomes.find(Result::is_err).unwrap_or(Ok(()))
        }),
    }
}

impl Turn<'_> {
    /// Returns which worker this is, from 0.
    pub fn worker(&self) -> usize {
        self.job.worker
    }

    /// Returns how many workers there are.
    pub fn procs(&self) -> u64 {
        self.job.procs
    }

    /// Returns how many adds are left to do.
    pub fn remaining(&self) -> u64 {
        self.job.adds.saturating_sub(self.done)
    }

    /// Returns the segment of the run.
    pub fn segment(&self) -> &Segment {
        &self.site.segment
    }

    /// Does one of the adds.
    ///
    /// # Errors
    ///
    /// A sentence that says why it was not added.
    #[inline]
    pub fn add(&mut self) -> Result<(), String> {
        self.keep_course();
        if !self.job.delay.is_zero() {
            thread::sleep(self.job.delay);
        }
        if self.job.hold.is_zero() && self.job.trace.is_none() {
            self.site.contender.add(self.seat, self.job.by, None)
        } else {
            self.add_slowly()
        }
        .map_err(said)?;
        self.done += 1;
        Ok(())
    }

    /// Does all the adds that are left.
    ///
    /// # Errors
    ///
    /// As [`add`](Self::add).
    pub fn add_all(&mut self) -> Result<(), String> {
        while self.remaining() > 0 {
            self.add()?;
        }
        Ok(())
    }

    fn add_slowly(&self) -> Result<(), crate::contender::Error> {
        let mut observer = |step: Step| {
            if let Some(trace) = self.job.trace {
                print(trace, self.job.worker, step);
            }
            if let Step::Read(_) = step {
                thread::sleep(self.job.hold);
            }
        };
        let contender = &self.site.contender;
        contender.add(self.seat, self.job.by, Some(&mut observer))
    }

    /// Tells the coordinator that the place of a kill is reached; at the limit, waits for it.
    #[inline]
    fn keep_course(&self) {
        if self.done == self.seat.mark() {
            self.ringer.ring(self.job.number);
        }
        if self.done >= self.seat.limit() {
            loop {
                thread::park();
            }
        }
    }
}

/// Prints a step, as one write, so that lines stay whole and in order.
fn print(trace: Trace, worker: usize, step: Step) {
    let line = match step {
        Step::Read(value) => format!("worker {worker} read {value}\n"),
        Step::Wrote(value) => format!("worker {worker} wrote {value}\n"),
    };
    // A reader that has gone does not stop the count.
    let _ = match trace {
        Trace::Stdout => io::stdout().write_all(line.as_bytes()),
        Trace::Stderr => io::stderr().write_all(line.as_bytes()),
    };
}
