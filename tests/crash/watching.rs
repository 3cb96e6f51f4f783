//! Processes that sleep until a value changes, while those who change it are killed, and they too.

use std::cell::{Cell, RefCell};
use std::fmt::Debug;
use std::time::Duration;

use shmcount::{Release, Shareable};

use super::process::Child;
use super::run::{Fate, Run, Tally, every_point, kill_after_each, record};
use super::situations::{Cast, sleeper};
use super::subject::{Staged, Subject};
use super::victim::{Path, Victim};

impl<T: Shareable + PartialEq + Debug> Cast<Staged<T>> {
    /// Two processes watch the value, and the one that commits is killed. Once the commit can be
    /// read, both must wake though nobody else comes; until then, they must wake at the next one.
    pub fn committer_of_two_watchers(&self, run: &mut Run) -> Fate {
        let subject = (self.make)();
        let watchers = [self.watcher(&subject), self.watcher(&subject)];
        self.kill_committer(run, subject, watchers)
    }

    /// One process watches the value and one sleeps for the lock, so that the kernel may wake the
    /// wrong one.
    pub fn committer_of_a_watcher_and_a_sleeper(&self, run: &mut Run) -> Fate {
        let subject = (self.make)();
        let watcher = self.watcher(&subject);
        let mut victim = run.start(|| subject.operate(), || subject.digest());
        let is_held = victim.lives_until(|| subject.is_held(), || ());
        let sleeper = is_held.then(|| sleeper(&subject));
        victim.go_on(|| ());
        let seen = subject.load();
        victim.kill();
        if sleeper.is_some_and(|sleeper| !sleeper.ends()) {
            return Fate::Hung("the sleeper slept on".to_owned());
        }
        self.watched_verdict(&subject, seen, [watcher])
    }

    /// The watcher itself is killed, asleep or woken by a commit; another watches on.
    pub fn watcher_woken_by_a_commit(&self, run: &mut Run) -> Fate {
        let subject = (self.make)();
        let other = RefCell::new(None);
        let mut victim = run.start(|| self.watch(&subject), || subject.digest());
        let commit = || {
            if other.borrow().is_none() {
                other.replace(Some(self.watcher(&subject)));
                subject.operate();
            }
        };
        victim.go_on(commit);
        let unwoken = other.borrow().is_none();
        if unwoken {
            other.replace(Some(self.watcher(&subject)));
        }
        let seen = subject.load();
        victim.kill();
        self.watched_verdict(&subject, seen, other.take())
    }

    /// The watcher is woken because one that had committed was killed before it told anybody, and
    /// is killed before it can pass that on; another watches on.
    pub fn watcher_woken_by_a_death(&self) -> Tally {
        let first = record(|run| self.uncontended(run));
        let points = self.committed_points(&first);
        kill_after_each(points, |point, run| {
            self.kill_watcher_after(run, &first, point)
        })
    }

    fn kill_watcher_after(&self, run: &mut Run, first: &Path, point: usize) -> Fate {
        let subject = (self.make)();
        let committer = Cell::new(Some(Victim::start(|| subject.operate())));
        let other = RefCell::new(None);
        let commit_and_die = |committer: Option<Victim>| {
            if let Some(mut committer) = committer {
                committer.advance(first, point, || ());
                committer.kill();
            }
        };
        let mut victim = run.start(|| self.watch(&subject), || subject.digest());
        victim.go_on(|| {
            if other.borrow().is_none() {
                other.replace(Some(self.watcher(&subject)));
                commit_and_die(committer.take());
            }
        });
        let unwoken = other.borrow().is_none();
        if unwoken {
            other.replace(Some(self.watcher(&subject)));
            commit_and_die(committer.take());
        }
        let seen = subject.load();
        victim.kill();
        self.watched_verdict(&subject, seen, other.take())
    }

    fn kill_committer(&self, run: &mut Run, subject: Staged<T>, watchers: [Child; 2]) -> Fate {
        let mut victim = run.start(|| subject.operate(), || subject.digest());
        victim.go_on(|| ());
        let seen = subject.load();
        victim.kill();
        self.watched_verdict(&subject, seen, watchers)
    }

    fn watched_verdict(
        &self,
        subject: &Staged<T>,
        seen: T,
        watchers: impl IntoIterator<Item = Child>,
    ) -> Fate {
        let is_committed = subject.load() != self.initial;
        let mut watchers: Vec<Child> = watchers.into_iter().collect();
        if is_committed && watchers.drain(..).any(|watcher| !watcher.ends()) {
            return Fate::Hung("a watcher slept through a commit".to_owned());
        }
        let fate = self.verdict(subject, seen);
        // The verdict's own operation commits.
        if fate.is_sound() && watchers.into_iter().any(|watcher| !watcher.ends()) {
            return Fate::Hung("a watcher slept through the next commit".to_owned());
        }
        fate
    }

    fn watch(&self, subject: &Staged<T>) {
        let changed = subject
            .value
            .wait_until(|value| *value != self.initial, None);
        assert!(changed.is_ok(), "no deadline can pass");
    }

    fn watcher(&self, subject: &Staged<T>) -> Child {
        let child = Child::start(|| self.watch(subject));
        child.wait_until_asleep();
        child
    }

    /// The points of the committer's path behind its commit: all, or those where something changed.
    fn committed_points(&self, path: &Path) -> Vec<usize> {
        let is_committed = |at: &usize| {
            let subject = (self.make)();
            let mut victim = Victim::start(|| subject.operate());
            victim.advance(path, *at, || ());
            subject.load() != self.initial
        };
        match every_point() {
            true => (0..path.points.len()).filter(is_committed).collect(),
            false => path.changes.iter().copied().filter(is_committed).collect(),
        }
    }
}

/// Watches a counter that another process changes without a pause: commits go past while the
/// watcher announces itself, which takes a `membarrier`.
pub fn a_watcher_returns_though_commits_never_pause(release: Release) -> Result<(), String> {
    let subject = Staged::new(release, 0i64, |counter| {
        counter.fetch_add(1).expect("no overflow, not held");
    });
    let adder = Child::start(|| {
        loop {
            subject.operate();
        }
    });
    while subject.load() == 0 {
        std::thread::yield_now();
    }
    let watcher = Child::start(|| {
        for _ in 0..100 {
            let seen = subject.load();
            let changed = subject.value.wait_until(|now| *now != seen, None);
            assert!(changed.is_ok(), "no deadline can pass");
        }
    });
    let ends = watcher.ends();
    adder.kill();
    match ends {
        true => Ok(()),
        false => Err("it watched a hundred changes for more than a second".to_owned()),
    }
}

/// Watches for what does not come, while another process commits without a pause.
pub fn a_watcher_gives_up_in_time_though_commits_never_pause(
    release: Release,
) -> Result<(), String> {
    let subject = Staged::new(release, 0i64, |counter| {
        counter.fetch_add(1).expect("no overflow, not held");
    });
    let adder = Child::start(|| {
        loop {
            subject.operate();
        }
    });
    let watcher = Child::start(|| {
        let timeout = Some(Duration::from_millis(10));
        let given_up = subject.value.wait_until(|now| *now < 0, timeout);
        assert!(given_up.is_err(), "the counter is never negative");
    });
    let ends = watcher.ends();
    adder.kill();
    match ends {
        true => Ok(()),
        false => Err("ten milliseconds took more than a second".to_owned()),
    }
}
