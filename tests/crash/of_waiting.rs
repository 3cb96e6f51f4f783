//! Those who wait for a lock so long that others can see it: killed while they publish that, look for a
//! circle and give up; and stopped while they look, as others go on.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use shmcount::{LockError, Release, Segment, Value};

use super::process::{Child, patience};
use super::run::{Fate, Performance, Run, kill_along_the_shortest, kill_everywhere};
use super::scenario::Scenario;
use super::shared::Shared;
use super::subject::{Stage, options};

/// Where the slots of those who wait are.
const SLOTS: std::ops::Range<u64> = 320..320 + 64 * 64;
/// Over before anybody could sleep, so that the path is always the same.
const MOMENT: Duration = Duration::from_nanos(1);

/// Returns every scenario.
pub fn scenarios() -> Vec<Scenario> {
    let releases = [("exchange", Release::Exchange), ("plain", Release::Plain)];
    releases
        .into_iter()
        .flat_map(|(name, release)| {
            [
                Scenario::new(
                    "wait that others see",
                    "the lock is held",
                    name,
                    move || kill_everywhere(|run| giving_up(release, run)),
                ),
                Scenario::new("add after a wait", "another looks", name, move || {
                    kill_along_the_shortest(|run| waiter_gets_it(release, run))
                }),
                Scenario::new("look for a circle", "its owner lets go", name, move || {
                    kill_everywhere(|run| owner_lets_go(release, run))
                }),
            ]
        })
        .collect()
}

/// A stage on which every wait is seen, and looks for a circle, at once.
fn stage(release: Release) -> Stage {
    Stage::of(&options(release).look_for_deadlocks_after(Some(Duration::ZERO)))
}

fn number(segment: &Segment, name: &str) -> Value<i64> {
    segment.value(name, 7).expect("there is room")
}

/// The victim waits for a lock until its time is over. The kernel empties its slot, and the next who
/// waits is seen, and then no more.
fn giving_up(release: Release, run: &mut Run) -> Fate {
    let stage = stage(release);
    let value = number(&stage.segment, "main");
    let guard = value.lock().expect("nobody has it");
    let give_up = || drop(value.fetch_add_timeout(1, MOMENT));
    let recording = run.is_recording();
    let mut victim = run.start(give_up, || stage.digest());
    until_unseen(&mut victim, recording, &stage.segment);
    victim.kill();
    if SLOTS.step_by(64).any(|slot| stage.owner_at(slot).is_some()) {
        return Fate::Torn("somebody is in a slot".to_owned());
    }
    let waiter = Child::start(|| assert_eq!(value.fetch_add(1), Ok(7)));
    let pids = || seen(&stage.segment);
    if !comes(|| !pids().is_empty()) {
        return Fate::Hung("the next is never seen".to_owned());
    }
    let found = pids();
    if found != [waiter.pid().as_raw() as u32] {
        return Fate::Torn(format!("{found:?} are seen"));
    }
    drop(guard);
    if !waiter.ends() {
        return Fate::Hung("the next slept on".to_owned());
    }
    match (value.load(), seen(&stage.segment).is_empty()) {
        (8, true) => Fate::Before,
        (found, is_gone) => Fate::Torn(format!("found {found}, gone: {is_gone}")),
    }
}

/// The victim holds one lock and waits for another, whose owner lets go of it, and then waits for the
/// victim's, while the victim looks: never was there a circle.
fn owner_lets_go(release: Release, run: &mut Run) -> Fate {
    let stage = stage(release);
    let [gate, wanted, kept] = ["gate", "wanted", "kept"].map(|name| number(&stage.segment, name));
    let is_told = Shared::new(AtomicBool::new(false));
    let owner = Child::start(|| {
        let guard = wanted.lock().expect("nobody has it");
        gate.wait_until(|gate| *gate == 1, None)
            .expect("it is not held");
        drop(guard);
        drop(kept.lock().expect("the victim ends"));
    });
    if !comes(|| wanted.holder().is_some()) {
        return Fate::Hung("the owner did not get its lock".to_owned());
    }
    let look = || {
        let _kept = kept.lock().expect("the owner goes on");
        let outcome = wanted.lock_timeout(MOMENT).map(drop);
        if let Err(LockError::Deadlock { .. }) = outcome {
            is_told.store(true, Relaxed);
        }
    };
    // The younger one has the larger id, and is the one to be told.
    let recording = run.is_recording();
    let mut victim = run.start(look, || stage.digest());
    until_unseen(&mut victim, recording, &stage.segment);
    gate.store(1).expect("it is not held");
    let owners_turn = || {
        let is_waiting = seen(&stage.segment).contains(&(owner.pid().as_raw() as u32));
        is_waiting || wanted.holder().is_none() && kept.holder().is_none()
    };
    if !comes(owners_turn) {
        return Fate::Hung("the owner did not go on".to_owned());
    }
    victim.finish(|| ());
    victim.kill();
    if !owner.ends() {
        return Fate::Hung("the owner slept on".to_owned());
    }
    match is_told.load(Relaxed) {
        true => Fate::Torn("a false alarm".to_owned()),
        false => Fate::Before,
    }
}

/// Lets the victim run to its point; of its path only what comes before its wait is over is recorded: what
/// follows, making an error of it, is long and touches nothing that others see.
fn until_unseen(victim: &mut Performance, recording: bool, segment: &Segment) {
    if !recording {
        victim.go_on(|| ());
        return;
    }
    let was_seen = Cell::new(false);
    let is_over = || {
        let is_seen = !seen(segment).is_empty();
        was_seen.replace(was_seen.get() || is_seen) && !is_seen
    };
    victim.lives_until(is_over, || ());
}

/// The victim waits for a lock, gets it, adds and lets go of it. Wherever it stands when it has added,
/// nobody who takes that lock then, and wants one that the victim holds, is in a circle with it.
fn waiter_gets_it(release: Release, run: &mut Run) -> Fate {
    let stage = stage(release);
    let [added, kept] = ["added", "kept"].map(|name| number(&stage.segment, name));
    let is_told = Shared::new(AtomicBool::new(false));
    let guard = added.lock().expect("nobody has it");
    let add = || {
        let _kept = kept.lock().expect("nobody has it");
        assert_eq!(added.fetch_add(1), Ok(7));
    };
    let mut victim = run.start(add, || stage.digest());
    // Released while the victim is awake, so that it never sleeps, and its path is always the same; nearly.
    let mut guard = Some(guard);
    if victim.lives_until(|| !seen(&stage.segment).is_empty(), || ()) {
        guard.take();
    }
    victim.go_on(|| ());
    drop(guard);
    // The younger one has the larger id, and is the one to be told.
    let looker = Child::start(|| {
        let Ok(guard) = added.try_lock() else { return };
        let outcome = kept.lock_timeout(MOMENT).map(drop);
        // Before it has added, it waits, and they may well wait for each other.
        if *guard == 8 && matches!(outcome, Err(LockError::Deadlock { .. })) {
            is_told.store(true, Relaxed);
        }
    });
    if !looker.ends() {
        return Fate::Hung("the looker slept on".to_owned());
    }
    victim.finish(|| ());
    victim.kill();
    match (is_told.load(Relaxed), added.load()) {
        (true, _) => Fate::Torn("a false alarm".to_owned()),
        (false, 8) => Fate::After,
        (false, 7) => Fate::Before,
        (false, found) => Fate::Torn(format!("found {found}")),
    }
}

fn seen(segment: &Segment) -> Vec<u32> {
    let waiters = segment.waiters().expect("it is whole");
    waiters.iter().map(|waiter| waiter.pid).collect()
}

/// Waits until something is so; tells whether it came to be within a second.
fn comes(is_so: impl Fn() -> bool) -> bool {
    let end = Instant::now() + patience();
    while !is_so() {
        if Instant::now() >= end {
            return false;
        }
        thread::yield_now();
    }
    true
}
