//! Waiting, without the lock of a value, for another process to say that something about it changed.
//!
//! Whoever waits draws a ticket while it still holds the value's lock, and sleeps until the ticket is
//! called; see [`condvar_state`](super::condvar_state) for who is. It then takes the value's lock, looks
//! whether it is called still, and if so answers with the next release of its guard: after the commit of
//! what it did, and before others get the lock. So a waiter that is killed before it has done something
//! has answered nothing, and whoever gets the lock next is called instead.

use std::fmt;
use std::time::Duration;

use bytemuck::Zeroable;

use super::condvar_state::State;
use super::error::LockError;
use super::value_guard::ValueGuard;
use crate::raw::shareable::Shareable;
use crate::raw::watching::Unsatisfied;
use crate::segment::{Error, Kind, Object, Room, Segment};
use crate::sys::atomic::{AtomicU64, Relaxed, SeqCst};
use crate::sys::clock::Deadline;
use crate::sys::robust_list::Thread;

/// A condition variable that processes share. Handles are `Send` and `Sync`; threads share it as
/// processes do.
///
/// It is used with the guard of a [`Value`](crate::Value): waiting commits what the guard changed and
/// releases the lock, and takes it again before it returns. As with every condition variable a waiter
/// may return for nothing, so look at the value again, or use [`wait_while`](Self::wait_while).
///
/// **Notify while you hold the guard.** A process that is killed after it released the guard and before
/// it notified has told nobody. While it holds the guard, whoever it notifies gets the lock when it has
/// committed, or finds the value as it was if it is killed before.
///
/// After SIGKILL of a waiter at any moment, up to the one in which the guard it got back has committed:
/// its wake-up goes to another of those who waited, if there are any. The same after a panic that
/// unwinds through that guard. A notifier that is killed has notified or has not.
///
/// Only values have guards that it takes; of an array or a map keep a value beside it that says what changed.
///
/// Several values may be used with one condition variable. Each waiter takes the lock it came with,
/// and a notification is for one waiter of any of them; two of different values may return for it.
///
/// Those who sleep are all woken by a notification, and go to sleep again if it was not for them: with
/// many waiters [`Value::wait_until`](crate::Value::wait_until) costs no more. A notification that
/// nobody waits for costs as much as an add.
pub struct Condvar {
    object: Object<State>,
}

/// Whether a wait ended because the time was over. As [`std::sync::WaitTimeoutResult`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitTimeoutResult {
    timed_out: bool,
}

impl WaitTimeoutResult {
    /// Tells whether the time was over without a notification.
    pub fn timed_out(&self) -> bool {
        self.timed_out
    }
}

/// A call that a waiter was woken by, and answers when it has done something about it.
#[derive(Clone, Copy)]
pub(super) struct Call<'a> {
    condvar: &'a Object<State>,
    ticket: u64,
}

/// Words behind the state: the next ticket, and how many calls have been answered.
const WORDS: usize = 2;

impl Segment {
    /// Opens the condition variable of this name, or makes it.
    ///
    /// # Errors
    ///
    /// [`Error::OtherShape`] when the object is something else, [`Error::Full`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::thread;
    /// # let segment = shmcount::Segment::create("doc-condvar")?;
    /// let jobs = segment.value("jobs", 0u32)?;
    /// let more = segment.condvar("more")?;
    /// // In this process or another:
    /// # thread::scope(|scope| {
    /// let waiter = scope.spawn(|| {
    ///     let mut left = more.wait_while(jobs.lock()?, |jobs| *jobs == 0)?;
    ///     *left -= 1;
    ///     Ok::<(), shmcount::LockError>(())
    /// });
    /// let mut guard = jobs.lock()?;
    /// *guard += 1;
    /// more.notify_one()?; // while the guard is held
    /// drop(guard);
    /// # waiter.join().expect("no panic")
    /// # })?;
    /// # segment.remove()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn condvar(&self, object: &str) -> Result<Condvar, Error> {
        let identity = (Kind::Condvar, 1);
        let room = Room {
            slots: 0,
            words: WORDS,
        };
        let initial = State::zeroed();
        let object = self.object::<State, u64>(object, identity, room, initial, |_| {})?;
        Ok(Condvar { object })
    }
}

impl Condvar {
    /// Commits what the guard changed, releases the lock, sleeps until notified, and takes the lock
    /// again. May return for nothing.
    ///
    /// # Errors
    ///
    /// [`LockError::Deadlock`], when the lock is wanted again by a thread that holds another one, and its holder
    /// waits for that; [`LockError::HeldByCaller`], if the lock's word was damaged. The lock is not held
    /// then, and what was notified remains to be looked at.
    pub fn wait<'a, T: Shareable>(
        &'a self,
        guard: ValueGuard<'a, T>,
    ) -> Result<ValueGuard<'a, T>, LockError> {
        self.wait_until(guard, None).map(|(guard, _)| guard)
    }

    /// Waits, as long as `condition` is true of the value.
    ///
    /// The condition is given a shared reference, other than the standard library's: a value that is
    /// written to is committed, and whoever watches it woken, each time round.
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait).
    pub fn wait_while<'a, T: Shareable>(
        &'a self,
        mut guard: ValueGuard<'a, T>,
        mut condition: impl FnMut(&T) -> bool,
    ) -> Result<ValueGuard<'a, T>, LockError> {
        while condition(&guard) {
            guard = self.wait(guard)?;
        }
        Ok(guard)
    }

    /// As [`wait`](Self::wait), but sleeps no longer than `timeout`.
    ///
    /// The lock is taken again for as long as that takes, as it is by the standard library's.
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait). The end of the time is none.
    pub fn wait_timeout<'a, T: Shareable>(
        &'a self,
        guard: ValueGuard<'a, T>,
        timeout: Duration,
    ) -> Result<(ValueGuard<'a, T>, WaitTimeoutResult), LockError> {
        self.wait_until(guard, Some(Deadline::after(timeout)))
    }

    /// As [`wait_while`](Self::wait_while), but for no longer than `timeout`. The result says whether the
    /// condition is true still.
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait). The end of the time is none.
    pub fn wait_timeout_while<'a, T: Shareable>(
        &'a self,
        mut guard: ValueGuard<'a, T>,
        timeout: Duration,
        mut condition: impl FnMut(&T) -> bool,
    ) -> Result<(ValueGuard<'a, T>, WaitTimeoutResult), LockError> {
        let deadline = Deadline::after(timeout);
        let mut timed_out = false;
        while condition(&guard) {
            if timed_out {
                return Ok((guard, WaitTimeoutResult { timed_out }));
            }
            let waited = self.wait_until(guard, Some(deadline))?;
            (guard, timed_out) = (waited.0, waited.1.timed_out);
        }
        let timed_out = false;
        Ok((guard, WaitTimeoutResult { timed_out }))
    }

    /// Wakes one of those who wait, if there is one. Do it while you hold the value's guard; see
    /// [`Condvar`].
    ///
    /// # Errors
    ///
    /// [`LockError::HeldByCaller`], if the lock's word was damaged.
    pub fn notify_one(&self) -> Result<(), LockError> {
        self.call(State::call_one)
    }

    /// Wakes all who wait. Do it while you hold the value's guard; see [`Condvar`].
    ///
    /// # Errors
    ///
    /// As [`notify_one`](Self::notify_one).
    pub fn notify_all(&self) -> Result<(), LockError> {
        self.call(State::call_all)
    }

    fn wait_until<'a, T: Shareable>(
        &'a self,
        mut guard: ValueGuard<'a, T>,
        deadline: Option<Deadline>,
    ) -> Result<(ValueGuard<'a, T>, WaitTimeoutResult), LockError> {
        // What it did about the call it was woken by before was to wait again.
        ValueGuard::answer_call(&mut guard);
        // Before the lock is released: who changes the value from here on calls this ticket too.
        // SeqCst: pairs with that in `call`.
        let ticket = next(&self.object).fetch_add(1, SeqCst);
        let value = ValueGuard::release(guard);
        loop {
            let timed_out = self.sleep(ticket, deadline)?;
            let mut guard = ValueGuard::lock(value, None)?;
            // Under the value's lock, where others who are called by the same call have answered it.
            let is_called = is_called(&self.object, &self.object.state().load(), ticket);
            if is_called {
                let condvar = &self.object;
                ValueGuard::set_call(&mut guard, Call { condvar, ticket });
            }
            if is_called || timed_out {
                let timed_out = !is_called;
                return Ok((guard, WaitTimeoutResult { timed_out }));
            }
        }
    }

    /// Sleeps until the ticket is called; tells whether the time was over before.
    fn sleep(&self, ticket: u64, deadline: Option<Deadline>) -> Result<bool, LockError> {
        let is_called = |state: &State| is_called(&self.object, state, ticket);
        let me = Thread::current();
        match self.object.state().wait_until(me, is_called, deadline) {
            Ok(_) => Ok(false),
            Err(Unsatisfied::TimedOut(_)) => Ok(true),
            Err(Unsatisfied::HeldByCaller(_)) => Err(LockError::HeldByCaller),
        }
    }

    fn call(&self, call: impl FnOnce(State, u64, u64) -> Option<State>) -> Result<(), LockError> {
        modify(&self.object, |state| {
            // SeqCst: a waiter has drawn its ticket before it released the value's lock, and who calls
            // has had that lock since.
            let next = next(&self.object).load(SeqCst);
            // Relaxed: written under this lock.
            call(state, next, answered(&self.object).load(Relaxed))
        })
    }
}

impl Call<'_> {
    /// Answers it, if it is still open and not to all. The value's lock is held.
    pub(super) fn answer(self) {
        // Refused only because of damage; an open call makes somebody return for nothing.
        let _ = modify(self.condvar, |state| {
            let answered = answered(self.condvar);
            // Relaxed: written under this lock; who reads it without looks again under the value's.
            let count = answered.load(Relaxed);
            if state.calls_some(self.ticket, count) {
                answered.store(count.wrapping_add(1), Relaxed);
            }
            // Without a commit: it wakes nobody.
            None
        });
    }
}

fn modify(
    condvar: &Object<State>,
    change: impl FnOnce(State) -> Option<State>,
) -> Result<(), LockError> {
    let forever = None::<Deadline>;
    let change = |state| (change(state), ());
    let modified = condvar.state().modify(Thread::current(), forever, change);
    modified.map_err(|refused| LockError::new(refused, Duration::MAX))
}

fn is_called(condvar: &Object<State>, state: &State, ticket: u64) -> bool {
    // Relaxed: one that is not the newest wakes a waiter that then looks under the value's lock, which
    // was released behind the newest.
    state.calls(ticket, answered(condvar).load(Relaxed))
}

fn next(condvar: &Object<State>) -> &AtomicU64 {
    &condvar.words()[0]
}

fn answered(condvar: &Object<State>) -> &AtomicU64 {
    &condvar.words()[1]
}

impl fmt::Debug for Condvar {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Condvar").finish_non_exhaustive()
    }
}

impl fmt::Debug for Call<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Call").field(&self.ticket).finish()
    }
}
