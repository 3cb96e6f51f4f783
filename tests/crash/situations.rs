//! The situations in which a process that works with a lock is killed. Each is played for every
//! subject, at every instruction of what the victim does.

use std::cell::RefCell;
use std::thread;
use std::time::Duration;

use nix::unistd::pause;

use super::process::{Child, patience};
use super::run::{Fate, Run, Tally, every_point, kill_after_each, record};
use super::subject::Subject;
use super::victim::{Path, Victim};

/// How a subject is made, in which state it begins, and what the operation makes of a state.
pub struct Cast<S: Subject> {
    pub make: Box<dyn Fn() -> S>,
    pub initial: S::State,
    pub next: fn(S::State) -> S::State,
}

impl<S: Subject> Cast<S> {
    /// Nobody else is there.
    pub fn uncontended(&self, run: &mut Run) -> Fate {
        let subject = (self.make)();
        let mut victim = run.start(|| subject.operate(), || subject.digest());
        victim.go_on(|| ());
        let seen = subject.load();
        victim.kill();
        self.verdict(&subject, seen)
    }

    /// Somebody sleeps for the lock from the moment the victim has it.
    pub fn with_a_sleeper(&self, run: &mut Run) -> Fate {
        self.with_others(run, false)
    }

    /// And a third takes the lock, if it is free, before the victim dies; it releases it later.
    pub fn with_a_sleeper_and_a_third(&self, run: &mut Run) -> Fate {
        self.with_others(run, true)
    }

    fn with_others(&self, run: &mut Run, with_a_third: bool) -> Fate {
        let subject = (self.make)();
        let mut victim = run.start(|| subject.operate(), || subject.digest());
        let is_held = victim.lives_until(|| subject.is_held(), || ());
        let sleeper = is_held.then(|| sleeper(&subject));
        victim.go_on(|| ());
        let seen = subject.load();
        let third = with_a_third.then(|| subject.try_hold()).flatten();
        victim.kill();
        drop(third);
        if sleeper.is_some_and(|sleeper| !sleeper.ends()) {
            return still_asleep();
        }
        self.verdict(&subject, seen)
    }

    /// The victim sleeps for the lock, is woken by its release, and dies; another sleeps on.
    pub fn woken_by_a_release(&self, run: &mut Run) -> Fate {
        let subject = (self.make)();
        let guard = RefCell::new(Some(subject.hold()));
        let other = RefCell::new(None);
        let mut victim = run.start(|| subject.operate(), || subject.digest());
        victim.go_on(|| {
            if let Some(guard) = guard.take() {
                other.replace(Some(sleeper(&subject)));
                drop(guard);
            }
        });
        let seen = subject.load();
        let other = other.take().unwrap_or_else(|| sleeper(&subject));
        victim.kill();
        drop(guard);
        if !other.ends() {
            return still_asleep();
        }
        self.verdict(&subject, seen)
    }

    /// The victim sleeps for the lock, is woken because the owner was killed, and dies while it
    /// takes over; another sleeps on.
    pub fn woken_by_a_death(&self, run: &mut Run) -> Fate {
        let subject = (self.make)();
        let owner = RefCell::new(Some(owner(&subject)));
        let other = RefCell::new(None);
        let mut victim = run.start(|| subject.operate(), || subject.digest());
        victim.go_on(|| {
            if let Some(owner) = owner.take() {
                other.replace(Some(sleeper(&subject)));
                owner.kill();
            }
        });
        let seen = subject.load();
        let other = other.take().unwrap_or_else(|| sleeper(&subject));
        victim.kill();
        drop(owner);
        if !other.ends() {
            return still_asleep();
        }
        self.verdict(&subject, seen)
    }

    /// The victim takes over from one that was killed inside, at every point that differs, and is
    /// killed in turn.
    pub fn recovering(&self) -> Tally {
        let first = record(|run| self.uncontended(run));
        kill_after_each(self.points_inside(&first), |point, run| {
            let subject = (self.make)();
            let mut dead = Victim::start(|| subject.operate());
            dead.advance(&first, point, || ());
            let left = subject.load();
            dead.kill();
            let mut victim = run.start(|| subject.operate(), || subject.digest());
            victim.go_on(|| ());
            let seen = subject.load();
            victim.kill();
            self.verdict_from(&subject, left, seen)
        })
    }

    /// The victim waits for a lock that is not released in time; another sleeps for it too.
    pub fn timing_out(&self, run: &mut Run) -> Fate {
        let subject = (self.make)();
        let guard = subject.hold();
        let other = RefCell::new(None);
        // Single steps take 20 µs each, and the time must not be over before the sleep.
        let timeout = Duration::from_millis(if run.is_recording() { 100 } else { 5 });
        let operation = || drop(subject.hold_within(timeout));
        let mut victim = run.start(operation, || subject.digest());
        victim.go_on(|| {
            let mut other = other.borrow_mut();
            other.get_or_insert_with(|| sleeper(&subject));
        });
        let seen = subject.load();
        let other = other.take().unwrap_or_else(|| sleeper(&subject));
        victim.kill();
        drop(guard);
        if !other.ends() {
            return still_asleep();
        }
        self.verdict(&subject, seen)
    }

    /// What everybody else finds: the lock free, the state of before or after and no other, the
    /// same with and without the lock, before and after the death; and the next operation right.
    pub fn verdict(&self, subject: &S, seen: S::State) -> Fate {
        self.verdict_from(subject, self.initial, seen)
    }

    fn verdict_from(&self, subject: &S, start: S::State, seen: S::State) -> Fate {
        let after = (self.next)(start);
        let Some(held) = subject.hold_within(patience()) else {
            return Fate::Hung("the lock is not free in time".to_owned());
        };
        let found = subject.load();
        drop(held);
        let fate = Fate::of(&found, &start, &after);
        if !fate.is_sound() {
            return fate;
        }
        if seen != found {
            return Fate::Torn(format!("a reader saw {seen:?}, and it is {found:?}"));
        }
        subject.operate();
        let then = subject.load();
        let expected = (self.next)(found);
        if then != expected {
            return Fate::Torn(format!("the next made {then:?} of {found:?}"));
        }
        fate
    }

    /// The points at which the first victim holds the lock: all, or those where something changed.
    fn points_inside(&self, path: &Path) -> Vec<usize> {
        let is_inside = |at: &usize| {
            let subject = (self.make)();
            let mut victim = Victim::start(|| subject.operate());
            victim.advance(path, *at, || ());
            subject.is_held()
        };
        match every_point() {
            true => (0..path.points.len()).filter(is_inside).collect(),
            false => path.changes.iter().copied().filter(is_inside).collect(),
        }
    }
}

fn still_asleep() -> Fate {
    Fate::Hung("a sleeper slept on".to_owned())
}

/// Starts a process that sleeps for the lock, which somebody has, takes it, and releases it.
pub fn sleeper<S: Subject>(subject: &S) -> Child {
    let child = Child::start(|| drop(subject.hold()));
    child.wait_until_asleep();
    child
}

/// Starts a process that takes the lock and keeps it.
fn owner<S: Subject>(subject: &S) -> Child {
    let child = Child::start(|| {
        let _held = subject.hold();
        loop {
            pause();
        }
    });
    while !subject.is_held() {
        thread::yield_now();
    }
    child
}
