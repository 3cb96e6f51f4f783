//! A barrier that says so when somebody will not come.
//!
//! Whoever arrives writes that down in its slot and sleeps beside all slots, so a death wakes it. The
//! last one to arrive commits that the generation has ended. Killed before that store it has not
//! arrived, and its slot says that it is dead; after, all may go. Nobody counts on anybody's repairs:
//! see [`state`] for what is derived from the slots.

mod party;
mod places;
mod state;

use std::fmt;
use std::time::Duration;

use super::attempt::PATIENCE;
use super::error::{BarrierError, BrokenBy, LockError};
use super::value_guard::ValueGuard;
use crate::raw::watching::{Seen, Unsatisfied};
use crate::segment::{Claim, Error, Kind, Object, Room, Segment};
use crate::sys::clock::Deadline;
use crate::sys::robust_list::Thread;
use bytemuck::Zeroable;
pub use party::Party;
use state::{Arrival, Circle, State};

/// A meeting of processes: all wait until all have come, then all go on, and they can meet again.
/// Handles are `Send` and `Sync`; threads share it as processes do, each a party of its own.
///
/// There are two ways to take part. [`wait`](Self::wait) makes the calling thread known until it
/// returns. [`join`](Self::join) makes it known until the [`Party`] is dropped, so that the others
/// learn at once when it dies between two meetings.
///
/// After SIGKILL, exec or the end of a party's thread: the barrier is *broken*. Those who wait, and
/// those who come later, get [`BarrierError::Broken`] with the cause, until somebody calls
/// [`reset`](Self::reset). It is broken, too, when one who waits gives up, and when a party leaves whom
/// others need. One that dies after all have come does not keep the others from going on; if it had
/// joined, the next meeting is broken.
///
/// A process that is stopped is waited for, but not once all have come: as many may stand still there as
/// there are parties before newcomers have to wait for them.
///
/// The number of parties is fixed. Waiting costs a lock, a look at three slots a party, and a sleep. Up to 42 parties are told of a
/// death at once, more within 50 ms.
pub struct Barrier {
    object: Object<State>,
}

/// How a meeting ended for one of those who came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BarrierWaitResult {
    is_leader: bool,
    generation: u64,
}

impl BarrierWaitResult {
    /// Tells whether the caller is the leader: the last one to come. Each meeting has exactly one,
    /// unless that one was killed before it returned.
    pub fn is_leader(&self) -> bool {
        self.is_leader
    }

    /// Returns how many generations had ended before this one, the same number for all who met.
    pub fn generation(&self) -> u64 {
        self.generation
    }
}

impl Segment {
    /// Opens the barrier of this name, or makes it for that many parties. A party takes 192 bytes of
    /// the segment.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfRange`] when `parties` is zero; [`Error::OtherShape`] when the object is something
    /// else or has another number of parties; [`Error::Full`].
    pub fn barrier(&self, object: &str, parties: u32) -> Result<Barrier, Error> {
        if parties == 0 {
            return Err(Error::OutOfRange {
                object: object.to_owned(),
                what: "number of parties",
                found: 0,
                expected: "1 or more",
            });
        }
        let identity = (Kind::Barrier, u64::from(parties));
        let room = Room {
            slots: state::SLOTS_A_PARTY * parties as usize,
            words: 0,
        };
        let object = self.object::<State, u64>(object, identity, room, State::zeroed(), |_| {})?;
        Ok(Barrier { object })
    }
}

impl Barrier {
    /// Waits until all parties have come, for as long as that takes.
    ///
    /// # Errors
    ///
    /// [`BarrierError::Broken`], at once when it is broken already; [`BarrierError::TooManyParties`],
    /// [`BarrierError::Lock`].
    ///
    /// # Examples
    ///
    /// ```
    /// # let segment = shmcount::Segment::create("doc-barrier-wait")?;
    /// let loaded = segment.barrier("loaded", 2)?;
    /// let [own, other] = std::thread::scope(|scope| {
    ///     let other = scope.spawn(|| loaded.wait());
    ///     let own = loaded.wait();
    ///     [own, other.join().expect("it does not panic")]
    /// });
    /// assert_ne!(own?.is_leader(), other?.is_leader());
    /// # segment.remove()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn wait(&self) -> Result<BarrierWaitResult, BarrierError> {
        self.visit(None)
    }

    /// Waits until all parties have come, or gives up after `timeout`, which breaks the barrier.
    ///
    /// # Errors
    ///
    /// [`BarrierError::TimedOut`]; as [`wait`](Self::wait). [`BarrierError::Lock`] with
    /// [`LockError::TimedOut`] when a process was stopped in the middle of coming or leaving: if that is the
    /// last one to come, the others may have met all the same.
    pub fn wait_timeout(&self, timeout: Duration) -> Result<BarrierWaitResult, BarrierError> {
        self.visit(Some(timeout))
    }

    /// Takes a seat for the calling thread, until the [`Party`] is dropped or the thread ends. On a
    /// broken barrier, too: it can be reset.
    ///
    /// # Errors
    ///
    /// [`BarrierError::TooManyParties`], [`BarrierError::Lock`].
    pub fn join(&self) -> Result<Party<'_>, BarrierError> {
        Party::join(self)
    }

    /// Makes a broken barrier whole, and forgets who died or left. Those who wait at this moment get
    /// [`BrokenBy::Reset`]. Those who have joined stay; seats of the others are free.
    ///
    /// # Errors
    ///
    /// [`LockError::TooManyHeld`].
    pub fn reset(&self) -> Result<(), LockError> {
        let me = Thread::current();
        me.check_room()?;
        loop {
            let mut state = self.lock(me, None)?;
            let was_broken = state.broken_by().is_some();
            self.look(&mut state);
            if was_broken {
                // Forgotten only when it is committed that there is something: killed on the way, the
                // barrier is still broken.
                self.circle().forget_who_is_gone();
                state.reset();
                return Ok(());
            }
            if state.broken_by().is_none() {
                if self.circle().arrived(&state) == 0 {
                    return Ok(());
                }
                state.break_by(BrokenBy::Reset);
            }
        }
    }

    /// Returns how many parties have to come.
    pub fn parties(&self) -> usize {
        self.object.slots().len() / state::SLOTS_A_PARTY
    }

    /// Returns how many wait at this moment.
    pub fn waiting(&self) -> usize {
        self.circle().arrived(&self.object.state().load())
    }

    /// Returns how many generations have ended, by all parties' coming or by a reset.
    pub fn generation(&self) -> u64 {
        self.object.state().load().generation
    }

    /// Returns what broke the barrier, if it is broken at this moment.
    pub fn broken_by(&self) -> Option<BrokenBy> {
        let state = self.object.state().load();
        state.broken_by().or_else(|| self.circle().fault(&state))
    }

    fn circle(&self) -> Circle<'_> {
        let (seats, places) = self.object.slots().split_at(self.parties());
        Circle { seats, places }
    }

    fn lock(
        &self,
        me: Thread,
        timeout: Option<Timeout>,
    ) -> Result<ValueGuard<'_, State>, LockError> {
        let deadline = timeout.map(|timeout| timeout.deadline);
        match self.object.state().lock(me, deadline) {
            Ok(locked) => Ok(ValueGuard::new(&self.object, me, locked)),
            Err(refused) => Err(LockError::new(refused, Timeout::given(timeout))),
        }
    }

    /// Takes into the state what the slots say of the dead and of those who left.
    fn look(&self, state: &mut ValueGuard<'_, State>) {
        if state.broken_by().is_none() {
            match self.circle().fault(state) {
                Some(by) => state.break_by(by),
                None => self.circle().forget_who_left(state),
            }
        }
    }

    /// Takes the state's lock to arrive, if all is whole.
    fn enter(
        &self,
        me: Thread,
        timeout: Option<Timeout>,
    ) -> Result<ValueGuard<'_, State>, BarrierError> {
        let mut state = self.lock(me, timeout)?;
        self.look(&mut state);
        match state.broken_by() {
            None => Ok(state),
            Some(by) => Err(BarrierError::Broken(by)),
        }
    }

    fn visit(&self, timeout: Option<Duration>) -> Result<BarrierWaitResult, BarrierError> {
        let me = Thread::current();
        let timeout = timeout.map(Timeout::new);
        let (claim, arrived) = loop {
            me.check_room().map_err(LockError::from)?;
            let mut state = self.enter(me, timeout)?;
            self.check_parties(&state)?;
            match self.take_place(me, &mut state)? {
                Some(claim) => {
                    let arrived = self.arrive(state, &claim);
                    break (claim, arrived);
                }
                None => drop(state),
            }
            self.wait_for_place(me, timeout)?;
        };
        let outcome = self.finish(me, &claim, arrived, timeout);
        match &outcome {
            // Nobody was told of that.
            Err(BarrierError::Lock(_)) => drop(claim),
            // One may wait for a place.
            _ if self.circle().free_place().is_none() => drop(claim),
            // Whoever still waits does so in a later generation, or hears of the state.
            _ => claim.leave_untold(),
        }
        outcome
    }

    /// Has the occupant of a slot arrive; says in which generation, and whether it ended it.
    fn arrive(
        &self,
        mut state: ValueGuard<'_, State>,
        claim: &Claim<'_, State>,
    ) -> (Arrival, bool) {
        let arrival = state.arrival();
        state::arrive(claim.slot(), &state);
        let is_last = self.circle().arrived(&state) >= self.parties();
        if is_last {
            state.complete();
        }
        (arrival, is_last)
    }

    fn finish(
        &self,
        me: Thread,
        claim: &Claim<'_, State>,
        (arrival, is_leader): (Arrival, bool),
        timeout: Option<Timeout>,
    ) -> Result<BarrierWaitResult, BarrierError> {
        if !is_leader {
            let waited = self.wait_for_others(me, arrival, timeout);
            if let Err(BarrierError::Lock(_)) = waited {
                state::give_up(claim.slot(), arrival);
            }
            waited?;
        }
        Ok(BarrierWaitResult {
            is_leader,
            generation: arrival.generation,
        })
    }

    fn wait_for_others(
        &self,
        me: Thread,
        arrival: Arrival,
        timeout: Option<Timeout>,
    ) -> Result<(), BarrierError> {
        let deadline = timeout.map(|timeout| timeout.deadline);
        loop {
            let is_over = |state: &State, _: Seen<'_>| {
                state.outcome(arrival).is_some() || self.circle().fault(state).is_some()
            };
            let slots = self.object.slots();
            let waited = (self.object.state()).wait_until_beside(me, slots, is_over, deadline);
            let is_late = match waited {
                Ok(state) => match state.outcome(arrival) {
                    Some(outcome) => return outcome.map_err(BarrierError::Broken),
                    None => false,
                },
                Err(Unsatisfied::TimedOut(_)) => true,
                Err(Unsatisfied::HeldByCaller(_)) => return Err(LockError::HeldByCaller.into()),
            };
            // Somebody died, left, or waits no longer: all others have to know.
            let mut state = self.lock(me, timeout.map(Timeout::with_patience))?;
            self.look(&mut state);
            if let Some(outcome) = state.outcome(arrival) {
                return outcome.map_err(BarrierError::Broken);
            }
            if is_late {
                return Err(self.break_in_time(&mut state, timeout));
            }
        }
    }

    /// Breaks the barrier because the time of this process is over; returns the error that says so.
    fn break_in_time(
        &self,
        state: &mut ValueGuard<'_, State>,
        timeout: Option<Timeout>,
    ) -> BarrierError {
        let arrived = self.circle().arrived(state);
        state.break_by(BrokenBy::Timeout(std::process::id()));
        BarrierError::TimedOut {
            arrived,
            parties: self.parties(),
            timeout: Timeout::given(timeout),
        }
    }
}

/// A time to wait, and when it is over.
#[derive(Clone, Copy)]
struct Timeout {
    timeout: Duration,
    deadline: Deadline,
}

impl Timeout {
    fn new(timeout: Duration) -> Self {
        Self {
            timeout,
            deadline: Deadline::after(timeout),
        }
    }

    /// However short the time may be, who is only busy with the lock is waited for.
    fn with_patience(self) -> Self {
        let deadline = self.deadline.max(Deadline::after(PATIENCE));
        Self { deadline, ..self }
    }

    fn given(this: Option<Self>) -> Duration {
        this.map_or(Duration::MAX, |this| this.timeout)
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Barrier")
            .field("parties", &self.parties())
            .field("waiting", &self.waiting())
            .field("generation", &self.generation())
            .field("broken_by", &self.broken_by())
            .finish_non_exhaustive()
    }
}
