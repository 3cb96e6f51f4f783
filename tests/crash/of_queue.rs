//! Queues, while who pushes, pops or closes is killed: each item is in the queue or was taken, whole,
//! and whoever waits is woken by what can be seen to have happened.
//!
//! The scenes are the same for both kinds of queues.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use shmcount::{PopError, PushError, Queue, Release};

use super::process::{Child, patience};
use super::run::{Fate, Run, kill_everywhere};
use super::scenario::Scenario;
use super::subject::Stage;

/// How many items each queue here holds.
pub const CAPACITY: usize = 3;

/// A queue of numbers, each in several words, so that half an item would show.
pub trait Line {
    fn of(stage: &Stage) -> Self;
    /// Waits for room; tells whether the queue is open.
    fn push(&self, number: u64) -> bool;
    /// Waits for an item.
    fn pop(&self) -> u64;
    /// As `pop`, for no longer than this.
    fn pop_within(&self, timeout: Duration) -> Option<u64>;
    /// Takes an item if there is one; not even that if the lock is not free.
    fn try_pop(&self) -> Result<Option<u64>, String>;
    fn close(&self);
    fn is_closed(&self) -> bool;
    fn len(&self) -> usize;
}

impl Line for Queue<[u64; 2]> {
    fn of(stage: &Stage) -> Self {
        let queue = stage.segment.queue("main", CAPACITY as u64);
        queue.expect("there is room")
    }

    fn push(&self, number: u64) -> bool {
        match self.push([number; 2]) {
            Ok(()) => true,
            Err(PushError::Closed(_)) => false,
            Err(error) => panic!("{error}"),
        }
    }

    fn pop(&self) -> u64 {
        whole(self.pop().expect("an open queue"))
    }

    fn pop_within(&self, timeout: Duration) -> Option<u64> {
        self.pop_timeout(timeout).ok().map(whole)
    }

    fn try_pop(&self) -> Result<Option<u64>, String> {
        match self.try_pop() {
            Ok(item) if item[0] != item[1] => Err(format!("half an item: {item:?}")),
            Ok(item) => Ok(Some(item[0])),
            Err(PopError::Empty | PopError::Closed) => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    }

    fn close(&self) {
        self.close().expect("not held");
    }

    fn is_closed(&self) -> bool {
        self.is_closed()
    }

    fn len(&self) -> usize {
        self.len()
    }
}

fn whole(item: [u64; 2]) -> u64 {
    assert_eq!(item[0], item[1], "half an item");
    item[0]
}

/// A queue on a stage.
struct Staged<L> {
    line: L,
    stage: Stage,
}

impl<L: Line> Staged<L> {
    /// Makes a queue with these items, the first of them so near the end that the last go round.
    fn new(release: Release, items: &[u64]) -> Self {
        let stage = Stage::new(release);
        let line = L::of(&stage);
        for number in 0..CAPACITY as u64 - 1 {
            line.push(number);
            line.pop();
        }
        items.iter().for_each(|item| assert!(line.push(*item)));
        Self { line, stage }
    }

    /// What everybody else finds when the victim is dead: the lock free, the items of before or after
    /// and no others, and a queue that works.
    fn verdict(&self, before: &[u64], after: &[u64]) -> Fate {
        let mut found = Vec::new();
        loop {
            match self.line.try_pop() {
                Ok(Some(number)) => found.push(number),
                Ok(None) => break,
                Err(what) => return Fate::Torn(what),
            }
        }
        let fate = Fate::of(&found.as_slice(), &before, &after);
        let works = |number| self.line.push(number) && self.line.try_pop() == Ok(Some(number));
        match fate.is_sound() && !(100..100 + 2 * CAPACITY as u64).all(works) {
            true => Fate::Torn("the queue does not work".to_owned()),
            false => fate,
        }
    }

    fn sleeping(&self, work: impl FnOnce()) -> Child {
        let child = Child::start(work);
        child.wait_until_asleep();
        child
    }

    /// As `sleeping`, but stopped in its sleep: it takes nothing away from the victim.
    fn stopped(&self, work: impl FnOnce()) -> Child {
        let child = self.sleeping(work);
        child.stop();
        child
    }
}

/// Returns the scenarios of a kind of queue.
pub fn scenarios<L: Line + 'static>(names: Names) -> Vec<Scenario> {
    let mut all = Vec::new();
    for (release, name) in [(Release::Exchange, "exchange"), (Release::Plain, "plain")] {
        let mut add = |operation, situation, scene: fn(Release, &mut Run) -> Fate| {
            all.push(Scenario::new(operation, situation, name, move || {
                kill_everywhere(|run| scene(release, run))
            }));
        };
        add(names.push, "alone", pushing_alone::<L>);
        add(names.push, "a consumer sleeps", pushing_to_a_sleeper::<L>);
        add(
            names.push,
            "woken by a pop, another waits",
            waiting_for_room::<L>,
        );
        add(names.pop, "alone", popping_alone::<L>);
        add(names.pop, "a producer sleeps", popping_for_a_sleeper::<L>);
        add(
            names.pop,
            "woken by a push, another waits",
            waiting_for_an_item::<L>,
        );
        add(names.pop, "timing out, another sleeps", timing_out::<L>);
        add(names.close, "two consumers sleep", closing::<L>);
    }
    all
}

/// What the operations of a kind of queue are called.
#[derive(Clone, Copy)]
pub struct Names {
    pub push: &'static str,
    pub pop: &'static str,
    pub close: &'static str,
}

/// Returns the scenarios of a queue of items of one type, and those that only it has.
pub fn all_scenarios() -> Vec<Scenario> {
    let mut all = scenarios::<Queue<[u64; 2]>>(Names {
        push: "push",
        pop: "pop",
        close: "close a queue",
    });
    for (release, name) in [(Release::Exchange, "exchange"), (Release::Plain, "plain")] {
        all.push(Scenario::new("push_many", "alone", name, move || {
            kill_everywhere(|run| pushing_many(release, run))
        }));
        all.push(Scenario::new("pop_many", "alone", name, move || {
            kill_everywhere(|run| popping_many(release, run))
        }));
    }
    all
}

fn pushing_alone<L: Line>(release: Release, run: &mut Run) -> Fate {
    let staged = Staged::<L>::new(release, &[1, 2]);
    kill(run, &staged, || assert!(staged.line.push(3)));
    staged.verdict(&[1, 2], &[1, 2, 3])
}

fn popping_alone<L: Line>(release: Release, run: &mut Run) -> Fate {
    let staged = Staged::<L>::new(release, &[1, 2, 3]);
    kill(run, &staged, || assert_eq!(staged.line.pop(), 1));
    staged.verdict(&[1, 2, 3], &[2, 3])
}

fn pushing_many(release: Release, run: &mut Run) -> Fate {
    let staged = Staged::<Queue<[u64; 2]>>::new(release, &[1]);
    let items = [[2; 2], [3; 2], [4; 2]];
    kill(run, &staged, || {
        assert_eq!(staged.line.push_many(&items), Ok(2))
    });
    staged.verdict(&[1], &[1, 2, 3])
}

fn popping_many(release: Release, run: &mut Run) -> Fate {
    let staged = Staged::<Queue<[u64; 2]>>::new(release, &[1, 2, 3]);
    let operation = || assert_eq!(staged.line.pop_many(2), Ok(vec![[1; 2], [2; 2]]));
    kill(run, &staged, operation);
    staged.verdict(&[1, 2, 3], &[3])
}

fn kill<L>(run: &mut Run, staged: &Staged<L>, operation: impl FnOnce()) {
    let mut victim = run.start(operation, || staged.stage.digest());
    victim.go_on(|| ());
    victim.kill();
}

/// A consumer sleeps. Once the item can be seen, it must wake though nobody else comes.
fn pushing_to_a_sleeper<L: Line>(release: Release, run: &mut Run) -> Fate {
    let staged = Staged::<L>::new(release, &[]);
    let consumer = staged.sleeping(|| _ = staged.line.pop());
    kill(run, &staged, || assert!(staged.line.push(1)));
    if staged.line.len() == 1 && !consumer.comes_to_an_end() {
        return Fate::Hung("a consumer slept on beside an item".to_owned());
    }
    assert!(staged.line.push(2));
    match consumer.ends() {
        // It took the first item, and that is the second; or there was no first.
        true => staged.verdict(&[], &[2]),
        false => Fate::Hung("a consumer slept on".to_owned()),
    }
}

/// A producer sleeps. Once there can be seen to be room, it must wake though nobody else comes.
fn popping_for_a_sleeper<L: Line>(release: Release, run: &mut Run) -> Fate {
    let staged = Staged::<L>::new(release, &[1, 2, 3]);
    let producer = staged.sleeping(|| assert!(staged.line.push(4)));
    kill(run, &staged, || _ = staged.line.pop());
    if staged.line.len() == 2 && !producer.comes_to_an_end() {
        return Fate::Hung("a producer slept on beside room".to_owned());
    }
    let _ = staged.line.try_pop();
    match producer.ends() {
        true => staged.verdict(&[2, 3, 4], &[3, 4]),
        false => Fate::Hung("a producer slept on".to_owned()),
    }
}

/// The victim sleeps for an item and is woken by a push; another consumer waits too. If the victim has
/// not taken the item, the other must.
fn waiting_for_an_item<L: Line>(release: Release, run: &mut Run) -> Fate {
    let staged = Staged::<L>::new(release, &[]);
    let (other, pushed) = (RefCell::new(None), Cell::new(0));
    let consumer = || staged.stopped(|| _ = staged.line.pop());
    let push = || {
        pushed.set(pushed.get() + 1);
        assert!(staged.line.push(pushed.get()));
    };
    let mut victim = run.start(|| _ = staged.line.pop(), || staged.stage.digest());
    victim.go_on(|| {
        other.borrow_mut().get_or_insert_with(consumer);
        push();
    });
    let other = other.take().unwrap_or_else(consumer);
    victim.kill();
    other.go_on();
    if staged.line.len() > 0 && !other.comes_to_an_end() {
        return Fate::Hung("a consumer slept on beside an item".to_owned());
    }
    push();
    if !other.ends() {
        return Fate::Hung("a consumer slept on".to_owned());
    }
    // One for the other, perhaps one for the victim, and the last ones.
    let all: Vec<u64> = (1..=pushed.get()).collect();
    let after = all.get(2..).unwrap_or_default();
    staged.verdict(&all[1..], after)
}

/// The victim sleeps for room and is woken by a pop; another producer waits too.
fn waiting_for_room<L: Line>(release: Release, run: &mut Run) -> Fate {
    let staged = Staged::<L>::new(release, &[1, 1, 1]);
    let (other, popped) = (RefCell::new(None), Cell::new(0));
    let producer = || staged.stopped(|| assert!(staged.line.push(2)));
    let pop = || {
        popped.set(popped.get() + 1);
        staged.line.pop();
    };
    let mut victim = run.start(|| assert!(staged.line.push(2)), || staged.stage.digest());
    victim.go_on(|| {
        other.borrow_mut().get_or_insert_with(producer);
        pop();
    });
    let other = other.take().unwrap_or_else(producer);
    victim.kill();
    other.go_on();
    if staged.line.len() < CAPACITY && !other.comes_to_an_end() {
        return Fate::Hung("a producer slept on beside room".to_owned());
    }
    pop();
    if !other.ends() {
        return Fate::Hung("a producer slept on".to_owned());
    }
    let left = |pushed: usize| {
        let all = [1, 1, 1, 2, 2].into_iter().take(CAPACITY + pushed);
        all.skip(popped.get()).collect::<Vec<u64>>()
    };
    staged.verdict(&left(1), &left(2))
}

/// The victim waits for an item that does not come in time; another consumer sleeps too.
fn timing_out<L: Line>(release: Release, run: &mut Run) -> Fate {
    let staged = Staged::<L>::new(release, &[]);
    let other = RefCell::new(None);
    let consumer = || staged.sleeping(|| _ = staged.line.pop());
    // Single steps take 20 µs each, and the time must not be over before the sleep.
    let timeout = Duration::from_millis(if run.is_recording() { 100 } else { 5 });
    let operation = || assert_eq!(staged.line.pop_within(timeout), None);
    let mut victim = run.start(operation, || staged.stage.digest());
    victim.go_on(|| {
        other.borrow_mut().get_or_insert_with(consumer);
    });
    let other = other.take().unwrap_or_else(consumer);
    victim.kill();
    assert!(staged.line.push(1));
    match other.ends() {
        true => staged.verdict(&[], &[]),
        false => Fate::Hung("a consumer slept on".to_owned()),
    }
}

/// Two consumers sleep. Once the queue can be seen to be closed, both must wake.
fn closing<L: Line>(release: Release, run: &mut Run) -> Fate {
    let staged = Staged::<L>::new(release, &[]);
    let consumer = || staged.sleeping(|| assert_eq!(staged.line.pop_within(20 * patience()), None));
    let consumers = [consumer(), consumer()];
    let mut victim = run.start(|| staged.line.close(), || staged.stage.digest());
    victim.go_on(|| ());
    victim.kill();
    let fate = match staged.line.is_closed() {
        true => Fate::After,
        false => Fate::Before,
    };
    if fate == Fate::Before {
        staged.line.close();
    }
    if !consumers.into_iter().all(Child::ends) {
        return Fate::Hung("a consumer slept on beside a closed queue".to_owned());
    }
    match staged.line.push(1) {
        true => Fate::Torn("a closed queue took an item".to_owned()),
        false => fate,
    }
}
