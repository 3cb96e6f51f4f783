//! A semaphore, while those who hold its permits, wait for them and give them back are killed.

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;
use nix::unistd::pause;
use shmcount::{Permit, Release, Semaphore};

use super::process::{Child, patience};
use super::run::{Fate, Run};
use super::scenario::{SAY, Scenario, Test, with_both_releases};
use super::shared::Shared;
use super::storm::{kills_or, seed};
use super::subject::Stage;

/// A semaphore on a stage.
struct Staged {
    semaphore: Semaphore,
    stage: Stage,
}

pub fn scenarios() -> Vec<Scenario> {
    with_both_releases(&[
        ("semaphore", "alone", alone),
        ("semaphore", "one waits", with_a_waiter),
        ("semaphore", "one waits, a third takes it", with_a_third),
        ("semaphore", "woken by a release", woken_by_a_release),
        ("semaphore", "woken by a death", woken_by_a_death),
        ("semaphore", "timing out", timing_out),
    ])
}

impl Staged {
    fn new(release: Release, permits: u32) -> Self {
        let stage = Stage::new(release);
        let semaphore = stage.segment.semaphore("permits", permits);
        Self {
            semaphore: semaphore.expect("there is room"),
            stage,
        }
    }

    /// What is killed: takes a permit, and gives it back.
    fn operate(&self) {
        drop(self.semaphore.acquire().expect("it holds none"));
    }

    fn hold(&self) -> Permit<'_> {
        self.semaphore.acquire().expect("it is free")
    }

    /// Starts a process that waits for a permit, takes it and gives it back.
    fn waiter(&self) -> Child {
        let child = Child::start(|| self.operate());
        child.wait_until_asleep();
        child
    }

    /// Starts a process that takes a permit and keeps it.
    fn holder(&self) -> Child {
        let child = Child::start(|| {
            let _held = self.semaphore.acquire();
            loop {
                pause();
            }
        });
        while self.semaphore.available() > 0 {
            thread::yield_now();
        }
        child
    }

    /// What everybody else finds: all permits can be had, and no more.
    fn verdict(&self, was_held: bool) -> Fate {
        let permits = self.semaphore.permits();
        let acquire = |_| self.semaphore.acquire_timeout(patience()).ok();
        let held: Vec<_> = (0..permits).map_while(acquire).collect();
        if held.len() < permits {
            return Fate::Hung(format!("{} of {permits} permits are left", held.len()));
        }
        if self.semaphore.try_acquire().is_ok() {
            return Fate::Torn("a permit too many".to_owned());
        }
        drop(held);
        match was_held {
            true => Fate::After,
            false => Fate::Before,
        }
    }
}

fn alone(release: Release, run: &mut Run) -> Fate {
    let staged = Staged::new(release, 2);
    let mut victim = run.start(|| staged.operate(), || staged.stage.digest());
    victim.go_on(|| ());
    let was_held = staged.semaphore.available() < 2;
    victim.kill();
    staged.verdict(was_held)
}

fn with_a_waiter(release: Release, run: &mut Run) -> Fate {
    with_others(release, run, false)
}

/// The third acquires between the giving back and the waking of who waits, and gives back later.
fn with_a_third(release: Release, run: &mut Run) -> Fate {
    with_others(release, run, true)
}

fn with_others(release: Release, run: &mut Run, with_a_third: bool) -> Fate {
    let staged = Staged::new(release, 1);
    let mut victim = run.start(|| staged.operate(), || staged.stage.digest());
    let is_held = victim.lives_until(|| staged.semaphore.available() == 0, || ());
    let waiter = is_held.then(|| staged.waiter());
    victim.go_on(|| ());
    let was_held = staged.semaphore.available() == 0;
    let third = with_a_third.then(|| staged.semaphore.try_acquire().ok());
    victim.kill();
    drop(third);
    if waiter.is_some_and(|waiter| !waiter.ends()) {
        return waits_on();
    }
    staged.verdict(was_held)
}

fn woken_by_a_release(release: Release, run: &mut Run) -> Fate {
    let staged = Staged::new(release, 1);
    let permit = RefCell::new(Some(staged.hold()));
    let other = RefCell::new(None);
    let mut victim = run.start(|| staged.operate(), || staged.stage.digest());
    victim.go_on(|| {
        if let Some(permit) = permit.take() {
            other.replace(Some(staged.waiter()));
            drop(permit);
        }
    });
    let was_held = permit.borrow().is_none();
    let other = other.take().unwrap_or_else(|| staged.waiter());
    victim.kill();
    drop(permit.take());
    match other.ends() {
        true => staged.verdict(was_held),
        false => waits_on(),
    }
}

fn woken_by_a_death(release: Release, run: &mut Run) -> Fate {
    let staged = Staged::new(release, 1);
    let holder = RefCell::new(Some(staged.holder()));
    let other = RefCell::new(None);
    let mut victim = run.start(|| staged.operate(), || staged.stage.digest());
    victim.go_on(|| {
        if let Some(holder) = holder.take() {
            other.replace(Some(staged.waiter()));
            holder.kill();
        }
    });
    let was_held = holder.borrow().is_none();
    let other = other.take().unwrap_or_else(|| staged.waiter());
    victim.kill();
    drop(holder.take());
    match other.ends() {
        true => staged.verdict(was_held),
        false => waits_on(),
    }
}

fn timing_out(release: Release, run: &mut Run) -> Fate {
    let staged = Staged::new(release, 1);
    let permit = staged.hold();
    let other = RefCell::new(None);
    // Single steps take 20 µs each, and the time must not be over before the sleep.
    let timeout = Duration::from_millis(if run.is_recording() { 100 } else { 5 });
    let operation = || drop(staged.semaphore.acquire_timeout(timeout));
    let mut victim = run.start(operation, || staged.stage.digest());
    victim.go_on(|| {
        let mut other = other.borrow_mut();
        other.get_or_insert_with(|| staged.waiter());
    });
    let other = other.take().unwrap_or_else(|| staged.waiter());
    victim.kill();
    drop(permit);
    match other.ends() {
        true => staged.verdict(false),
        false => waits_on(),
    }
}

fn waits_on() -> Fate {
    Fate::Hung("who waits for a permit waits on".to_owned())
}

const PERMITS: u32 = 4;
const WORKERS: usize = 8;
/// Behind the bits that say who is inside are those that say who is about to be killed: a dying
/// worker's permit is free before this process hears of its death.
const DOOMED: u32 = 32;

pub fn tests() -> Vec<Test> {
    let releases = [("exchange", Release::Exchange), ("plain", Release::Plain)];
    let test = |(name, release)| Test {
        name: format!("killed_holders_permits_come_back_and_no_more_are_inside::{name}"),
        is_ignored: false,
        play: Box::new(move || storm(release, kills_or(100), seed())),
    };
    releases.map(test).into_iter().collect()
}

/// Kills random ones of those who come and go. Who is inside is in one word that is none of the
/// semaphore's, so that it can be counted at one moment.
fn storm(release: Release, kills: usize, seed: u64) -> Result<(), String> {
    let staged = Staged::new(release, PERMITS);
    let inside = Shared::new(AtomicU64::new(0));
    let crowded = Shared::new(AtomicU64::new(0));
    let entered = Shared::new(AtomicU64::new(0));
    let stop = Shared::new(AtomicBool::new(false));
    let work = |worker: usize| {
        while !stop.load(SeqCst) {
            let permit = staged.semaphore.acquire().expect("it holds none");
            let found = inside.fetch_or(1 << worker, SeqCst) | 1 << worker;
            let living = found as u32 & !((found >> DOOMED) as u32);
            if living.count_ones() > PERMITS {
                crowded.fetch_add(1, SeqCst);
            }
            entered.fetch_add(1, SeqCst);
            thread::yield_now();
            inside.fetch_and(!(1 << worker), SeqCst);
            drop(permit);
        }
    };
    let start = |worker: usize| Child::start(|| work(worker));
    let mut workers: Vec<Option<Child>> = (0..WORKERS).map(|worker| Some(start(worker))).collect();
    let mut random = Rng::with_seed(seed);
    let mut held = 0;
    for _ in 0..kills {
        // Not to wait for anything: any moment is as good as another.
        thread::sleep(Duration::from_micros(random.u64(..1_500)));
        let worker = random.usize(..WORKERS);
        inside.fetch_or(1 << (worker as u32 + DOOMED), SeqCst);
        workers[worker].take().expect("it was started").kill();
        held += count_and_clear(&inside, worker);
        workers[worker] = Some(start(worker));
    }
    let progress = wait_for(|| entered.load(SeqCst), 10 * WORKERS as u64);
    stop.store(true, SeqCst);
    let ended = workers.into_iter().flatten().all(Child::ends);
    println!(
        "{SAY}semaphore storm: {kills} kills, {held} of them of a holder, {} entered; seed {seed}",
        entered.load(SeqCst)
    );
    match (
        crowded.load(SeqCst),
        progress && ended,
        staged.verdict(true),
    ) {
        (0, true, Fate::After) => Ok(()),
        (0, false, _) => Err(format!("somebody waits on, seed {seed}")),
        (0, true, fate) => Err(format!("{fate:?}, seed {seed}")),
        (times, ..) => Err(format!("{times} times too many were inside, seed {seed}")),
    }
}

/// Forgets a dead worker; returns 1 if it had been inside.
fn count_and_clear(inside: &AtomicU64, worker: usize) -> u64 {
    let worker = worker as u32;
    let before = inside.fetch_and(!(1 << worker | 1 << (worker + DOOMED)), SeqCst);
    before >> worker & 1
}

/// Waits until a number has grown by so much.
pub fn wait_for(number: impl Fn() -> u64, by: u64) -> bool {
    let (start, end) = (number(), Instant::now() + 10 * patience());
    while number() < start + by {
        if Instant::now() > end {
            return false;
        }
        thread::yield_now();
    }
    true
}
