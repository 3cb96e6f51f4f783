//! A change of a committed state that can be made only when the state is right for it, such as taking
//! from a queue that is not empty: tried, and waited for in between without holding anything.
//!
//! The lock is taken only for a change that looked possible a moment before, so those who wait do not
//! stand in the way of the one they wait for.

use std::time::Duration;

use super::error::LockError;
use crate::raw::robust_lock::Refused;
use crate::raw::shareable::Shareable;
use crate::raw::watching::Unsatisfied;
use crate::segment::Object;
use crate::sys::backoff::Backoff;
use crate::sys::clock::Deadline;
use crate::sys::robust_list::Thread;

/// How long who does not want to wait waits for another thread inside a change all the same. A change
/// takes less than a microsecond, but its process may be off the processor for some turns of 4 ms;
/// more means that it was stopped.
pub(super) const PATIENCE: Duration = Duration::from_millis(50);

/// How long to try.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wait {
    /// Once.
    Never,
    /// So long.
    Within(Duration),
    /// For as long as it takes.
    Forever,
}

/// Why a change was not made.
#[derive(Clone, Debug)]
pub(super) enum NotMade {
    /// The state is not right for it.
    NotNow,
    /// The state was not right for it all this time.
    TimedOut(Duration),
    /// The lock was not got.
    Lock(LockError),
}

/// Makes a change when the state is right for it, which `is_time` tells of a state that may be gone
/// already. `change` returns no result when it finds the state not to be right after all.
#[inline]
pub(super) fn attempt<S: Shareable, R>(
    object: &Object<S>,
    wait: Wait,
    is_time: impl Fn(&S) -> bool,
    mut change: impl FnMut(S) -> (Option<S>, Option<R>),
) -> Result<R, NotMade> {
    let me = Thread::current();
    let state = object.state();
    let (timeout, may_wait) = match wait {
        Wait::Never if !is_time(&state.load()) => return Err(NotMade::NotNow),
        Wait::Never => (Some(PATIENCE), false),
        Wait::Within(timeout) => (Some(timeout), true),
        Wait::Forever => (None, true),
    };
    let deadline = timeout.map(Deadline::after);
    // However short the wait may be: who is only busy with the lock is no reason to give up.
    let patience = timeout.map(|timeout| Deadline::after(timeout.max(PATIENCE)));
    // Not looked at first: who finds it right has then read the line once and not twice.
    match state.modify(me, patience, &mut change) {
        Ok(Some(result)) => Ok(result),
        Ok(None) if may_wait => attempt_again(object, me, timeout, deadline, is_time, change),
        Ok(None) => Err(NotMade::NotNow),
        Err(refused) => Err(not_made(refused, timeout)),
    }
}

#[cold]
fn attempt_again<S: Shareable, R>(
    object: &Object<S>,
    me: Thread,
    timeout: Option<Duration>,
    deadline: Option<Deadline>,
    is_time: impl Fn(&S) -> bool,
    mut change: impl FnMut(S) -> (Option<S>, Option<R>),
) -> Result<R, NotMade> {
    let state = object.state();
    let mut backoff = Backoff::new(object.protocol().spin);
    loop {
        if is_time(&state.load()) {
            let patience = Deadline::after(PATIENCE);
            let patience = deadline.map(|deadline| deadline.max(patience));
            match state.modify(me, patience, &mut change) {
                Ok(Some(result)) => return Ok(result),
                // Others were faster, for as long as we may wait.
                Ok(None) if deadline.is_some_and(Deadline::has_passed) => {
                    return Err(NotMade::TimedOut(timeout.unwrap_or(Duration::MAX)));
                }
                Ok(None) => {}
                Err(refused) => return Err(not_made(refused, timeout)),
            }
        }
        // A sleep costs as much as some hundred changes: who is fast enough finds us awake.
        if backoff.pause() {
            continue;
        }
        match state.wait_until(me, &is_time, deadline) {
            Ok(_) => backoff.restart(),
            Err(Unsatisfied::TimedOut(_)) => {
                return Err(NotMade::TimedOut(timeout.unwrap_or(Duration::MAX)));
            }
            // A damaged word: no change keeps the lock.
            Err(Unsatisfied::HeldByCaller(_)) => {
                return Err(NotMade::Lock(LockError::HeldByCaller));
            }
        }
    }
}

#[cold]
fn not_made(refused: Refused, timeout: Option<Duration>) -> NotMade {
    NotMade::Lock(LockError::new(refused, timeout.unwrap_or(Duration::MAX)))
}
