//! Events.

use std::time::{Duration, Instant};

use shmcount::{Event, Segment, WaitError};

use crate::scribble::{PATTERNS, STATE, Target};
use crate::stage::{Parent, Process, Scratch};

const TIMEOUT: Duration = Duration::from_millis(20);

fn event(scratch: &Scratch) -> Event {
    let segment = Segment::create(scratch.name()).expect("the name is new");
    segment.event("event").expect("there is room")
}

/// Waits for the event as often as it is told to.
pub fn wait(parent: Parent) {
    let segment = Segment::open(parent.argument(0)).expect("it is there");
    let event = segment.event("event").expect("it is there");
    while parent.hear_or_end().is_some() {
        parent.tell("waits");
        event.wait().expect("not held");
        parent.tell("woken");
    }
}

fn waiter(scratch: &Scratch) -> Process {
    let mut waiter = Process::start("event::wait", &[scratch.name()]);
    waiter.tell("wait");
    waiter.expect("waits");
    waiter
}

pub fn setting_wakes_all_who_wait() {
    let scratch = Scratch::new("event");
    let event = event(&scratch);
    let mut waiters: Vec<Process> = (0..4).map(|_| waiter(&scratch)).collect();
    assert!(!event.is_set());
    event.set().expect("not held");
    event.set().expect("not held");
    assert!(event.is_set());
    waiters.iter_mut().for_each(|waiter| waiter.expect("woken"));
    // Who comes later does not wait.
    event.wait().expect("not held");
    waiter(&scratch).expect("woken");
}

pub fn a_cleared_event_is_waited_for_again() {
    let scratch = Scratch::new("event");
    let event = event(&scratch);
    let mut waiter = waiter(&scratch);
    for _ in 0..200 {
        event.set().expect("not held");
        waiter.expect("woken");
        event.clear().expect("not held");
        assert!(!event.is_set());
        waiter.tell("wait");
        waiter.expect("waits");
    }
}

pub fn a_timeout_is_waited_for() {
    let scratch = Scratch::new("event");
    let event = event(&scratch);
    let start = Instant::now();
    let late = WaitError::TimedOut(false);
    assert_eq!(event.wait_timeout(TIMEOUT), Err(late));
    assert!(start.elapsed() >= TIMEOUT);
    event.set().expect("not held");
    assert_eq!(event.wait_timeout(TIMEOUT), Ok(()));
}

pub fn damage_is_survived() {
    let scratch = Scratch::new("event");
    let event = event(&scratch);
    let target = Target::of(&scratch, "event");
    for state in PATTERNS {
        target.write_u64(STATE, state);
        let _ = (event.is_set(), event.wait_timeout(TIMEOUT));
        event.clear().expect("not held");
        assert!(!event.is_set());
        event.set().expect("not held");
        assert!(event.is_set());
    }
}
