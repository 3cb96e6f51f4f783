//! A count of tasks that are still to be done, which does not wait for the dead.
//!
//! A task that somebody has taken on is a slot: done when the slot is left, lost when its occupant dies.
//! Neither commits anything, so neither can be counted twice. The committed state counts the tasks that
//! nobody has taken on, and the dead whose slots were needed again: each task has a serial number, and
//! the state names the last one that it has counted, so that who is killed between that commit and
//! the emptying of the slot leaves nothing to doubt.

use std::fmt;
use std::time::Duration;

use bytemuck::{Pod, Zeroable};

use super::error::{LockError, WaitGroupError};
use super::value_guard::ValueGuard;
use crate::raw::slot::{Occupant, Slot};
use crate::raw::watching::{Seen, Unsatisfied};
use crate::segment::{Claim, Error, Kind, Object, Room, Segment};
use crate::sys::atomic::{Acquire, Release};
use crate::sys::clock::Deadline;
use crate::sys::robust_list::Thread;

/// Of a slot's notes, which is the serial number of the task.
const SERIAL: usize = 0;

/// Tasks that processes do and wait for. Handles are `Send` and `Sync`; threads share it as processes do.
///
/// [`add`](Self::add) says that there is more to do and [`done`](Self::done) that less is, whoever does
/// it, as in Go. [`begin`](Self::begin) takes one task on: after SIGKILL, exec or the end of the
/// thread that took it on, the task counts as done, and as *lost*, and whoever waits is told. A task
/// that was added and that nobody took on stays open whoever dies.
///
/// A wait group can be used again: the first task after all were done begins a new round. Whoever
/// waits for a round hears that it is over even if the next one has begun.
///
/// Opening a task, taking one on and saying that one is done cost as much as an add to a number under its lock;
/// the end of a task that was taken on costs a store. How many can be taken on at the same time is fixed.
///
/// Who waits looks at all slots for each task that is done. It sleeps on the first 126; the death of who
/// took on another task is noticed within 50 ms.
pub struct WaitGroup {
    object: Object<State>,
}

/// A task that the calling thread has taken on, done when this is dropped, be it by a panic.
///
/// It belongs to its thread, whose end without a drop loses the task. A task that a fork copied into a
/// child is the parent's.
#[must_use = "the task is done when this is dropped"]
pub struct Task<'a> {
    claim: Claim<'a, State>,
}

/// What came of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finished {
    /// How many tasks of the round ended with the death of who had taken them on. If rounds went by
    /// before the caller came to look, theirs are counted too.
    pub lost: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
struct State {
    /// Tasks that are open and that nobody has taken on.
    untaken: u64,
    /// The lost ones whose slots may have been used again.
    lost: u64,
    /// How many rounds have begun.
    round: u64,
    /// How many tasks were lost in the rounds before.
    lost_before: u64,
    /// How many tasks were taken on: the last one's serial number.
    taken: u64,
    /// The serial number of the task that was counted as lost last. Its slot is dead or forgotten.
    counted: u64,
}

/// What the slots say besides the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tally {
    /// Tasks that are taken on.
    running: u64,
    /// Tasks that are lost and not in the state's count.
    dead: u64,
}

impl Segment {
    /// Opens the wait group of this name, or makes it, so that at most `most_tasks` tasks can be taken
    /// on at the same time. Each of these takes 64 bytes of the segment.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfRange`] when `most_tasks` is zero; [`Error::OtherShape`] when the object is
    /// something else or has another number of tasks; [`Error::Full`].
    pub fn wait_group(&self, object: &str, most_tasks: u32) -> Result<WaitGroup, Error> {
        if most_tasks == 0 {
            return Err(Error::OutOfRange {
                object: object.to_owned(),
                what: "number of tasks",
                found: 0,
                expected: "1 or more",
            });
        }
        let identity = (Kind::WaitGroup, u64::from(most_tasks));
        let room = Room {
            slots: most_tasks as usize,
            words: 0,
        };
        let object = self.object::<State, u64>(object, identity, room, State::zeroed(), |_| {})?;
        Ok(WaitGroup { object })
    }
}

impl WaitGroup {
    /// Opens so many more tasks, to be done by whoever does them.
    ///
    /// # Errors
    ///
    /// [`WaitGroupError::Lock`].
    pub fn add(&self, tasks: u32) -> Result<(), WaitGroupError> {
        self.modify(|mut state| {
            if tasks > 0 {
                self.begin_round_if_over(&mut state);
            }
            state.untaken = state.untaken.saturating_add(u64::from(tasks));
            ((tasks > 0).then_some(state), Ok(()))
        })
    }

    /// Says that one of the open tasks that nobody has taken on is done.
    ///
    /// # Errors
    ///
    /// [`WaitGroupError::NoneOpen`], [`WaitGroupError::Lock`].
    pub fn done(&self) -> Result<(), WaitGroupError> {
        self.modify(|mut state| match state.untaken.checked_sub(1) {
            Some(untaken) => {
                state.untaken = untaken;
                (Some(state), Ok(()))
            }
            None => (None, Err(WaitGroupError::NoneOpen)),
        })
    }

    /// Takes on one of the open tasks that nobody has taken on, or opens one and takes it on.
    ///
    /// # Errors
    ///
    /// [`WaitGroupError::TooManyTasks`], [`WaitGroupError::Lock`].
    ///
    /// # Examples
    ///
    /// ```
    /// # let segment = shmcount::Segment::create("doc-begin")?;
    /// let files = segment.wait_group("files", 64)?;
    /// files.add(2)?;
    /// let task = files.begin()?;
    /// files.done()?;
    /// assert_eq!(files.open(), 1);
    /// task.done();
    /// assert_eq!(files.wait()?.lost, 0);
    /// # segment.remove()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn begin(&self) -> Result<Task<'_>, WaitGroupError> {
        let me = Thread::current();
        me.check_room().map_err(LockError::from)?;
        loop {
            let mut state = self.lock(me)?;
            self.forget_settled(&state);
            if let Some(index) = self.position(|slot| slot.occupant() == Occupant::None) {
                return self.take_on(me, &mut state, index);
            }
            let is_dead = |slot: &Slot| slot.occupant() == Occupant::Dead;
            match self.position(|slot| is_dead(slot) && is_lost(slot, &state)) {
                // Committed before the slot is emptied, which the next turn does, or whoever comes next.
                Some(index) => {
                    state.lost = state.lost.saturating_add(1);
                    state.counted = serial(&self.object.slots()[index]);
                }
                // Marked since the look, and nothing was taken on there: the next turn empties it.
                None if self.position(is_dead).is_some() => {}
                None => {
                    let most = self.object.slots().len();
                    return Err(WaitGroupError::TooManyTasks { most });
                }
            }
        }
    }

    /// Waits until no task is open, for as long as that takes.
    ///
    /// # Errors
    ///
    /// [`WaitGroupError::TaskOfCaller`], [`WaitGroupError::Lock`].
    pub fn wait(&self) -> Result<Finished, WaitGroupError> {
        self.wait_within(None)
    }

    /// Waits until no task is open, or gives up after `timeout`.
    ///
    /// # Errors
    ///
    /// [`WaitGroupError::TimedOut`], [`WaitGroupError::TaskOfCaller`], [`WaitGroupError::Lock`].
    pub fn wait_timeout(&self, timeout: Duration) -> Result<Finished, WaitGroupError> {
        self.wait_within(Some(timeout))
    }

    /// Returns how many tasks are open at this moment, taken on or not.
    pub fn open(&self) -> u64 {
        let (state, tally) = self.read();
        state.untaken.saturating_add(tally.running)
    }

    /// Returns how many tasks were ever lost.
    pub fn lost(&self) -> u64 {
        let (state, tally) = self.read();
        state.lost.saturating_add(tally.dead)
    }

    /// Returns how many tasks can be taken on at the same time.
    pub fn most_tasks(&self) -> usize {
        self.object.slots().len()
    }

    fn modify(
        &self,
        change: impl FnOnce(State) -> (Option<State>, Result<(), WaitGroupError>),
    ) -> Result<(), WaitGroupError> {
        let changed = (self.object.state()).modify(Thread::current(), None, change);
        changed.map_err(|refused| LockError::new(refused, Duration::MAX))?
    }

    fn lock(&self, me: Thread) -> Result<ValueGuard<'_, State>, LockError> {
        match self.object.state().lock(me, None) {
            Ok(locked) => Ok(ValueGuard::new(&self.object, me, locked)),
            Err(refused) => Err(LockError::new(refused, Duration::MAX)),
        }
    }

    fn take_on(
        &self,
        me: Thread,
        state: &mut ValueGuard<'_, State>,
        index: usize,
    ) -> Result<Task<'_>, WaitGroupError> {
        let next = state.taken.wrapping_add(1);
        // No number that was ever given out. Killed while it claims, this is a task that was not taken on:
        // the kernel frees the lock before it marks the slot, which is only pending, and another may have
        // the next number by then.
        self.object.slots()[index].notes[SERIAL].store(0, Release);
        let Some((claim, _)) = self.object.claim(me, index).map_err(LockError::from)? else {
            // Nobody claims one without the lock: the slot is damaged.
            let most = self.object.slots().len();
            return Err(WaitGroupError::TooManyTasks { most });
        };
        // The slot is on the list, in front of the lock: killed from here on, the kernel marks it before it
        // frees the lock, and the next owner forgets it before it gives this number to another.
        // Release: pairs with the Acquire in `serial`.
        claim.slot().notes[SERIAL].store(next, Release);
        self.begin_round_if_over(state);
        state.taken = next;
        state.untaken = state.untaken.saturating_sub(1);
        Ok(Task { claim })
    }

    /// Under the lock.
    fn begin_round_if_over(&self, state: &mut State) {
        let tally = self.tally(state);
        if state.untaken == 0 && tally.running == 0 {
            state.round = state.round.wrapping_add(1);
            state.lost_before = state.lost.saturating_add(tally.dead);
        }
    }

    /// Empties the slots of the dead that are counted, or had not taken anything on. Under the lock: at
    /// each commit of a count the one before is emptied, so the state needs to name only one.
    fn forget_settled(&self, state: &State) {
        for slot in self.object.slots() {
            if slot.occupant() == Occupant::Dead && !is_lost(slot, state) {
                slot.forget_death();
            }
        }
    }

    fn position(&self, is_it: impl Fn(&Slot) -> bool) -> Option<usize> {
        self.object.slots().iter().position(is_it)
    }

    fn tally(&self, state: &State) -> Tally {
        let mut tally = Tally {
            running: 0,
            dead: 0,
        };
        for slot in self.object.slots() {
            match slot.occupant() {
                Occupant::Living(_) if is_taken(slot, state) => tally.running += 1,
                Occupant::Dead if is_lost(slot, state) => tally.dead += 1,
                _ => {}
            }
        }
        tally
    }

    /// Reads state and slots as they were at one moment: while the state stays the same nobody takes on
    /// a task and no dead one is counted, so slots only come to be left or dead.
    fn read(&self) -> (State, Tally) {
        let mut state = self.object.state().load();
        loop {
            let tally = self.tally(&state);
            let now = self.object.state().load();
            if now == state {
                return (state, tally);
            }
            state = now;
        }
    }

    fn wait_within(&self, timeout: Option<Duration>) -> Result<Finished, WaitGroupError> {
        let me = Thread::current();
        let slots = self.object.slots();
        if (slots.iter()).any(|slot| slot.occupant() == Occupant::Living(me.tid())) {
            return Err(WaitGroupError::TaskOfCaller);
        }
        let start = self.object.state().load();
        let mut finished = None;
        // Who takes on a task commits that, so none is taken on and done that the sequence does not tell of.
        let is_over = |_: &State, _: Seen<'_>| {
            finished = self.finished_since(&start);
            finished.is_some()
        };
        let deadline = timeout.map(Deadline::after);
        let waited = (self.object.state()).wait_until_beside(me, slots, is_over, deadline);
        match (waited, finished) {
            (Ok(_), Some(finished)) => Ok(finished),
            (Err(Unsatisfied::HeldByCaller(_)), _) => Err(LockError::HeldByCaller.into()),
            _ => Err(WaitGroupError::TimedOut {
                open: self.open(),
                timeout: timeout.unwrap_or(Duration::MAX),
            }),
        }
    }

    /// Says what came of the round that `start` was seen in, if it is over.
    fn finished_since(&self, start: &State) -> Option<Finished> {
        let (state, tally) = self.read();
        let lost = if state.round != start.round {
            state.lost_before
        } else if state.untaken == 0 && tally.running == 0 {
            state.lost.saturating_add(tally.dead)
        } else {
            return None;
        };
        let lost = lost.saturating_sub(start.lost_before);
        Some(Finished { lost })
    }
}

impl Task<'_> {
    /// Says that the task is done, as a drop does.
    pub fn done(self) {}
}

fn serial(slot: &Slot) -> u64 {
    // Acquire: pairs with the Release in `take_on`.
    slot.notes[SERIAL].load(Acquire)
}

/// Tells whether who is or was in the slot came to take on its task.
fn is_taken(slot: &Slot, state: &State) -> bool {
    (1..=state.taken).contains(&serial(slot))
}

/// Tells whether the task of a dead slot is lost and in no count yet.
fn is_lost(slot: &Slot, state: &State) -> bool {
    is_taken(slot, state) && serial(slot) != state.counted
}

impl fmt::Debug for Task<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_tuple("Task")
            .field(&self.claim.index())
            .finish()
    }
}

impl fmt::Debug for WaitGroup {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("WaitGroup")
            .field("open", &self.open())
            .field("lost", &self.lost())
            .finish_non_exhaustive()
    }
}
