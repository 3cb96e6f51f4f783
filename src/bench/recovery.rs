//! What happens to a lock when its holder is killed: who waits has it soon, or never.
//!
//! One process takes the lock and stays inside, another asks for it and sleeps. The holder is killed;
//! the other notes when it is inside. The rest of its life is bounded, so a lock that stays taken
//! is seen as such.

use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use serde::Serialize;

use super::children::Children;
use super::entrant::Entrant;
use super::error::Error;
use super::plan::{Plan, Watch};
use super::processors::Processors;
use super::round::now;
use super::spread::Spread;
use super::yard::Yard;
use crate::contender::{Contender, Seat, Step};
use crate::sys::atomic::AtomicU64;
use crate::sys::process;

/// Who has not got the lock of a dead holder after so long never will: the slowest that does takes a
/// thousandth of it.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long processes may take to start on a machine that has others to serve.
const START: Duration = Duration::from_secs(30);
/// How often a note is looked at.
const TICK: Duration = Duration::from_micros(200);

/// What becomes of a lock whose holder is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The waiter has it soon.
    Recovers,
    /// The waiter does not get it.
    Hangs,
    /// The waiter does not have to wait: there is no lock.
    NoLock,
}

/// What some kills come to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Recovery {
    /// Which contender.
    pub contender: Entrant,
    /// What became of its lock.
    pub outcome: Outcome,
    /// From SIGKILL to the next owner, in nanoseconds, if there was one every time.
    pub ns: Option<Spread>,
}

impl Recovery {
    pub(super) fn of(contender: Entrant, kills: &[Kill]) -> Self {
        let outcome = kills.iter().map(|kill| kill.outcome());
        let bad = outcome
            .into_iter()
            .find(|outcome| *outcome != Outcome::Recovers);
        let times = kills.iter().filter_map(|kill| match kill {
            Kill::Recovered { ns } => Some(*ns as f64),
            _ => None,
        });
        Self {
            contender,
            outcome: bad.unwrap_or(Outcome::Recovers),
            ns: bad.is_none().then(|| Spread::of(times)),
        }
    }
}

/// What came of one kill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kill {
    Recovered { ns: u64 },
    Hung,
    NotHeld,
}

impl Kill {
    pub(super) fn outcome(self) -> Outcome {
        match self {
            Self::Recovered { .. } => Outcome::Recovers,
            Self::Hung => Outcome::Hangs,
            Self::NotHeld => Outcome::NoLock,
        }
    }
}

/// What the processes note.
struct Notes<'a> {
    /// Set by the holder when it is inside.
    holding: &'a AtomicU64,
    /// Set by the waiter before it asks.
    asking: &'a AtomicU64,
    /// When the waiter was inside.
    inside: &'a AtomicU64,
}

/// Kills a holder and sees what comes of it.
pub(super) fn kill_holder(plan: &Plan, entrant: Entrant, watch: &Watch) -> Result<Kill, Error> {
    let yard = Yard::new(entrant, 3, plan.release)?;
    let notes = Notes {
        holding: &yard.notes(0)[0],
        asking: &yard.notes(1)[0],
        inside: &yard.notes(2)[0],
    };
    let processors = plan.pinned.then(Processors::allowed);
    let pin = |process| processors.iter().for_each(|all| all.pin(process));
    let mut children = Children::default();
    let contender = &*yard.contender;
    let holder = children.fork(|| {
        pin(0);
        hold(contender, notes.holding)
    })?;
    wait_for(notes.holding, entrant, &mut children, watch)?;
    let waiter = children.fork(|| {
        pin(1);
        ask(contender, &notes)
    })?;
    wait_for(notes.asking, entrant, &mut children, watch)?;
    // From here on nothing but the lock puts it to sleep. One that never sleeps polls.
    let asked = Instant::now();
    while !process::is_asleep(waiter.as_raw() as u32) && asked.elapsed() < PATIENCE {
        watch.look()?;
        // Relaxed, here and below: each note says only that one thing.
        if notes.inside.load(Relaxed) != 0 {
            return Ok(Kill::NotHeld);
        }
        thread::sleep(TICK);
    }
    let killed = now();
    // It is our child, and not waited for yet.
    let _ = kill(holder, Signal::SIGKILL);
    let start = Instant::now();
    while notes.inside.load(Relaxed) == 0 {
        watch.look()?;
        if start.elapsed() > PATIENCE {
            return Ok(Kill::Hung);
        }
        thread::sleep(TICK);
    }
    children.kill(holder);
    let failed = |end| Error::Failed { entrant, end };
    children.join(PATIENCE).map_err(failed)?;
    let ns = notes.inside.load(Relaxed) - killed;
    Ok(Kill::Recovered { ns })
}

/// Takes the lock and stays inside.
fn hold(contender: &dyn Contender, holding: &AtomicU64) -> i32 {
    let words = Default::default();
    let mut stay = |_: Step| {
        holding.store(1, Relaxed);
        loop {
            thread::park();
        }
    };
    // Only an error returns from it.
    let _ = contender.add(Seat::alone(&words), 1, Some(&mut stay));
    1
}

/// Takes the lock when it can be had, and notes when that was.
fn ask(contender: &dyn Contender, notes: &Notes<'_>) -> i32 {
    let words = Default::default();
    let mut note = |step: Step| {
        if let Step::Read(_) = step {
            notes.inside.store(now(), Relaxed);
        }
    };
    notes.asking.store(1, Relaxed);
    let added = contender.add(Seat::alone(&words), 1, Some(&mut note));
    i32::from(added.is_err())
}

fn wait_for(
    note: &AtomicU64,
    entrant: Entrant,
    children: &mut Children,
    watch: &Watch,
) -> Result<(), Error> {
    let start = Instant::now();
    while note.load(Relaxed) == 0 {
        watch.look()?;
        let failed = |end| Error::Failed { entrant, end };
        children.collect().map_err(failed)?;
        if start.elapsed() > START {
            return Err(Error::Stuck {
                entrant,
                after: START,
            });
        }
        thread::sleep(TICK);
    }
    Ok(())
}
