//! One round: some processes add to one number for a while.
//!
//! They start together at a gate. Each adds in batches until the stop flag is set, and notes how
//! often it added, from when to when, and how much processor time that took.

use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};

use super::children::Children;
use super::entrant::Entrant;
use super::error::Error;
use super::plan::{Plan, Watch};
use super::processors::Processors;
use super::yard::Yard;
use crate::contender::{Bare, Work};
use crate::run::Gate;
use crate::sys::atomic::AtomicU64;

/// Adds between two looks at the stop flag: those cost a fast add under 1 %, and the slowest
/// contender some milliseconds at the end.
const BATCH: u64 = 64;
/// How long processes may take to start, and to stop, on a machine that has others to serve.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often the one that measures looks up.
const TICK: Duration = Duration::from_millis(50);

/// What came of a round.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Round {
    /// The adds of each process.
    pub adds: Vec<u64>,
    /// From the first add to the last, in nanoseconds.
    pub elapsed: u64,
    /// The processor time of all processes, in nanoseconds.
    pub cpu: u64,
    /// What was counted.
    pub total: i64,
}

/// What a process notes, word by word.
const ADDS: usize = 0;
const START: usize = 1;
const END: usize = 2;
const CPU: usize = 3;

impl Round {
    /// Has one carried out.
    pub(super) fn run(
        plan: &Plan,
        entrant: Entrant,
        procs: usize,
        work: Work,
        watch: &Watch,
    ) -> Result<Self, Error> {
        // The first notes are the stop flag's.
        let yard = Yard::new(entrant, 1 + procs, plan.release)?;
        let gate = Gate::new(yard.segment())?;
        let processors = plan.pinned.then(Processors::allowed);
        let mut children = Children::default();
        for process in 0..procs {
            children.fork(|| {
                if let Some(processors) = &processors {
                    processors.pin(process);
                }
                let added = gate.arrive(procs as u64).is_ok() && {
                    gate.pass();
                    add_until(
                        &*yard.contender,
                        &yard.notes(0)[0],
                        work,
                        yard.notes(1 + process),
                    )
                };
                i32::from(!added)
            })?;
        }
        let failed = |end| Error::Failed { entrant, end };
        let stuck = Error::Stuck {
            entrant,
            after: PATIENCE,
        };
        let waiting = Instant::now();
        while !gate.pass_within(TICK) {
            watch.look()?;
            children.collect().map_err(failed)?;
            if waiting.elapsed() > PATIENCE {
                return Err(stuck);
            }
        }
        sleep(plan.time, watch)?;
        yard.notes(0)[0].store(1, Relaxed);
        match children.join(PATIENCE).map_err(failed)? {
            true => Ok(Self::read(&yard, procs)),
            false => Err(stuck),
        }
    }

    fn read(yard: &Yard, procs: usize) -> Self {
        // Relaxed: the writers have ended and were waited for.
        let each = |word: usize| {
            (0..procs).map(move |process| yard.notes(1 + process)[word].load(Relaxed))
        };
        let (first, last) = (each(START).min(), each(END).max());
        Self {
            adds: each(ADDS).collect(),
            elapsed: last.unwrap_or(0) - first.unwrap_or(0),
            cpu: each(CPU).sum(),
            total: yard.contender.total(),
        }
    }

    /// Returns the adds of all processes.
    pub(super) fn all_adds(&self) -> u64 {
        self.adds.iter().sum()
    }
}

/// Adds until the flag is set, and takes notes; tells whether all adds worked.
fn add_until(contender: &dyn Bare, stop: &AtomicU64, work: Work, notes: &[AtomicU64]) -> bool {
    let mut adds = 0;
    let (start, cpu) = (now(), cpu_time());
    // Relaxed: the flag says nothing about anything else.
    while stop.load(Relaxed) == 0 {
        if contender.add_many(1, BATCH, work).is_err() {
            return false;
        }
        adds += BATCH;
    }
    let (end, cpu) = (now(), cpu_time() - cpu);
    for (word, figure) in [(ADDS, adds), (START, start), (END, end), (CPU, cpu)] {
        notes[word].store(figure, Relaxed);
    }
    true
}

fn sleep(time: Duration, watch: &Watch) -> Result<(), Error> {
    let start = Instant::now();
    while let Some(left) = time
        .checked_sub(start.elapsed())
        .filter(|left| !left.is_zero())
    {
        thread::sleep(left.min(TICK));
        watch.look()?;
    }
    Ok(())
}

/// Nanoseconds of a clock that all processes share.
pub(super) fn now() -> u64 {
    nanoseconds(ClockId::CLOCK_MONOTONIC)
}

/// Nanoseconds that this process has run.
fn cpu_time() -> u64 {
    nanoseconds(ClockId::CLOCK_PROCESS_CPUTIME_ID)
}

fn nanoseconds(clock: ClockId) -> u64 {
    let time = clock_gettime(clock).expect("Linux has both clocks");
    Duration::from(time).as_nanos() as u64
}
