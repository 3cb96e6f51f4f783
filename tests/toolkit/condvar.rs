//! Condition variables.

use std::panic::resume_unwind;
use std::time::{Duration, Instant};

use shmcount::{Condvar, Segment, Value};

use crate::scribble::{BEHIND_LINE, PATTERNS, Target};
use crate::stage::{Parent, Process, Scratch};

const TIMEOUT: Duration = Duration::from_millis(20);

/// A number of items, and what to wait for until there is one.
struct Store {
    items: Value<i64>,
    /// How many wait, counted under the lock of `items` and without a commit of it.
    waiting: Value<i64>,
    more: Condvar,
}

impl Store {
    fn of(segment: &Segment) -> Self {
        Self {
            items: segment.value("items", 0).expect("there is room"),
            waiting: segment.value("waiting", 0).expect("there is room"),
            more: segment.condvar("more").expect("there is room"),
        }
    }

    fn new(scratch: &Scratch) -> Self {
        Self::of(&Segment::create(scratch.name()).expect("the name is new"))
    }

    fn open(parent: &Parent) -> Self {
        Self::of(&Segment::open(parent.argument(0)).expect("it is there"))
    }

    /// Waits until so many wait, which they do once their lock can be had after they said so.
    fn wait_for_waiters(&self, count: i64) {
        let all_said_so = self.waiting.wait_until(|waiting| *waiting >= count, None);
        all_said_so.expect("not held");
        drop(self.items.lock().expect("not held"));
    }
}

/// Takes an item when there is one, and says so.
pub fn take(parent: Parent) {
    let store = Store::open(&parent);
    let guard = store.items.lock().expect("not held");
    store.waiting.fetch_add(1).expect("not held");
    let guard = store.more.wait_while(guard, |items| *items == 0);
    let mut guard = guard.expect("not held");
    *guard -= 1;
    assert!(store.items.holder().is_some(), "it has the lock");
    drop(guard);
    parent.tell("took");
}

/// Waits once and panics when woken.
pub fn take_and_panic(parent: Parent) {
    let store = Store::open(&parent);
    let guard = store.items.lock().expect("not held");
    store.waiting.fetch_add(1).expect("not held");
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let mut guard = store.more.wait(guard).expect("not held");
        *guard -= 1;
        resume_unwind(Box::new(()));
    }));
    parent.tell(if outcome.is_err() {
        "panicked"
    } else {
        "returned"
    });
}

/// Does nothing until it is killed.
pub fn sit(parent: Parent) {
    parent.ready();
}

fn taker(scratch: &Scratch) -> Process {
    Process::start("condvar::take", &[scratch.name()])
}

pub fn a_waiter_is_woken_and_has_the_lock() {
    let scratch = Scratch::new("condvar");
    let store = Store::new(&scratch);
    let mut taker = taker(&scratch);
    store.wait_for_waiters(1);
    let mut guard = store.items.lock().expect("not held");
    *guard += 1;
    store.more.notify_one().expect("not held");
    drop(guard);
    taker.expect("took");
    assert_eq!(store.items.load(), 0);
}

pub fn waiting_commits_what_the_guard_changed() {
    let scratch = Scratch::new("condvar");
    let store = Store::new(&scratch);
    let mut guard = store.items.lock().expect("not held");
    *guard = 7;
    let waited = store.more.wait_timeout(guard, Duration::from_millis(1));
    let (guard, result) = waited.expect("not held");
    assert!(result.timed_out());
    assert_eq!(store.items.load(), 7);
    assert_eq!(*guard, 7);
}

pub fn a_timeout_is_waited_for() {
    let scratch = Scratch::new("condvar");
    let store = Store::new(&scratch);
    let start = Instant::now();
    let guard = store.items.lock().expect("not held");
    let waited = (store.more).wait_timeout_while(guard, TIMEOUT, |items| *items == 0);
    let (guard, result) = waited.expect("not held");
    assert!(result.timed_out());
    assert!(start.elapsed() >= TIMEOUT);
    assert!(store.items.holder().is_some(), "it has the lock");
    drop(guard);
    // A notification of before is not for who comes later.
    store.more.notify_one().expect("not held");
    let guard = store.items.lock().expect("not held");
    let (_guard, result) = store.more.wait_timeout(guard, TIMEOUT).expect("not held");
    assert!(result.timed_out());
}

pub fn a_condition_is_waited_for() {
    let scratch = Scratch::new("condvar");
    let store = Store::new(&scratch);
    let mut taker = taker(&scratch);
    store.wait_for_waiters(1);
    // For nothing: there is no item.
    for _ in 0..100 {
        let guard = store.items.lock().expect("not held");
        store.more.notify_all().expect("not held");
        drop(guard);
    }
    let guard = store.items.lock().expect("not held");
    let at_once = (store.more).wait_timeout_while(guard, TIMEOUT, |items| *items != 0);
    let (mut guard, result) = at_once.expect("not held");
    assert!(!result.timed_out());
    *guard = 1;
    store.more.notify_one().expect("not held");
    drop(guard);
    taker.expect("took");
}

pub fn all_are_woken() {
    let scratch = Scratch::new("condvar");
    let store = Store::new(&scratch);
    let mut takers: Vec<Process> = (0..4).map(|_| taker(&scratch)).collect();
    store.wait_for_waiters(4);
    let mut guard = store.items.lock().expect("not held");
    *guard = 4;
    store.more.notify_all().expect("not held");
    drop(guard);
    takers.iter_mut().for_each(|taker| taker.expect("took"));
    assert_eq!(store.items.load(), 0);
}

pub fn each_notification_wakes_one() {
    let scratch = Scratch::new("condvar");
    let store = Store::new(&scratch);
    let mut takers: Vec<Process> = (0..4).map(|_| taker(&scratch)).collect();
    store.wait_for_waiters(4);
    for _ in 0..4 {
        let mut guard = store.items.lock().expect("not held");
        *guard += 1;
        store.more.notify_one().expect("not held");
        drop(guard);
        let taken = store.items.wait_until(|items| *items == 0, None);
        taken.expect("not held");
    }
    takers.iter_mut().for_each(|taker| taker.expect("took"));
}

pub fn a_waiter_that_panics_leaves_its_wake_up_to_another() {
    let scratch = Scratch::new("condvar");
    let store = Store::new(&scratch);
    let mut first = Process::start("condvar::take_and_panic", &[scratch.name()]);
    store.wait_for_waiters(1);
    let mut second = taker(&scratch);
    store.wait_for_waiters(2);
    let mut guard = store.items.lock().expect("not held");
    *guard += 1;
    store.more.notify_one().expect("not held");
    drop(guard);
    // Whoever is first: the other one takes the item, and only one notification was made.
    second.expect("took");
    assert_eq!(store.items.load(), 0);
    let guard = store.items.lock().expect("not held");
    store.more.notify_all().expect("not held");
    drop(guard);
    first.expect("panicked");
    assert_eq!(store.items.load(), 0, "a panic commits nothing");
}

pub fn a_waiter_that_waits_again_has_answered() {
    let scratch = Scratch::new("condvar");
    let store = Store::new(&scratch);
    let waiting = std::thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            let mut guard = store.items.lock().expect("not held");
            store.waiting.fetch_add(1).expect("not held");
            guard = store.more.wait(guard).expect("not held");
            *guard = 1;
            // The call that woke it is answered, and what it did is committed.
            store.more.wait_timeout(guard, TIMEOUT).expect("not held").1
        });
        store.wait_for_waiters(1);
        let guard = store.items.lock().expect("not held");
        store.more.notify_one().expect("not held");
        drop(guard);
        let committed = store.items.wait_until(|items| *items == 1, None);
        committed.expect("not held");
        waiter.join().expect("no panic")
    });
    assert!(waiting.timed_out());
}

pub fn waiters_of_two_values_take_their_own_locks() {
    let scratch = Scratch::new("condvar");
    let store = Store::new(&scratch);
    let other = Segment::open(scratch.name())
        .and_then(|segment| segment.value("other", [0u64; 4]))
        .expect("there is room");
    let mut taker = taker(&scratch);
    store.wait_for_waiters(1);
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            let guard = other.lock().expect("not held");
            store.waiting.fetch_add(1).expect("not held");
            let guard = store.more.wait_while(guard, |words| words[3] == 0);
            guard.expect("not held")[0] = 1;
        });
        store.wait_for_waiters(2);
        other.update(|words| words[3] = 1).expect("not held");
        store.items.fetch_add(1).expect("not held");
        store.more.notify_all().expect("not held");
        waiter.join().expect("no panic");
    });
    taker.expect("took");
    assert_eq!(other.load(), [1, 0, 0, 1]);
}

pub fn damage_is_survived() {
    let scratch = Scratch::new("condvar");
    let store = Store::new(&scratch);
    let target = Target::of(&scratch, "more");
    for pattern in PATTERNS {
        // Two places of a state of three words, and two words behind them.
        (0..10).for_each(|word| target.write_u64(BEHIND_LINE + 8 * word, pattern));
        for _ in 0..3 {
            store.more.notify_one().expect("not held");
            let guard = store.items.lock().expect("not held");
            let waited = store.more.wait_timeout(guard, Duration::from_millis(1));
            drop(waited.expect("not held"));
            store.more.notify_all().expect("not held");
        }
    }
}
