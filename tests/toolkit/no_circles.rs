//! What is no circle: nobody may ever be told of one.

use std::time::{Duration, Instant};

use fastrand::Rng;
use shmcount::{AddError, Lock, LockError, LockGuard, Segment};

use crate::circles::no_alarm;
use crate::obedient::Obedient;
use crate::stage::{Parent, Process, Scratch};

/// How long the long ones run, in seconds; `scripts/ordered.sh` sets it.
const SECONDS: &str = "SHMCOUNT_ORDERED_SECONDS";
/// Processes of the long ones: more than processors, so that they are interrupted anywhere.
const WORKERS: usize = 8;
/// Locks that are taken in order.
const LOCKS: usize = 6;

fn duration() -> Duration {
    let seconds = std::env::var(SECONDS).map(|seconds| seconds.parse().expect("a number"));
    Duration::from_secs(seconds.unwrap_or(5))
}

pub fn a_slow_holder_and_a_chain_are_no_circle() {
    let scratch = Scratch::new("chain");
    let segment = Segment::create(scratch.name()).expect("the name is new");
    let mut chain: Vec<_> = (0..4).map(|_| Obedient::start(&scratch)).collect();
    // Both orders of thread ids: whoever could take itself for the one to give up.
    for order in [[0, 1, 2, 3], [3, 2, 1, 0]] {
        for (name, i) in order.into_iter().enumerate() {
            chain[i].perform(&format!("lock {name}"));
        }
        // Each but the first waits for the lock of the one before it, for several looks long.
        for (name, i) in order.into_iter().enumerate().skip(1) {
            chain[i].begin(&format!("lock_timeout {} 1200", name - 1));
        }
        for i in &order[1..] {
            assert_eq!(chain[*i].outcome(), "timed out");
        }
        chain
            .iter_mut()
            .for_each(|process| process.perform("release"));
    }
    assert!(segment.waiters().expect("it is whole").is_empty());
}

pub fn a_circle_through_a_wait_for_a_value_is_not_seen() {
    let scratch = Scratch::new("value");
    let segment = Segment::create(scratch.name()).expect("the name is new");
    let flag = segment.value("flag", 0i64).expect("there is room");
    let mut pair = [Obedient::start(&scratch), Obedient::start(&scratch)];
    for told in [0, 1] {
        flag.store(0).expect("it is free");
        let other = 1 - told;
        pair[other].perform("lock a");
        pair[other].begin("wait flag");
        // It would have been this one to set the flag, with the lock in hand.
        pair[told].begin("lock_timeout a 700");
        assert_eq!(pair[told].outcome(), "timed out");
        pair[told].perform("store flag 1");
        assert_eq!(pair[other].outcome(), "done");
        pair[other].perform("release");
    }
}

pub fn who_takes_locks_in_order_is_never_told_of_a_circle() {
    let scratch = Scratch::new("ordered");
    let _segment = Segment::create(scratch.name()).expect("the name is new");
    rage(&scratch, &["no_circles::take_in_order"]);
}

/// What one look at the chain would take for a circle: an owner seen, then its wait for another lock,
/// before which it let go of the first.
pub fn an_owner_that_lets_go_before_it_waits_makes_no_circle() {
    let scratch = Scratch::new("letting-go");
    let _segment = Segment::create(scratch.name()).expect("the name is new");
    rage(
        &scratch,
        &[
            "no_circles::keep_one_and_want_another",
            "no_circles::take_one_then_the_other",
        ],
    );
}

/// Has processes perform these acts, kills one now and then, and requires that none says anything.
fn rage(scratch: &Scratch, acts: &[&str]) {
    let mut random = Rng::with_seed(7);
    let mut begin = {
        let mut number = 0;
        move || {
            number += 1;
            let arguments = [scratch.name(), &number.to_string()];
            Process::start(acts[number % acts.len()], &arguments)
        }
    };
    let mut workers: Vec<Process> = (0..WORKERS).map(|_| begin()).collect();
    workers
        .iter_mut()
        .for_each(|worker| worker.expect("working"));
    let end = Instant::now() + duration();
    let mut kills = 0;
    while Instant::now() < end {
        // Lets them work: what happens to whom when is left to chance anyway.
        std::thread::sleep(Duration::from_millis(random.u64(20..120)));
        let worker = &mut workers[random.usize(..WORKERS)];
        let status = std::mem::replace(worker, begin()).kill();
        assert_eq!(status.code(), None, "it ended by itself");
        worker.expect("working");
        kills += 1;
    }
    let rounds: u64 = workers
        .into_iter()
        .map(|mut worker| {
            worker.tell("enough");
            let rounds = worker.hear();
            worker.succeed();
            rounds.parse::<u64>().unwrap_or_else(|_| panic!("{rounds}"))
        })
        .sum();
    println!("{rounds} rounds of the last {WORKERS}, {kills} killed");
}

/// Does something again and again until the parent says that it is enough, and says how often.
fn until_told(parent: &Parent, mut round: impl FnMut(&mut Rng) -> Result<(), LockError>) {
    let mut random = Rng::with_seed(u64::from(std::process::id()));
    parent.tell("working");
    let told = std::thread::spawn(|| std::io::stdin().read_line(&mut String::new()));
    let mut rounds = 0u64;
    while !told.is_finished() {
        if let Err(error) = round(&mut random) {
            no_alarm(parent, &error);
        }
        rounds += 1;
    }
    parent.tell(&rounds.to_string());
}

/// Opens the segment so that waits are published at once, soon, or when they usually are.
fn open(parent: &Parent) -> Segment {
    let number: u64 = parent.argument(1).parse().expect("a number");
    let first_look = Duration::from_millis([0, 1, 100][number as usize / 2 % 3]);
    Segment::options()
        .look_for_deadlocks_after(Some(first_look))
        .open(parent.argument(0))
        .expect("it is there")
}

/// Argument 0 names the segment, argument 1 is the worker's number.
pub fn take_in_order(parent: Parent) {
    let segment = open(&parent);
    let locks = locks(&segment);
    let last = segment.value("last", 0i64).expect("there is room");
    until_told(&parent, |random| {
        let mut held = Vec::new();
        for lock in &locks {
            match random.u32(..4) {
                0 => held.push(lock.lock()?),
                1 => held.extend(in_time(
                    lock.lock_timeout(Duration::from_millis(random.u64(..300))),
                )?),
                _ => {}
            }
        }
        match random.u32(..200) {
            // Now and then somebody works for longer than a look takes to come.
            0 => std::thread::sleep(Duration::from_millis(150)),
            1..20 => std::thread::sleep(Duration::from_millis(random.u64(..4))),
            _ => {}
        }
        last.fetch_add(1).map(|_| ()).map_err(lock_error)
    });
}

/// As [`take_in_order`]. Holds the second lock while it waits for the first: nobody else holds the first
/// while it waits.
pub fn keep_one_and_want_another(parent: Parent) {
    let segment = open(&parent);
    let locks = locks(&segment);
    until_told(&parent, |random| {
        let _second = locks[1].lock()?;
        let patience = Duration::from_micros(random.u64(..4_000));
        in_time(locks[0].lock_timeout(patience)).map(drop)
    });
}

/// As [`take_in_order`]. Holds nothing while it waits.
pub fn take_one_then_the_other(parent: Parent) {
    let segment = open(&parent);
    let locks = locks(&segment);
    until_told(&parent, |random| {
        let first = locks[0].lock()?;
        (0..random.u32(..20_000)).for_each(|_| std::hint::spin_loop());
        drop(first);
        locks[1].lock().map(drop)
    });
}

fn locks(segment: &Segment) -> [Lock; LOCKS] {
    std::array::from_fn(|i| segment.lock(&format!("lock-{i}")).expect("there is room"))
}

/// Returns the guard, if the time was not over before.
fn in_time(outcome: Result<LockGuard, LockError>) -> Result<Option<LockGuard>, LockError> {
    match outcome {
        Err(LockError::TimedOut { .. }) => Ok(None),
        outcome => outcome.map(Some),
    }
}

fn lock_error(error: AddError) -> LockError {
    match error {
        AddError::Lock(error) => error,
        error => panic!("{error}"),
    }
}
