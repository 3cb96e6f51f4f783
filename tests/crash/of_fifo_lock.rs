//! The FIFO lock, while who holds it, waits for it, or leaves it is killed or stands still.

use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use nix::sys::wait::WaitStatus;
use shmcount::{FifoLock, FifoLockGuard, Release, Value};

use super::process::{Child, patience};
use super::run::{Fate, Run, kill_everywhere};
use super::scenario::{Scenario, alone, lock_scenarios};
use super::shared::Shared;
use super::situations::Cast;
use super::subject::{Stage, Subject};
use super::victim::Reached;

/// A number that is added to under a FIFO lock.
pub struct Turns {
    lock: FifoLock,
    value: Value<i64>,
    stage: Stage,
}

impl Turns {
    fn new(release: Release, places: u32) -> Self {
        let stage = Stage::new(release);
        let lock = stage.segment.fifo_lock_with_places("gate", places);
        Self {
            lock: lock.expect("there is room"),
            value: stage.segment.value("main", 7i64).expect("there is room"),
            stage,
        }
    }

    /// Tells whether nobody is left in line.
    fn is_empty(&self) -> bool {
        self.lock.holder().is_none()
    }
}

impl Subject for Turns {
    type State = i64;
    type Held<'a> = FifoLockGuard<'a>;

    fn operate(&self) {
        let _turn = self.lock.lock().expect("not held by this process");
        self.value.fetch_add(5).expect("no overflow, not held");
    }

    fn load(&self) -> i64 {
        self.value.load()
    }

    fn hold(&self) -> FifoLockGuard<'_> {
        self.lock.lock().expect("not held by this process")
    }

    fn try_hold(&self) -> Option<FifoLockGuard<'_>> {
        self.lock.try_lock().ok()
    }

    fn is_held(&self) -> bool {
        self.lock.holder().is_some()
    }

    fn hold_within(&self, timeout: Duration) -> Option<FifoLockGuard<'_>> {
        self.lock.lock_timeout(timeout).ok()
    }

    fn digest(&self) -> u64 {
        self.stage.digest()
    }
}

fn cast(release: Release, places: u32) -> Cast<Turns> {
    Cast {
        make: Box::new(move || Turns::new(release, places)),
        initial: 7,
        next: |n| n + 5,
    }
}

/// Returns all scenarios of the FIFO lock.
pub fn scenarios() -> Vec<Scenario> {
    let mut all = lock_scenarios("fifo lock", "exchange", || cast(Release::Exchange, 4));
    all.extend(lock_scenarios("fifo lock", "plain", || {
        cast(Release::Plain, 4)
    }));
    for (release, name) in [(Release::Exchange, "exchange"), (Release::Plain, "plain")] {
        type Scene = fn(Release, &mut Run) -> Fate;
        let scenes: [(&'static str, Scene); 7] = [
            ("the next is told of a death inside", told),
            ("a waiter behind, its place taken again", taken_again),
            ("killed in line between two others", killed_in_line),
            ("overtaken by one that comes back", overtaken),
            ("comes back while another waits", comes_back),
            ("no place is free", without_a_place),
            ("leaves a place that another waits for", waited_for),
        ];
        all.extend(scenes.into_iter().map(|(situation, scene)| {
            Scenario::new("fifo lock", situation, name, move || {
                kill_everywhere(|run| scene(release, run))
            })
        }));
        all.push(alone("fifo lock, tried", name, move |run| {
            tried(release, run)
        }));
    }
    all
}

/// Starts a process that takes the lock and releases it, and waits until it sleeps or has ended.
fn asker(turns: &Turns) -> Asker {
    let mut child = Child::start(|| drop(turns.hold()));
    loop {
        if let Some(status) = child.poll() {
            return Asker::Ended(matches!(status, WaitStatus::Exited(_, 0)));
        }
        if child.is_asleep() {
            return Asker::Asleep(child);
        }
        thread::yield_now();
    }
}

/// A process that asked for the lock.
enum Asker {
    Asleep(Child),
    /// And whether well.
    Ended(bool),
}

impl Asker {
    fn ends(self) -> bool {
        match self {
            Self::Asleep(child) => child.ends(),
            Self::Ended(well) => well,
        }
    }
}

fn asleep(who: &str) -> Fate {
    Fate::Hung(format!("{who} slept on"))
}

/// As [`Cast::verdict`], and nobody is left in line.
fn verdict(cast: &Cast<Turns>, turns: &Turns, seen: i64) -> Fate {
    match cast.verdict(turns, seen) {
        fate if !fate.is_sound() || turns.is_empty() => fate,
        _ => Fate::Torn("somebody is left in line".to_owned()),
    }
}

/// Whoever dies between asking and releasing: the next is told of those that were inside, never of the
/// others, and the one after it of nobody.
fn told(release: Release, run: &mut Run) -> Fate {
    let turns = Turns::new(release, 4);
    let inside = Shared::new(AtomicU32::new(0));
    let operation = || {
        let turn = turns.hold();
        inside.store(1, SeqCst);
        inside.store(2, SeqCst);
        drop(turn);
    };
    let mut victim = run.start(operation, || turns.digest());
    victim.go_on(|| ());
    let is_in_line = turns.is_held();
    victim.kill();
    let told = || {
        let turn = turns.lock.lock_timeout(patience()).ok()?;
        Some(turn.owner_died())
    };
    let (first, second) = match (told(), told()) {
        (Some(first), Some(second)) => (first, second),
        _ => return Fate::Hung("the lock is not free in time".to_owned()),
    };
    // On either side of these it may be the one or the other.
    let must_tell = inside.load(SeqCst) == 1;
    match (first, second) {
        (_, true) => Fate::Torn("told twice".to_owned()),
        (false, _) if must_tell => Fate::Torn("not told of a death inside".to_owned()),
        (true, _) if !is_in_line => Fate::Torn("told of one that had left".to_owned()),
        (true, _) => Fate::After,
        (false, _) => Fate::Before,
    }
}

/// One sleeps behind the victim, which has the lock. When it stands at the point of its death, another asks
/// and gets its place, if it has left it. All places are taken then.
fn taken_again(release: Release, run: &mut Run) -> Fate {
    let cast = cast(release, 2);
    let turns = (cast.make)();
    let inside = Shared::new(AtomicU32::new(0));
    let operation = || {
        let _turn = turns.hold();
        inside.store(1, SeqCst);
        turns.value.fetch_add(5).expect("no overflow, not held");
    };
    let mut victim = run.start(operation, || turns.digest());
    let is_inside = victim.lives_until(|| inside.load(SeqCst) == 1, || ());
    let behind = is_inside.then(|| asker(&turns));
    victim.go_on(|| ());
    let seen = turns.load();
    let other = asker(&turns);
    victim.kill();
    if behind.is_some_and(|behind| !behind.ends()) {
        return asleep("the one behind");
    }
    if !other.ends() {
        return asleep("the one that took its place");
    }
    verdict(&cast, &turns, seen)
}

/// The victim waits behind a holder, and one behind the victim. The holder is killed, too.
fn killed_in_line(release: Release, run: &mut Run) -> Fate {
    let cast = cast(release, 4);
    let turns = (cast.make)();
    let holder = RefCell::new(Some(holder(&turns)));
    let behind = RefCell::new(None);
    let mut victim = run.start(|| turns.operate(), || turns.digest());
    victim.go_on(|| {
        if behind.borrow().is_none() {
            behind.replace(Some(asker(&turns)));
            drop(holder.take());
        }
    });
    let seen = turns.load();
    let behind = behind.take().unwrap_or_else(|| asker(&turns));
    victim.kill();
    drop(holder.take());
    if !behind.ends() {
        return asleep("the one behind");
    }
    verdict(&cast, &turns, seen)
}

/// Starts a process that has the lock until it is killed.
fn holder(turns: &Turns) -> Child {
    let child = Child::start(|| {
        let _turn = turns.hold();
        loop {
            nix::unistd::pause();
        }
    });
    while turns.is_empty() {
        thread::yield_now();
    }
    child
}

/// While the victim is on its way to sleep behind a holder, that one leaves and asks again, and gets the
/// same place. The victim goes on, and nobody waits for the other for ever.
fn overtaken(release: Release, run: &mut Run) -> Fate {
    let cast = cast(release, 2);
    let turns = (cast.make)();
    let go = Shared::new(AtomicU32::new(0));
    let other = Child::start(|| {
        let turn = turns.hold();
        while go.load(SeqCst) == 0 {
            thread::yield_now();
        }
        drop(turn);
        drop(turns.hold());
        go.store(2, SeqCst);
    });
    while turns.is_empty() {
        thread::yield_now();
    }
    let comes_back = || {
        go.store(1, SeqCst);
        while go.load(SeqCst) != 2 && !other.is_asleep() {
            thread::yield_now();
        }
    };
    let has_come = Cell::new(false);
    let mut victim = run.start(|| turns.operate(), || turns.digest());
    let wake = || {
        if !has_come.replace(true) {
            comes_back();
        }
    };
    victim.go_on(wake);
    wake();
    let reached = victim.finish(wake);
    victim.kill();
    if reached == Reached::Stuck || !other.ends() {
        return asleep("one of two");
    }
    let found = turns.load();
    match Fate::of(&found, &12, &12).is_sound() {
        true => verdict(&cast, &turns, found),
        false => Fate::Torn(format!("found {found}")),
    }
}

/// The victim leaves and asks again, and gets the same place, while another waits behind it. It stands still
/// on the way, so the other looks at every state of it, and goes on.
fn comes_back(release: Release, run: &mut Run) -> Fate {
    let cast = cast(release, 2);
    let turns = (cast.make)();
    let inside = Shared::new(AtomicU32::new(0));
    let operation = || {
        let turn = turns.hold();
        inside.store(1, SeqCst);
        drop(turn);
        turns.operate();
    };
    let mut victim = run.start(operation, || turns.digest());
    let is_inside = victim.lives_until(|| inside.load(SeqCst) == 1, || ());
    let other = is_inside.then(|| asker(&turns));
    victim.go_on(|| ());
    if let Some(Asker::Asleep(other)) = &other {
        // It has been woken, perhaps. Let it come to its end, or to where it sleeps for the victim.
        let _ = (0..100).try_for_each(|_| {
            thread::yield_now();
            other.is_running().then_some(())
        });
    }
    let reached = victim.finish(|| ());
    victim.kill();
    if reached == Reached::Stuck || other.is_some_and(|other| !other.ends()) {
        return asleep("one of two");
    }
    verdict(&cast, &turns, turns.load())
}

/// The only place is the holder's, so the victim waits for one, and another does, too.
fn without_a_place(release: Release, run: &mut Run) -> Fate {
    let cast = cast(release, 1);
    let turns = (cast.make)();
    let turn = RefCell::new(Some(turns.hold()));
    let other = RefCell::new(None);
    let mut victim = run.start(|| turns.operate(), || turns.digest());
    victim.go_on(|| {
        if let Some(turn) = turn.take() {
            other.replace(Some(asker(&turns)));
            drop(turn);
        }
    });
    let seen = turns.load();
    let other = other.take().unwrap_or_else(|| asker(&turns));
    victim.kill();
    drop(turn);
    if !other.ends() {
        return asleep("the one that waits for a place");
    }
    verdict(&cast, &turns, seen)
}

/// The only place is the victim's, and another waits for it.
fn waited_for(release: Release, run: &mut Run) -> Fate {
    let cast = cast(release, 1);
    let turns = (cast.make)();
    let inside = Shared::new(AtomicU32::new(0));
    let operation = || {
        let _turn = turns.hold();
        inside.store(1, SeqCst);
        turns.value.fetch_add(5).expect("no overflow, not held");
    };
    let mut victim = run.start(operation, || turns.digest());
    let is_inside = victim.lives_until(|| inside.load(SeqCst) == 1, || ());
    let waiter = is_inside.then(|| asker(&turns));
    victim.go_on(|| ());
    let seen = turns.load();
    victim.kill();
    if waiter.is_some_and(|waiter| !waiter.ends()) {
        return asleep("the one that waits for a place");
    }
    verdict(&cast, &turns, seen)
}

/// The lock is free and tried, then tried in vain.
fn tried(release: Release, run: &mut Run) -> Fate {
    let cast = cast(release, 2);
    let turns = (cast.make)();
    let operation = || {
        let turn = turns.lock.try_lock().expect("nobody is there");
        turns.lock.try_lock().expect_err("it is held");
        turns.value.fetch_add(5).expect("no overflow, not held");
        drop(turn);
    };
    let mut victim = run.start(operation, || turns.digest());
    victim.go_on(|| ());
    let seen = turns.load();
    victim.kill();
    verdict(&cast, &turns, seen)
}
