//! Taking the lock of an object: the one place through which all waits for one go.
//!
//! The first 100 ms are a plain wait. Who waits longer publishes what it waits for in the segment, and
//! looks, again and again, whether it waits in a circle: see [`Circle`]. Taking a lock that is free, and
//! short waits, pay nothing for it.
//!
//! Waits for anything else (a value, a permit, a place in a queue) are not published, so no circle
//! goes through them: what they wait for need not come from a lock's holder.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::error::LockError;
use crate::raw::patience::Patience;
use crate::raw::robust_lock::{Acquired, Refused};
use crate::raw::shareable::Shareable;
use crate::segment::{Object, Waiter};
use crate::sys::clock::Deadline;
use crate::sys::robust_list::Thread;

/// Looking costs microseconds: at this interval, little of a processor.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(1);
/// Looks come at growing intervals, up to this one: who is to give up finds a circle within a second
/// of its closing, for the last to come publishes its wait after 100 ms.
const LONGEST_INTERVAL: Duration = Duration::from_millis(500);

/// Threads that each wait for a lock that the next one holds, and the last one for one that the first
/// holds.
///
/// All of that was so at one moment. Of the threads in a circle one is told, the one with the largest
/// id, and the others go on waiting: for as long as that one keeps what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Circle(Arc<[Waiter]>);

impl Circle {
    /// Returns who waits: the caller first, each for a lock that the next holds.
    pub fn waiters(&self) -> &[Waiter] {
        &self.0
    }
}

impl fmt::Display for Circle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, waiter) in self.0.iter().enumerate() {
            let before = if i == 0 { "" } else { ", which " };
            let holder = &self.0[(i + 1) % self.0.len()];
            if i == 0 {
                write!(formatter, "{} ", Named(waiter))?;
            }
            let object = &waiter.object;
            write!(
                formatter,
                "{before}waits for '{object}', held by {}",
                Named(holder)
            )?;
        }
        Ok(())
    }
}

struct Named<'a>(&'a Waiter);

impl fmt::Display for Named<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Waiter { pid, tid, .. } = self.0;
        match pid == tid {
            true => write!(formatter, "process {pid}"),
            false => write!(formatter, "thread {tid} of process {pid}"),
        }
    }
}

/// Takes the lock of an object and puts it on the robust list; returns the guard that is made of a copy of
/// the state to work on. No `timeout` is for ever.
///
/// The guard is made here, and not of what this could return: its parts would be laid out as those of
/// the error beside them, and cost every lock a way through memory.
#[inline(always)]
pub(super) fn lock<S: Shareable, G>(
    object: &Object<S>,
    me: Thread,
    timeout: Option<Duration>,
    guard: impl FnOnce((S, Acquired)) -> G,
) -> Result<G, LockError> {
    match object.state().lock(me, Patience::UntilLook(timeout)) {
        Ok(locked) => Ok(guard(locked)),
        Err(refused) => match wait_on(object, me, refused, timeout) {
            Ok(locked) => Ok(guard(locked)),
            Err(error) => Err(error),
        },
    }
}

/// Changes the state of an object under its lock, by something that takes no lock and does not panic.
/// No `timeout` is for ever.
#[inline(always)]
pub(super) fn modify<S: Shareable, R>(
    object: &Object<S>,
    me: Thread,
    timeout: Option<Duration>,
    change: impl FnOnce(S) -> (Option<S>, R),
) -> Result<R, LockError> {
    // On the list, and not only pending: the pending place is wanted for leaving the slot. And not
    // changed and released before the slot is left: what is published there must be so.
    let longer = move |refused| wait_on(object, me, refused, timeout).map(|_| ());
    let patience = Patience::UntilLook(timeout);
    // SAFETY: `wait_on` takes the lock by `lock`, or fails.
    unsafe { object.state().modify_or(me, patience, longer, change) }
}

/// Goes on waiting for the lock of an object after the first look's time.
#[cold]
#[inline(never)]
fn wait_on<S: Shareable>(
    object: &Object<S>,
    me: Thread,
    refused: Refused,
    timeout: Option<Duration>,
) -> Result<(S, Acquired), LockError> {
    let failed = |refused| LockError::new(refused, timeout.unwrap_or(Duration::MAX));
    let (Some(first), Refused::TimedOut(_)) = (object.protocol().first_look.wait(), refused) else {
        return Err(failed(refused));
    };
    if timeout.is_some_and(|timeout| timeout <= first) {
        return Err(failed(refused));
    }
    let deadline = timeout.map(|timeout| Deadline::after(timeout - first));
    let mut published = None;
    let mut interval = first;
    loop {
        // Without a free slot the wait goes on unseen.
        if published.is_none() {
            published = (object.segment()).publish_wait(me, object.state().line());
        }
        if let Some(circle) = published.as_ref().and_then(|wait| wait.circle_to_break()) {
            let circle = Circle(circle.into());
            return Err(LockError::Deadlock { circle });
        }
        interval = (interval * 2).clamp(SHORTEST_INTERVAL, LONGEST_INTERVAL);
        let until = Deadline::or_within(deadline, interval);
        match object.state().lock(me, Patience::Until(until)) {
            Err(Refused::TimedOut(_)) if !deadline.is_some_and(Deadline::has_passed) => {}
            outcome => {
                // Before the lock can be released, and before the error asks `/proc` who holds it.
                drop(published);
                return outcome.map_err(failed);
            }
        }
    }
}
