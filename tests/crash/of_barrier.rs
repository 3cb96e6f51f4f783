//! A barrier, while those who come, wait, leave and reset it are killed: nobody who lives waits on.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;
use nix::unistd::pause;
use shmcount::{Barrier, BarrierError, Release};

use super::process::{Child, patience};
use super::run::{Fate, Run};
use super::scenario::{SAY, Scenario, Test, with_both_releases};
use super::shared::Shared;
use super::storm::{kills_or, seed};
use super::subject::Stage;

pub fn scenarios() -> Vec<Scenario> {
    with_both_releases(&[
        ("barrier", "the last to come", last_to_come),
        ("barrier", "one of three", one_of_three),
        ("barrier", "joins, comes last, leaves", party_comes_last),
        ("barrier", "joins and leaves", party_leaves),
        ("barrier", "gives up", gives_up),
        ("barrier", "resets", resets),
        ("barrier", "hears of a death", hears_of_a_death),
        ("barrier", "another dies meanwhile", another_dies),
    ])
}

/// A barrier on a stage, and another process that waits at it.
struct Staged {
    barrier: Barrier,
    stage: Stage,
    /// What came of the other's wait.
    other: Shared<AtomicU32>,
}

const MET: u32 = 1;
const BROKEN: u32 = 2;

impl Staged {
    fn new(release: Release, parties: u32) -> Self {
        let stage = Stage::new(release);
        let barrier = stage.segment.barrier("meeting", parties);
        Self {
            barrier: barrier.expect("there is room"),
            stage,
            other: Shared::new(AtomicU32::new(0)),
        }
    }

    /// Starts the other process, and returns when it waits.
    fn waiter(&self) -> Child {
        let child = Child::start(|| {
            let outcome = match self.barrier.wait() {
                Ok(_) => MET,
                Err(BarrierError::Broken(_)) => BROKEN,
                Err(error) => panic!("{error}"),
            };
            self.other.store(outcome, SeqCst);
        });
        child.wait_until_asleep();
        child
    }

    fn is_open(&self) -> bool {
        self.barrier.generation() == 0 && self.barrier.broken_by().is_none()
    }

    /// What everybody else finds when the victim is dead. If it had not come, others come in its
    /// place; if all had come before, they have met whatever happened then.
    fn verdict(&self, other: Child, had_met: bool) -> Fate {
        let missing = self.barrier.parties() - self.barrier.waiting();
        if self.is_open() && missing > 0 {
            let others: Vec<Child> = (1..missing).map(|_| self.newcomer()).collect();
            if let Err(error @ BarrierError::TimedOut { .. }) =
                self.barrier.wait_timeout(patience())
            {
                return Fate::Hung(format!("in its place: {error}"));
            }
            if !others.into_iter().all(Child::ends) {
                return Fate::Hung("who came in its place waits on".to_owned());
            }
        }
        if !other.ends() {
            return Fate::Hung("who waits at the barrier waits on".to_owned());
        }
        let have_met = self.barrier.generation() > 0;
        match (have_met, self.other.load(SeqCst)) {
            (true, MET) => {}
            (false, BROKEN) if !had_met => {}
            (_, outcome) => return Fate::Torn(format!("met {have_met}, told {outcome}")),
        }
        self.next_meeting(have_met)
    }

    fn newcomer(&self) -> Child {
        let child = Child::start(|| {
            let _ = self.barrier.wait();
        });
        child.wait_until_asleep();
        child
    }

    /// Resets the barrier and has all meet.
    fn next_meeting(&self, have_met: bool) -> Fate {
        self.barrier.reset().expect("not held");
        let others: Vec<Child> = (1..self.barrier.parties())
            .map(|_| self.newcomer())
            .collect();
        if let Err(error) = self.barrier.wait_timeout(patience()) {
            return Fate::Torn(format!("the next meeting: {error}"));
        }
        match others.into_iter().all(Child::ends) {
            true if have_met => Fate::After,
            true => Fate::Before,
            false => Fate::Hung("one of the next meeting waits on".to_owned()),
        }
    }
}

/// Another waits when the victim does something to the barrier.
fn beside_a_waiter(
    release: Release,
    run: &mut Run,
    parties: u32,
    operation: impl FnOnce(&Barrier),
) -> Fate {
    let staged = Staged::new(release, parties);
    let other = staged.waiter();
    let operation = || operation(&staged.barrier);
    let mut victim = run.start(operation, || staged.stage.digest());
    victim.go_on(|| ());
    let had_met = staged.barrier.generation() > 0;
    victim.kill();
    staged.verdict(other, had_met)
}

fn last_to_come(release: Release, run: &mut Run) -> Fate {
    beside_a_waiter(release, run, 2, |barrier| {
        let _ = barrier.wait();
    })
}

fn party_comes_last(release: Release, run: &mut Run) -> Fate {
    beside_a_waiter(release, run, 2, |barrier| {
        let party = barrier.join().expect("there is a seat");
        let _ = party.wait();
        drop(party);
    })
}

fn party_leaves(release: Release, run: &mut Run) -> Fate {
    beside_a_waiter(release, run, 2, |barrier| drop(barrier.join()))
}

fn gives_up(release: Release, run: &mut Run) -> Fate {
    // Single steps take 20 µs each, and the time must not be over before the sleep.
    let timeout = Duration::from_millis(if run.is_recording() { 100 } else { 5 });
    beside_a_waiter(release, run, 3, |barrier| {
        let _ = barrier.wait_timeout(timeout);
    })
}

/// The victim comes, sleeps, and is woken because all have come.
fn one_of_three(release: Release, run: &mut Run) -> Fate {
    let staged = Staged::new(release, 3);
    let other = staged.waiter();
    let has_come = Cell::new(false);
    let operation = || {
        let _ = staged.barrier.wait();
    };
    let mut victim = run.start(operation, || staged.stage.digest());
    victim.go_on(|| {
        if !has_come.replace(true) {
            let _ = staged.barrier.wait_timeout(patience());
        }
    });
    let had_met = staged.barrier.generation() > 0;
    victim.kill();
    staged.verdict(other, had_met)
}

/// Who waits is told, and never that all have met.
fn resets(release: Release, run: &mut Run) -> Fate {
    let staged = Staged::new(release, 2);
    let other = staged.waiter();
    let operation = || staged.barrier.reset().expect("not held");
    let mut victim = run.start(operation, || staged.stage.digest());
    victim.go_on(|| ());
    victim.kill();
    let is_reset = staged.barrier.generation() > 0;
    if staged.is_open() {
        staged.barrier.reset().expect("not held");
    }
    if !other.ends() {
        return Fate::Hung("who was to be broken out waits on".to_owned());
    }
    match staged.other.load(SeqCst) {
        BROKEN => staged.next_meeting(is_reset),
        outcome => Fate::Torn(format!("told {outcome}")),
    }
}

/// The victim is woken because a party died, and dies before or while it tells the others.
fn hears_of_a_death(release: Release, run: &mut Run) -> Fate {
    let staged = Staged::new(release, 3);
    let has_joined = Shared::new(AtomicBool::new(false));
    let seated = Child::start(|| {
        let _party = staged.barrier.join();
        has_joined.store(true, SeqCst);
        loop {
            pause();
        }
    });
    while !has_joined.load(SeqCst) {
        thread::yield_now();
    }
    let seated = Cell::new(Some(seated));
    let mut victim = run.start(
        || {
            let _ = staged.barrier.wait();
        },
        || staged.stage.digest(),
    );
    let other = Cell::new(None);
    victim.go_on(|| {
        if let Some(seated) = seated.take() {
            other.set(Some(staged.waiter()));
            seated.kill();
        }
    });
    let other = other.take().unwrap_or_else(|| staged.waiter());
    victim.kill();
    let was_told = seated.take().is_none();
    if !other.ends() {
        return Fate::Hung("who has to hear of a death waits on".to_owned());
    }
    match staged.other.load(SeqCst) {
        BROKEN => staged.next_meeting(was_told),
        outcome => Fate::Torn(format!("told {outcome}")),
    }
}

/// One who waits is killed while the victim comes, which would take its place: who else waits is told.
/// Once its notes were gone with the place, and its death with them.
fn another_dies(release: Release, run: &mut Run) -> Fate {
    let staged = Staged::new(release, 3);
    let first = staged.newcomer();
    let other = staged.waiter();
    let operation = || {
        let _ = staged.barrier.wait();
    };
    let mut victim = run.start(operation, || staged.stage.digest());
    victim.go_on(|| ());
    first.kill();
    victim.finish(|| ());
    let is_told = other.ends();
    // Not before: its own death would be told, too.
    victim.kill();
    if !is_told {
        return Fate::Hung("who waits beside the dead waits on".to_owned());
    }
    // Met, if all had been counted before the death.
    let have_met = staged.barrier.generation() > 0;
    match (have_met, staged.other.load(SeqCst)) {
        (true, MET) | (false, BROKEN) => staged.next_meeting(have_met),
        (_, outcome) => Fate::Torn(format!("met {have_met}, told {outcome}")),
    }
}

const PARTIES: u32 = 4;

pub fn tests() -> Vec<Test> {
    let mut all = Vec::new();
    for (release_name, release) in [("exchange", Release::Exchange), ("plain", Release::Plain)] {
        for (name, joins) in [("parties", true), ("visitors", false)] {
            all.push(Test {
                name: format!("a_killed_party_never_leaves_one_waiting::{name}::{release_name}"),
                is_ignored: false,
                play: Box::new(move || storm(release, joins, kills_or(200), seed())),
            });
        }
    }
    all
}

/// Kills one of those who meet again and again, at a random moment; all others must hear of it.
/// Visitors do not if the one was not at the barrier: then they wait, all of them, for another.
fn storm(release: Release, joins: bool, kills: usize, seed: u64) -> Result<(), String> {
    let staged = Staged::new(release, PARTIES);
    let mut random = Rng::with_seed(seed);
    let mut unnoticed = 0;
    for kill in 0..kills {
        let work = || {
            let party = joins.then(|| staged.barrier.join().expect("there is a seat"));
            let meet = || match &party {
                Some(party) => party.wait(),
                None => staged.barrier.wait(),
            };
            while meet().is_ok() {}
        };
        let mut all: Vec<Child> = (0..PARTIES).map(|_| Child::start(work)).collect();
        // Not to wait for anything: any moment is as good as another.
        thread::sleep(Duration::from_micros(random.u64(..4_000)));
        all.swap_remove(random.usize(..PARTIES as usize)).kill();
        let end = Instant::now() + 10 * patience();
        while !all.is_empty() {
            all.retain_mut(|child| child.poll().is_none());
            let is_missed = staged.barrier.waiting() == PARTIES as usize - 1;
            if is_missed && staged.barrier.broken_by().is_none() && all.iter().all(Child::is_asleep)
            {
                unnoticed += 1;
                staged.barrier.reset().map_err(|error| error.to_string())?;
            }
            if Instant::now() > end {
                return Err(format!(
                    "{} wait after {kill} kills, {:?}, seed {seed}",
                    all.len(),
                    staged.barrier
                ));
            }
            thread::yield_now();
        }
        staged.barrier.reset().map_err(|error| error.to_string())?;
    }
    println!(
        "{SAY}barrier storm: {kills} kills, {unnoticed} of one that was not there, {} meetings; \
         seed {seed}",
        staged.barrier.generation()
    );
    Ok(())
}
