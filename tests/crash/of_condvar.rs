//! Condition variables, while who waits or notifies is killed: a killed waiter takes no wake-up with it,
//! and a killed notifier has told of what it committed.
//!
//! Everybody works on a store of items: it is waited for until there is one, and one is taken.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use bytemuck::{Pod, Zeroable};
use shmcount::{Condvar, Release, Value};

use super::process::{Child, patience};
use super::run::{Fate, Run, kill_everywhere};
use super::scenario::Scenario;
use super::subject::Stage;

/// How many items there are, and how many have been taken.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
struct Store {
    left: u64,
    taken: u64,
}

struct Staged {
    store: Value<Store>,
    more: Condvar,
    stage: Stage,
}

/// Returns the scenarios.
pub fn scenarios() -> Vec<Scenario> {
    type Scene = fn(Release, &mut Run) -> Fate;
    let scenes: [(&str, &str, Scene); 5] = [
        (
            "condvar wait",
            "woken by notify_one, another waits",
            woken_by_one,
        ),
        (
            "condvar wait",
            "woken by notify_all, another waits",
            woken_by_all,
        ),
        ("condvar wait", "timing out, another waits", timing_out),
        ("notify_one", "one waits", notifying_one),
        ("notify_all", "two wait", notifying_all),
    ];
    let releases = [(Release::Exchange, "exchange"), (Release::Plain, "plain")];
    let all = releases.into_iter().flat_map(|(release, name)| {
        scenes.map(|(operation, situation, scene)| {
            Scenario::new(operation, situation, name, move || {
                kill_everywhere(|run| scene(release, run))
            })
        })
    });
    all.collect()
}

impl Staged {
    fn new(release: Release) -> Self {
        let stage = Stage::new(release);
        let store = stage.segment.value("store", Store::zeroed());
        let more = stage.segment.condvar("more");
        Self {
            store: store.expect("there is room"),
            more: more.expect("there is room"),
            stage,
        }
    }

    /// Waits for an item and takes it.
    fn take(&self) {
        let guard = self.store.lock().expect("not held");
        let guard = self.more.wait_while(guard, |store| store.left == 0);
        let mut guard = guard.expect("not held");
        guard.left -= 1;
        guard.taken += 1;
    }

    fn give_one(&self) {
        let mut guard = self.store.lock().expect("not held");
        guard.left += 1;
        self.more.notify_one().expect("not held");
    }

    fn give_two(&self) {
        let mut guard = self.store.lock().expect("not held");
        guard.left += 2;
        self.more.notify_all().expect("not held");
    }

    fn waiter(&self) -> Child {
        let child = Child::start(|| self.take());
        child.wait_until_asleep();
        child
    }

    /// The victim, which wanted an item, is dead; another waits for one. If there is one, it must take
    /// it though nobody notifies again; else it must at the next notification.
    fn verdict(&self, given: u64, other: Child) -> Fate {
        if self.store.lock_timeout(patience()).is_err() {
            return Fate::Hung("the lock is not free in time".to_owned());
        }
        if self.store.load().left > 0 && !other.comes_to_an_end() {
            return Fate::Hung("a waiter slept on beside an item".to_owned());
        }
        self.give_one();
        if !other.ends() {
            return Fate::Hung("a notification woke nobody".to_owned());
        }
        let store = self.store.load();
        match (store.taken, store.left + store.taken == given + 1) {
            (1, true) => Fate::Before,
            (2, true) => Fate::After,
            _ => Fate::Torn(format!("{store:?} of {} given", given + 1)),
        }
    }

    fn woken_by(&self, run: &mut Run, give: impl Fn(), items: u64) -> Fate {
        let (other, given) = (RefCell::new(None), Cell::new(0));
        // Stopped in its sleep: it takes nothing away from the victim.
        let stopped = || {
            let child = self.waiter();
            child.stop();
            child
        };
        let mut victim = run.start(|| self.take(), || self.stage.digest());
        victim.go_on(|| {
            other.borrow_mut().get_or_insert_with(stopped);
            give();
            given.set(given.get() + items);
        });
        let other = other.take().unwrap_or_else(stopped);
        victim.kill();
        other.go_on();
        self.verdict(given.get(), other)
    }

    /// The victim gave items and notified, and is dead. If there are any, those who wait must take them
    /// though nobody else comes.
    fn told_verdict<const MANY: usize>(&self, waiters: [Child; MANY], give: impl Fn()) -> Fate {
        if self.store.lock_timeout(patience()).is_err() {
            return Fate::Hung("the lock is not free in time".to_owned());
        }
        let store = self.store.load();
        let is_given = store.left + store.taken > 0;
        if !is_given {
            give();
        }
        if !waiters.into_iter().all(Child::ends) {
            return Fate::Hung("a waiter slept on beside an item".to_owned());
        }
        let store = self.store.load();
        match (store.left, store.taken == MANY as u64) {
            (0, true) if is_given => Fate::After,
            (0, true) => Fate::Before,
            _ => Fate::Torn(format!("{store:?}")),
        }
    }
}

fn woken_by_one(release: Release, run: &mut Run) -> Fate {
    let staged = Staged::new(release);
    staged.woken_by(run, || staged.give_one(), 1)
}

fn woken_by_all(release: Release, run: &mut Run) -> Fate {
    let staged = Staged::new(release);
    staged.woken_by(run, || staged.give_two(), 2)
}

fn timing_out(release: Release, run: &mut Run) -> Fate {
    let staged = Staged::new(release);
    let other = RefCell::new(None);
    // Single steps take 20 µs each, and the time must not be over before the sleep.
    let timeout = Duration::from_millis(if run.is_recording() { 100 } else { 5 });
    let operation = || {
        let guard = staged.store.lock().expect("not held");
        let is_empty = |store: &Store| store.left == 0;
        let waited = staged.more.wait_timeout_while(guard, timeout, is_empty);
        assert!(waited.expect("not held").1.timed_out());
    };
    let mut victim = run.start(operation, || staged.stage.digest());
    victim.go_on(|| {
        other.borrow_mut().get_or_insert_with(|| staged.waiter());
    });
    let other = other.take().unwrap_or_else(|| staged.waiter());
    victim.kill();
    staged.verdict(0, other)
}

fn notifying_one(release: Release, run: &mut Run) -> Fate {
    let staged = Staged::new(release);
    let waiter = staged.waiter();
    let mut victim = run.start(|| staged.give_one(), || staged.stage.digest());
    victim.go_on(|| ());
    victim.kill();
    staged.told_verdict([waiter], || staged.give_one())
}

fn notifying_all(release: Release, run: &mut Run) -> Fate {
    let staged = Staged::new(release);
    let waiters = [staged.waiter(), staged.waiter()];
    let mut victim = run.start(|| staged.give_two(), || staged.stage.digest());
    victim.go_on(|| ());
    victim.kill();
    staged.told_verdict(waiters, || staged.give_two())
}
