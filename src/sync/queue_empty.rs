//! Waiting until all that is in a queue has been taken.

use std::time::Duration;

use super::bytes_queue::BytesQueue;
use super::error::WaitError;
use super::queue::Queue;
use super::queue_state;
use crate::raw::shareable::Shareable;
use crate::segment::Object;
use crate::sys::clock::Deadline;
use crate::sys::robust_list::Thread;

impl<T: Shareable> Queue<T> {
    /// Sleeps until all items have been taken, which is not to say that what they ask for has been done.
    /// Returns at once when there is none.
    ///
    /// A queue that is empty for a moment only may not be seen so.
    ///
    /// # Errors
    ///
    /// [`WaitError::HeldByCaller`], if the lock's word was damaged.
    ///
    /// # Examples
    ///
    /// ```
    /// # let segment = shmcount::Segment::create("doc-wait-empty")?;
    /// let jobs = segment.queue::<u64>("jobs", 100)?;
    /// jobs.push(7)?;
    /// std::thread::scope(|scope| {
    ///     scope.spawn(|| jobs.pop());
    ///     jobs.wait_empty()
    /// })?;
    /// # segment.remove()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn wait_empty(&self) -> Result<(), WaitError<usize>> {
        self.wait_empty_until(None)
    }

    /// As [`wait_empty`](Self::wait_empty), but gives up after `timeout`.
    ///
    /// # Errors
    ///
    /// [`WaitError::TimedOut`], with how many items were left; as [`wait_empty`](Self::wait_empty).
    pub fn wait_empty_timeout(&self, timeout: Duration) -> Result<(), WaitError<usize>> {
        self.wait_empty_until(Some(Deadline::after(timeout)))
    }

    fn wait_empty_until(&self, deadline: Option<Deadline>) -> Result<(), WaitError<usize>> {
        let capacity = self.capacity() as u32;
        let length = |word: &u64| queue_state::State::of(*word, capacity).length as usize;
        wait_for_none(&self.object, length, deadline)
    }
}

impl BytesQueue {
    /// Sleeps until all items have been taken, which is not to say that what they ask for has been done.
    /// Returns at once when there is none.
    ///
    /// A queue that is empty for a moment only may not be seen so.
    ///
    /// # Errors
    ///
    /// [`WaitError::HeldByCaller`], if the lock's word was damaged.
    pub fn wait_empty(&self) -> Result<(), WaitError<usize>> {
        self.wait_empty_until(None)
    }

    /// As [`wait_empty`](Self::wait_empty), but gives up after `timeout`.
    ///
    /// # Errors
    ///
    /// [`WaitError::TimedOut`], with how many items were left; as [`wait_empty`](Self::wait_empty).
    pub fn wait_empty_timeout(&self, timeout: Duration) -> Result<(), WaitError<usize>> {
        self.wait_empty_until(Some(Deadline::after(timeout)))
    }

    fn wait_empty_until(&self, deadline: Option<Deadline>) -> Result<(), WaitError<usize>> {
        wait_for_none(&self.object, |state| state.items as usize, deadline)
    }
}

/// Waits until a state says that there is nothing, by `length`; says how much there is when it gives up.
fn wait_for_none<S: Shareable>(
    object: &Object<S>,
    length: impl Fn(&S) -> usize,
    deadline: Option<Deadline>,
) -> Result<(), WaitError<usize>> {
    let is_empty = |state: &S| length(state) == 0;
    let waited = object
        .state()
        .wait_until(Thread::current(), is_empty, deadline);
    waited
        .map(drop)
        .map_err(|unsatisfied| match WaitError::from(unsatisfied) {
            WaitError::TimedOut(state) => WaitError::TimedOut(length(&state)),
            WaitError::HeldByCaller(state) => WaitError::HeldByCaller(length(&state)),
        })
}
