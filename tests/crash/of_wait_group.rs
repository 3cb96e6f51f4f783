//! A wait group, while those who take on tasks, do them and wait for them are killed: each task
//! ends once, done or lost.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use fastrand::Rng;
use nix::unistd::pause;
use shmcount::{Release, WaitGroup};

use super::process::{Child, patience};
use super::run::{Fate, Run, kill_after_each, record};
use super::scenario::{SAY, Scenario, Test, with_both_releases};
use super::shared::Shared;
use super::storm::{kills_or, seed};
use super::subject::Stage;
use super::victim::Victim;

pub fn scenarios() -> Vec<Scenario> {
    let mut all = with_both_releases(&[
        ("wait group", "adds", adds),
        ("wait group", "one waits for its done", is_done),
        ("wait group", "one waits for its task", begins_and_is_done),
        ("wait group", "takes on after a death", begins_after_a_death),
        ("wait group", "hears of a death", hears_of_a_death),
    ]);
    for (release, name) in [(Release::Exchange, "exchange"), (Release::Plain, "plain")] {
        let situation = "takes on after two deaths";
        let scenario = Scenario::new("wait group", situation, name, move || {
            begins_after_two_deaths(release)
        });
        all.push(scenario);
    }
    all
}

/// A wait group on a stage, and what a process that waits was told.
struct Staged {
    group: WaitGroup,
    stage: Stage,
    told: Shared<AtomicU64>,
}

impl Staged {
    fn new(release: Release, most_tasks: u32) -> Self {
        let stage = Stage::new(release);
        let group = stage.segment.wait_group("tasks", most_tasks);
        Self {
            group: group.expect("there is room"),
            stage,
            told: Shared::new(AtomicU64::new(u64::MAX)),
        }
    }

    fn take_on(&self) {
        self.group.begin().expect("there is room").done();
    }

    /// Starts a process that waits for all tasks, and returns when it sleeps.
    fn waiter(&self) -> Child {
        let child = Child::start(|| {
            let finished = self.group.wait().expect("it has no task");
            self.told.store(finished.lost, SeqCst);
        });
        child.wait_until_asleep();
        child
    }

    /// Starts a process that takes on a task and keeps it.
    fn worker(&self) -> Child {
        let open = self.group.open();
        let child = Child::start(|| {
            let _task = self.group.begin();
            loop {
                pause();
            }
        });
        while self.group.open() == open {
            thread::yield_now();
        }
        child
    }

    /// What everybody else finds: so many tasks lost, and the next one counted rightly.
    fn verdict(&self, lost: u64, fate: Fate) -> Fate {
        let found = (self.group.open(), self.group.lost());
        if found != (0, lost) {
            return Fate::Torn(format!("{found:?} open and lost, and not {lost}"));
        }
        match self.group.begin() {
            Ok(task) if self.group.open() == 1 => task.done(),
            other => return Fate::Torn(format!("the next begins {other:?}")),
        }
        let found = (self.group.open(), self.group.lost());
        let waited = self.group.wait_timeout(patience());
        match found == (0, lost) && waited.is_ok() {
            true => fate,
            false => Fate::Torn(format!("{found:?} after the next task, {waited:?}")),
        }
    }
}

fn adds(release: Release, run: &mut Run) -> Fate {
    let staged = Staged::new(release, 2);
    let operation = || staged.group.add(1).expect("not held");
    let mut victim = run.start(operation, || staged.stage.digest());
    victim.go_on(|| ());
    let seen = staged.group.open();
    victim.kill();
    let fate = match (seen, staged.group.open()) {
        (0, 0) => Fate::Before,
        (1, 1) if staged.group.done().is_ok() => Fate::After,
        other => return Fate::Torn(format!("{other:?} tasks are open")),
    };
    staged.verdict(0, fate)
}

fn is_done(release: Release, run: &mut Run) -> Fate {
    let staged = Staged::new(release, 2);
    staged.group.add(1).expect("not held");
    let waiter = staged.waiter();
    let operation = || staged.group.done().expect("one is open");
    let mut victim = run.start(operation, || staged.stage.digest());
    victim.go_on(|| ());
    victim.kill();
    let fate = match staged.group.done() {
        Ok(()) => Fate::Before,
        Err(_) => Fate::After,
    };
    match waiter.ends() {
        true => staged.verdict(0, fate),
        false => waits_on(),
    }
}

fn begins_and_is_done(release: Release, run: &mut Run) -> Fate {
    let staged = Staged::new(release, 2);
    staged.group.add(1).expect("not held");
    let waiter = staged.waiter();
    let mut victim = run.start(|| staged.take_on(), || staged.stage.digest());
    victim.go_on(|| ());
    let seen = staged.group.open();
    victim.kill();
    // Not taken on yet, or lost, or done.
    let lost = staged.group.lost();
    let fate = match (seen, staged.group.open(), lost) {
        (1, 1, 0) if staged.group.done().is_ok() => Fate::Before,
        (1, 0, 1) | (0, 0, 0) => Fate::After,
        other => return Fate::Torn(format!("{other:?}: open before and after, lost")),
    };
    if !waiter.ends() {
        return waits_on();
    }
    match staged.told.load(SeqCst) {
        told if told == lost => staged.verdict(lost, fate),
        told => Fate::Torn(format!("{lost} lost, told {told}")),
    }
}

/// The only slot is a dead one's.
fn begins_after_a_death(release: Release, run: &mut Run) -> Fate {
    let staged = Staged::new(release, 1);
    staged.worker().kill();
    begins_after(&staged, 1, run)
}

/// The victim takes on a task, with so many lost before.
fn begins_after(staged: &Staged, lost: u64, run: &mut Run) -> Fate {
    let mut victim = run.start(|| staged.take_on(), || staged.stage.digest());
    victim.go_on(|| ());
    let seen = staged.group.open();
    victim.kill();
    let fate = match seen {
        0 => Fate::Before,
        _ => Fate::After,
    };
    staged.verdict(lost + seen, fate)
}

/// As above, and the one who was to count the first death was killed on the way, at every point
/// where something changed.
fn begins_after_two_deaths(release: Release) -> super::run::Tally {
    let first = record(|run| begins_after_a_death(release, run));
    kill_after_each(first.changes.clone(), |point, run| {
        let staged = Staged::new(release, 1);
        staged.worker().kill();
        let mut dead = Victim::start(|| staged.take_on());
        dead.advance(&first, point, || ());
        let seen = staged.group.open();
        dead.kill();
        begins_after(&staged, 1 + seen, run)
    })
}

/// The victim waits and is woken because a worker died; it dies before or while it tells the others.
fn hears_of_a_death(release: Release, run: &mut Run) -> Fate {
    let staged = Staged::new(release, 2);
    let worker = Cell::new(Some(staged.worker()));
    let other = Cell::new(None);
    let operation = || {
        let _ = staged.group.wait();
    };
    let mut victim = run.start(operation, || staged.stage.digest());
    victim.go_on(|| {
        if let Some(worker) = worker.take() {
            other.set(Some(staged.waiter()));
            worker.kill();
        }
    });
    let other = other.take().unwrap_or_else(|| staged.waiter());
    victim.kill();
    let was_told = worker.take().is_none();
    match (other.ends(), staged.told.load(SeqCst)) {
        (true, 1) if was_told => staged.verdict(1, Fate::After),
        (true, 1) => staged.verdict(1, Fate::Before),
        (true, told) => Fate::Torn(format!("1 lost, told {told}")),
        (false, _) => waits_on(),
    }
}

fn waits_on() -> Fate {
    Fate::Hung("who waits for the tasks waits on".to_owned())
}

const WORKERS: usize = 6;

pub fn tests() -> Vec<Test> {
    let releases = [("exchange", Release::Exchange), ("plain", Release::Plain)];
    let test = |(name, release)| Test {
        name: format!("tasks_of_killed_workers_are_lost_once_and_nobody_waits_on::{name}"),
        is_ignored: false,
        play: Box::new(move || storm(release, kills_or(200), seed())),
    };
    releases.map(test).into_iter().collect()
}

/// Kills random ones of those who take on tasks. A bit each says, outside of what is tested, that a
/// worker has a task for certain.
fn storm(release: Release, kills: usize, seed: u64) -> Result<(), String> {
    let staged = Staged::new(release, WORKERS as u32 + 2);
    let inside = Shared::new(AtomicU64::new(0));
    let stop = Shared::new(AtomicBool::new(false));
    let work = |worker: usize| {
        while !stop.load(SeqCst) {
            let task = staged.group.begin().expect("there is a slot for each");
            inside.fetch_or(1 << worker, SeqCst);
            thread::yield_now();
            inside.fetch_and(!(1 << worker), SeqCst);
            task.done();
        }
    };
    let start = |worker: usize| Child::start(|| work(worker));
    // Keeps the round open, so that its losses are all there are.
    let round = staged.group.begin().map_err(|error| error.to_string())?;
    let waiter = staged.waiter();
    let mut workers: Vec<Option<Child>> = (0..WORKERS).map(|worker| Some(start(worker))).collect();
    let mut random = Rng::with_seed(seed);
    let mut certain = 0;
    for _ in 0..kills {
        // Not to wait for anything: any moment is as good as another.
        thread::sleep(Duration::from_micros(random.u64(..1_500)));
        let worker = random.usize(..WORKERS);
        workers[worker].take().expect("it was started").kill();
        let before = inside.fetch_and(!(1 << worker), SeqCst);
        certain += before >> worker & 1;
        workers[worker] = Some(start(worker));
    }
    stop.store(true, SeqCst);
    if !workers.into_iter().flatten().all(Child::ends) {
        return Err(format!("a worker does not end, seed {seed}"));
    }
    round.done();
    if !waiter.ends() {
        return Err(format!("who waits waits on, seed {seed}"));
    }
    let (lost, told) = (staged.group.lost(), staged.told.load(SeqCst));
    println!(
        "{SAY}wait group storm: {kills} kills, {certain} to {lost} of them lost a task; seed {seed}"
    );
    let is_right = (certain..=kills as u64).contains(&lost) && told == lost;
    match (is_right, staged.verdict(lost, Fate::After)) {
        (true, Fate::After) => Ok(()),
        (_, fate) => Err(format!(
            "{certain} of {kills} lost a task, counted {lost}, told {told}, {fate:?}; seed {seed}"
        )),
    }
}
