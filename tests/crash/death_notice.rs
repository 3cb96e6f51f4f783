//! What the next holder of a lock is told of the last one.

use std::time::Duration;

use shmcount::Release;

use super::process::patience;
use super::run::{Fate, Run};
use super::subject::Stage;

/// A holder is killed, or one that is not holding yet or any more: the next is told of the first
/// and not of the others, and the one after it of none.
pub fn of_a_killed_holder(release: Release, run: &mut Run) -> Fate {
    let stage = Stage::new(release);
    let lock = stage.segment.lock("gate").expect("there is room");
    let operation = || drop(lock.lock().expect("not held"));
    let mut victim = run.start(operation, || stage.digest());
    victim.go_on(|| ());
    let is_held = lock.holder().is_some();
    victim.kill();
    let told = |patience: Duration| {
        let guard = lock.lock_timeout(patience).ok()?;
        Some(guard.owner_died())
    };
    match (is_held, told(patience()), told(patience())) {
        (_, None, _) | (_, _, None) => Fate::Hung("the lock is not free in time".to_owned()),
        (true, Some(true), Some(false)) => Fate::After,
        (false, Some(false), Some(false)) => Fate::Before,
        (_, first, second) => Fate::Torn(format!("held {is_held}, told {first:?}, {second:?}")),
    }
}
