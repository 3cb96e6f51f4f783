//! What a wait group promises.

use std::thread;
use std::time::{Duration, Instant};

use shmcount::{Error, Segment, WaitGroup, WaitGroupError};

use crate::semaphore::{in_child, until_asleep};
use crate::stage::{Act, Parent, Process, Scratch, Test, acts, tests};
use crate::wait_group;

pub const TESTS: &[Test] = tests![
    wait_group::a_wait_group_is_opened_as_what_it_was_made,
    wait_group::open_tasks_are_counted_whoever_does_them,
    wait_group::who_waits_hears_when_the_last_task_is_done,
    wait_group::a_task_is_lost_with_who_took_it_on_and_counted_once,
    wait_group::all_who_wait_hear_of_a_lost_task,
    wait_group::slots_of_the_dead_are_used_again_and_each_is_counted_once,
    wait_group::a_second_round_counts_its_own_losses,
    wait_group::who_waits_hears_of_its_round_though_the_next_has_begun,
    wait_group::waiting_for_a_task_of_ones_own_is_an_error,
    wait_group::one_task_too_many_is_an_error,
    wait_group::wait_timeout_waits_that_long,
    wait_group::a_task_begun_by_a_task_before_it_ends_keeps_the_round_open,
    wait_group::a_task_that_a_fork_copied_is_the_parents,
];

pub const ACTS: &[Act] = acts![
    wait_group::take_on,
    wait_group::wait_and_tell,
    wait_group::relay,
    wait_group::fork_with_task,
];

/// Longer than anything here takes, shorter than the watchdog.
const PATIENCE: Duration = Duration::from_secs(60);

fn made(scratch: &Scratch, most_tasks: u32) -> (Segment, WaitGroup) {
    let segment = Segment::create(scratch.name()).expect("the name is new");
    let group = segment.wait_group("tasks", most_tasks);
    (segment, group.expect("there is room"))
}

/// Argument 0 names the segment, argument 1 is how many tasks there may be.
fn opened(parent: &Parent) -> WaitGroup {
    let segment = Segment::open(parent.argument(0)).expect("it is there");
    let most = parent.argument(1).parse().expect("a number");
    segment.wait_group("tasks", most).expect("it is there")
}

fn start(act: &str, scratch: &Scratch, most_tasks: u32) -> Process {
    let mut process = Process::start(act, &[scratch.name(), &most_tasks.to_string()]);
    process.expect("ready");
    process
}

/// Starts a process that has taken on a task, and is done when it is told.
fn worker(scratch: &Scratch, most_tasks: u32) -> Process {
    start("wait_group::take_on", scratch, most_tasks)
}

/// Starts a process that waits, and returns when it sleeps.
fn waiter(scratch: &Scratch, most_tasks: u32) -> Process {
    let waiter = start("wait_group::wait_and_tell", scratch, most_tasks);
    until_asleep(&waiter);
    waiter
}

/// Arguments 0 and 1 are the wait group.
pub fn take_on(parent: Parent) {
    let group = opened(&parent);
    let task = group.begin().expect("there is room");
    parent.ready();
    task.done();
    parent.ready();
}

/// Arguments 0 and 1 are the wait group. Tells how many were lost.
pub fn wait_and_tell(parent: Parent) {
    let group = opened(&parent);
    parent.tell("ready");
    let finished = group.wait().expect("it has no task itself");
    parent.tell(&finished.lost.to_string());
    parent.hear();
}

pub fn a_wait_group_is_opened_as_what_it_was_made() {
    let scratch = Scratch::new("shape");
    let (segment, group) = made(&scratch, 3);
    assert_eq!((group.most_tasks(), group.open(), group.lost()), (3, 0, 0));
    assert!(segment.wait_group("tasks", 3).is_ok());
    let refused = segment.wait_group("tasks", 4).expect_err("other tasks");
    assert!(matches!(refused, Error::OtherShape { .. }), "{refused}");
    let refused = segment.wait_group("none", 0).expect_err("of no use");
    assert!(matches!(refused, Error::OutOfRange { .. }), "{refused}");
    let refused = segment.wait_group("huge", u32::MAX).expect_err("no room");
    assert!(matches!(refused, Error::Full { .. }), "{refused}");
}

pub fn open_tasks_are_counted_whoever_does_them() {
    let scratch = Scratch::new("counted");
    let (_segment, group) = made(&scratch, 4);
    assert_eq!(group.wait().map(|finished| finished.lost), Ok(0));
    assert_eq!(group.done(), Err(WaitGroupError::NoneOpen));
    group.add(3).expect("not held");
    group.add(0).expect("not held");
    assert_eq!(group.open(), 3);
    group.done().expect("three are open");
    // These take on what is open, and the third opens one.
    let tasks = [group.begin(), group.begin()];
    assert_eq!(group.open(), 2);
    let third = group.begin().expect("there is room");
    assert_eq!(group.open(), 3);
    assert_eq!(group.done(), Err(WaitGroupError::NoneOpen));
    third.done();
    assert_eq!(group.open(), 2);
    drop(tasks);
    assert_eq!((group.open(), group.lost()), (0, 0));
}

pub fn who_waits_hears_when_the_last_task_is_done() {
    let scratch = Scratch::new("done");
    let (_segment, group) = made(&scratch, 4);
    group.add(1).expect("not held");
    let mut waiters = [waiter(&scratch, 4), waiter(&scratch, 4)];
    let task = group.begin().expect("there is room");
    group.add(1).expect("not held");
    group.done().expect("one is open that nobody has taken on");
    waiters.iter().for_each(until_asleep);
    task.done();
    for waiter in &mut waiters {
        waiter.expect("0");
    }
}

pub fn a_task_is_lost_with_who_took_it_on_and_counted_once() {
    let scratch = Scratch::new("lost");
    let (_segment, group) = made(&scratch, 4);
    group.add(3).expect("not held");
    let workers = [(); 3].map(|()| worker(&scratch, 4));
    assert_eq!(group.open(), 3);
    let mut waiter = waiter(&scratch, 4);
    let [mut first, second, third] = workers;
    second.kill();
    assert_eq!((group.open(), group.lost()), (2, 1));
    first.tell("done");
    first.expect("ready");
    assert_eq!((group.open(), group.lost()), (1, 1));
    third.kill();
    waiter.expect("2");
    assert_eq!((group.open(), group.lost()), (0, 2));
    assert_eq!(group.wait().map(|finished| finished.lost), Ok(2));
}

pub fn all_who_wait_hear_of_a_lost_task() {
    let scratch = Scratch::new("all-hear");
    let (_segment, group) = made(&scratch, 4);
    let worker = worker(&scratch, 4);
    let mut waiters = [(); 4].map(|()| waiter(&scratch, 4));
    worker.kill();
    for waiter in &mut waiters {
        waiter.expect("1");
    }
    assert_eq!(group.open(), 0);
}

pub fn slots_of_the_dead_are_used_again_and_each_is_counted_once() {
    let scratch = Scratch::new("again");
    let (_segment, group) = made(&scratch, 2);
    let kept = group.begin().expect("there is room");
    for lost in 0..6 {
        let worker = worker(&scratch, 2);
        assert_eq!((group.open(), group.lost()), (2, lost));
        worker.kill();
        assert_eq!((group.open(), group.lost()), (1, lost + 1));
    }
    kept.done();
    assert_eq!(group.wait().map(|finished| finished.lost), Ok(6));
}

pub fn a_second_round_counts_its_own_losses() {
    let scratch = Scratch::new("rounds");
    let (_segment, group) = made(&scratch, 2);
    for round in 1..=3u64 {
        for _ in 0..round {
            let worker = worker(&scratch, 2);
            group.add(1).expect("not held");
            worker.kill();
            group.done().expect("it was added");
        }
        // Each of them was a round of its own: nothing was open in between.
        assert_eq!(group.wait().map(|finished| finished.lost), Ok(1));
    }
    group.add(2).expect("not held");
    for _ in 0..2 {
        worker(&scratch, 2).kill();
    }
    assert_eq!(group.wait().map(|finished| finished.lost), Ok(2));
    assert_eq!(group.lost(), 8);
}

pub fn who_waits_hears_of_its_round_though_the_next_has_begun() {
    let scratch = Scratch::new("late");
    let (_segment, group) = made(&scratch, 2);
    group.add(1).expect("not held");
    let mut waiter = waiter(&scratch, 2);
    waiter.stop();
    group.done().expect("one is open");
    // Never to be done.
    group.add(1).expect("not held");
    waiter.signal(nix::sys::signal::Signal::SIGCONT);
    waiter.expect("0");
    assert_eq!(group.open(), 1);
}

pub fn waiting_for_a_task_of_ones_own_is_an_error() {
    let scratch = Scratch::new("own");
    let (_segment, group) = made(&scratch, 2);
    let task = group.begin().expect("there is room");
    assert_eq!(group.wait(), Err(WaitGroupError::TaskOfCaller));
    assert_eq!(
        group.wait_timeout(PATIENCE),
        Err(WaitGroupError::TaskOfCaller)
    );
    task.done();
    assert!(group.wait().is_ok());
}

pub fn one_task_too_many_is_an_error() {
    let scratch = Scratch::new("too-many");
    let (_segment, group) = made(&scratch, 2);
    let tasks = [group.begin(), group.begin()];
    let refused = group.begin().map(|_| ());
    assert_eq!(refused, Err(WaitGroupError::TooManyTasks { most: 2 }));
    group.add(1).expect("not held");
    assert_eq!(group.open(), 3);
    drop(tasks);
    assert_eq!(group.open(), 1);
}

pub fn wait_timeout_waits_that_long() {
    let scratch = Scratch::new("timeout");
    let (_segment, group) = made(&scratch, 2);
    group.add(2).expect("not held");
    for timeout in [Duration::from_millis(120), Duration::from_millis(7)] {
        let begin = Instant::now();
        let expected = WaitGroupError::TimedOut { open: 2, timeout };
        assert_eq!(group.wait_timeout(timeout), Err(expected));
        assert!(begin.elapsed() >= timeout);
    }
}

/// How often a task is passed on.
const RELAYS: u64 = 2_000;

pub fn a_task_begun_by_a_task_before_it_ends_keeps_the_round_open() {
    let scratch = Scratch::new("relay");
    let (segment, group) = made(&scratch, 8);
    let relayed = segment.value("relayed", 0u64).expect("there is room");
    let relay = start("wait_group::relay", &scratch, 8);
    // It looks at slot after slot while the task goes from one to the other.
    let finished = group.wait().expect("no task of this process");
    assert_eq!((finished.lost, relayed.load()), (0, RELAYS));
    relay.succeed();
}

/// Arguments 0 and 1 are the wait group.
pub fn relay(parent: Parent) {
    let segment = Segment::open(parent.argument(0)).expect("it is there");
    let group = opened(&parent);
    let relayed = segment.value("relayed", 0u64).expect("it is there");
    let mut tasks = vec![group.begin().expect("there is room")];
    parent.tell("ready");
    for relay in 0..RELAYS {
        // One that was added, as in Go, and one that was not.
        if relay % 2 == 0 {
            group.add(1).expect("not held");
        }
        if relay % 3 == 0 {
            // So that the next one is begun in another slot.
            tasks.push(group.begin().expect("there is room"));
            tasks.rotate_left(1);
            tasks.pop();
        } else {
            tasks.push(group.begin().expect("there is room"));
            tasks.remove(0).done();
        }
        relayed.fetch_add(1).expect("no overflow");
    }
    drop(tasks);
}

pub fn a_task_that_a_fork_copied_is_the_parents() {
    let scratch = Scratch::new("fork");
    let (_segment, group) = made(&scratch, 2);
    Process::perform("wait_group::fork_with_task", &[scratch.name(), "2"]);
    assert_eq!((group.open(), group.lost()), (0, 1));
}

/// Arguments 0 and 1 are the wait group.
pub fn fork_with_task(parent: Parent) {
    let group = opened(&parent);
    let mut task = Some(group.begin().expect("there is room"));
    in_child(|| {
        drop(task.take());
        assert_eq!(group.open(), 1, "the child ended its parent's task");
        // Lost with the child.
        std::mem::forget(group.begin().expect("there is room"));
    });
    assert_eq!((group.open(), group.lost()), (1, 1));
    let waited = thread::scope(|scope| {
        let waited = scope.spawn(|| group.wait());
        task.take().expect("it is here").done();
        waited.join().expect("it does not panic")
    });
    assert_eq!(waited.map(|finished| finished.lost), Ok(1));
}
