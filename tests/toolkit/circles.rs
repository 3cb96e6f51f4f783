//! Circles of those who wait for each other's locks: one of them is told.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, SystemTime};

use nix::sys::signal::Signal;
use shmcount::{LockError, Segment};

use crate::obedient::{Obedient, said_of};
use crate::stage::{Parent, Process, Scratch};

pub fn of_two_who_wait_for_each_other_one_is_told_and_the_other_goes_on_a_hundred_times() {
    const PAIRS: usize = 10;
    const TRIES: usize = 10;
    let scratch = Scratch::new("pairs");
    let _segment = Segment::create(scratch.name()).expect("the name is new");
    let mut pairs: Vec<_> = (0..PAIRS)
        .map(|_| [Obedient::start(&scratch), Obedient::start(&scratch)])
        .collect();
    for attempt in 0..TRIES {
        // All circles are closed before the first one is looked at.
        for (i, pair) in pairs.iter_mut().enumerate() {
            let locks = [format!("{i}-a"), format!("{i}-b")];
            pair[0].perform(&format!("lock {}", locks[0]));
            pair[1].perform(&format!("lock {}", locks[1]));
            let first = attempt % 2;
            pair[first].begin(&format!("lock {}", locks[1 - first]));
            pair[1 - first].begin(&format!("lock {}", locks[first]));
        }
        for (i, pair) in pairs.iter_mut().enumerate() {
            let ids = [pair[0].id(), pair[1].id()];
            let told = usize::from(ids[1] > ids[0]);
            let other = 1 - told;
            let wanted = [format!("{i}-b"), format!("{i}-a")];
            let expected = format!(
                "circle {} {} {} {}",
                ids[told], wanted[told], ids[other], wanted[other]
            );
            assert_eq!(pair[told].outcome(), expected);
            pair[told].perform("release");
            assert_eq!(pair[other].outcome(), "done");
            pair[other].perform("release");
        }
    }
}

pub fn of_three_in_a_ring_one_is_told_and_the_others_go_on() {
    let scratch = Scratch::new("ring");
    let _segment = Segment::create(scratch.name()).expect("the name is new");
    let mut ring: Vec<_> = (0..3).map(|_| Obedient::start(&scratch)).collect();
    let last = (0..3).max_by_key(|i| ring[*i].id()).expect("three");
    for (i, process) in ring.iter_mut().enumerate() {
        process.perform(&format!("lock {i}"));
    }
    for (i, process) in ring.iter_mut().enumerate() {
        process.begin(&format!("lock {}", (i + 1) % 3));
    }
    let places = (0..3).map(|step| (last + step) % 3);
    let expected: String = places
        .map(|i| format!(" {} {}", ring[i].id(), (i + 1) % 3))
        .collect();
    assert_eq!(ring[last].outcome(), format!("circle{expected}"));
    // Then the others get theirs one after the other, each from the next.
    for step in 0..3 {
        let i = (last + 3 - step) % 3;
        if step > 0 {
            assert_eq!(ring[i].outcome(), "done");
        }
        ring[i].perform("release");
    }
}

pub fn threads_of_one_process_are_told_as_processes_are() {
    let scratch = Scratch::new("threads");
    let _segment = Segment::create(scratch.name()).expect("the name is new");
    Process::perform("circles::meet_in_threads", &[scratch.name()]);
}

/// Argument 0 names the segment.
pub fn meet_in_threads(parent: Parent) {
    let segment = Segment::open(parent.argument(0)).expect("it is there");
    let locks = ["a", "b"].map(|name| segment.lock(name).expect("there is room"));
    let barrier = std::sync::Barrier::new(2);
    let outcomes = thread::scope(|scope| {
        let cross = |mine: usize| {
            let guard = locks[mine].lock().expect("it is free");
            barrier.wait();
            // A guard is dropped when the circle is told, and the other gets it.
            let outcome = locks[1 - mine].lock().map(drop);
            drop(guard);
            outcome
        };
        [0, 1]
            .map(|mine| scope.spawn(move || cross(mine)))
            .map(|thread| thread.join().expect("it does not panic"))
    });
    let told: Vec<&LockError> = outcomes
        .iter()
        .filter_map(|outcome| outcome.as_ref().err())
        .collect();
    let [LockError::Deadlock { circle }] = told[..] else {
        panic!("{outcomes:?}");
    };
    let [first, second] = circle.waiters() else {
        panic!("{circle:?}");
    };
    let own = std::process::id();
    assert!(first.pid == own && second.pid == own && first.tid > second.tid);
    assert_ne!(first.object, second.object);
    let message = told[0].to_string();
    let (tid, object) = (first.tid, &first.object);
    let begin = format!(
        "waiting would be for ever: thread {tid} of process {own} waits for '{object}', held by "
    );
    assert!(message.starts_with(&begin), "{message}");
    assert!(told[0].help().is_some());
}

pub fn who_adds_or_watches_its_time_is_part_of_a_circle_too() {
    let scratch = Scratch::new("adding");
    let segment = Segment::create(scratch.name()).expect("the name is new");
    for waits in [
        ["add", "add"],
        ["add", "hold"],
        ["store", "add_timeout"],
        ["add_timeout", "store"],
    ] {
        let mut pair = [Obedient::start(&scratch), Obedient::start(&scratch)];
        let told = usize::from(pair[1].id() > pair[0].id());
        for (process, mine) in pair.iter_mut().zip(["a", "b"]) {
            process.perform(&format!("hold {mine}"));
        }
        for ((process, other), wait) in pair.iter_mut().zip(["b", "a"]).zip(waits) {
            let number = match wait {
                "add" | "hold" => "",
                // A minute: nobody waits that long.
                _ => " 60000",
            };
            process.begin(&format!("{wait} {other}{number}"));
        }
        let outcome = pair[told].outcome();
        assert!(outcome.starts_with("circle "), "{waits:?}: {outcome}");
        pair[told].perform("release");
        assert_eq!(pair[1 - told].outcome(), "done", "{waits:?}");
        pair[1 - told].perform("release");
    }
    assert!(segment.waiters().expect("it is whole").is_empty());
}

pub fn a_stopped_one_that_is_to_give_up_is_told_when_it_goes_on() {
    let scratch = Scratch::new("stopped");
    let segment = Segment::create(scratch.name()).expect("the name is new");
    let mut pair = [Obedient::start(&scratch), Obedient::start(&scratch)];
    pair.sort_by_key(Obedient::id);
    let [other, told] = &mut pair;
    other.perform("lock a");
    told.perform("lock b");
    told.begin("lock a");
    // Seen waiting, it is in the table.
    while segment.waiters().expect("it is whole").is_empty() {
        thread::yield_now();
    }
    told.process().stop();
    other.begin("lock_timeout b 1000");
    assert_eq!(other.outcome(), "timed out");
    other.begin("lock b");
    told.process().signal(Signal::SIGCONT);
    assert!(told.outcome().starts_with("circle "));
    told.perform("release");
    assert_eq!(other.outcome(), "done");
}

pub fn a_waiter_is_seen_and_one_that_is_killed_leaves_no_trace() {
    // More than there are places for them.
    const KILLS: usize = 70;
    let scratch = Scratch::new("killed");
    let segment = Segment::create(scratch.name()).expect("the name is new");
    let number = segment.value("number", 0i64).expect("there is room");
    let guard = number.lock().expect("it is free");
    let start = SystemTime::now();
    let begin = || {
        let mut waiter = Obedient::start(&scratch);
        waiter.begin("add number");
        waiter
    };
    let seen = || segment.waiters().expect("it is whole");
    for _ in 0..KILLS / 10 {
        let waiters: Vec<_> = (0..10).map(|_| begin()).collect();
        while seen().len() < waiters.len() {
            thread::yield_now();
        }
        let mut pids: Vec<u32> = seen().iter().map(|waiter| waiter.pid).collect();
        pids.sort_unstable();
        let mut expected: Vec<u32> = waiters.iter().map(Obedient::id).collect();
        expected.sort_unstable();
        assert_eq!(pids, expected);
        waiters.into_iter().for_each(Obedient::kill);
        assert_eq!(seen(), []);
    }
    let mut last = begin();
    while seen().is_empty() {
        thread::yield_now();
    }
    let found = &seen()[0];
    assert_eq!((found.pid, found.tid), (last.id(), last.id()));
    assert_eq!(found.object, "number");
    assert!(found.since >= start && found.since <= SystemTime::now());
    drop(guard);
    assert_eq!(last.outcome(), "done");
    assert_eq!(seen(), []);
    assert_eq!(number.load(), 1);
}

pub fn more_waiters_than_can_be_seen_wait_all_the_same() {
    let scratch = Scratch::new("many");
    let segment = Segment::create(scratch.name()).expect("the name is new");
    let number = segment.value("number", 0i64).expect("there is room");
    let guard = number.lock().expect("it is free");
    let mut waiters = Process::start("circles::wait_in_threads", &[scratch.name()]);
    while segment.waiters().expect("it is whole").len() < 64 {
        thread::yield_now();
    }
    drop(guard);
    waiters.expect("done");
    waiters.succeed();
    assert_eq!(number.load(), 80);
    assert_eq!(segment.waiters().expect("it is whole"), []);
}

/// Argument 0 names the segment.
pub fn wait_in_threads(parent: Parent) {
    let segment = Segment::open(parent.argument(0)).expect("it is there");
    let number = segment.value("number", 0i64).expect("it is there");
    let (tell, told) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..80 {
            let (number, tell) = (&number, tell.clone());
            scope.spawn(move || {
                // A timeout, so that one who waits unseen is not one who waits otherwise.
                let added = number.fetch_add_timeout(1, Duration::from_secs(60));
                tell.send(added.is_ok()).expect("the other end is there");
            });
        }
    });
    drop(tell);
    assert_eq!(told.iter().filter(|added| *added).count(), 80);
    parent.tell("done");
}

/// Ends the act when somebody was told of a circle where there was none.
pub fn no_alarm(parent: &Parent, error: &LockError) {
    if let LockError::Deadlock { .. } = error {
        parent.tell(&format!("alarm: {}", said_of(error)));
        std::process::exit(3);
    }
}
