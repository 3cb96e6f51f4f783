//! The same for waiting beside slots: `Committed::wait_until_beside` and `leave_slot`, a step an access, in a
//! machine of its own with more words to sleep on.
//!
//! Who wants the state's lock and finds it taken sleeps on its word, and wakes when it is free: that this is
//! so is what the rest of this model says, and repairs, counts and generations are left out here. What
//! is not left out is that such a sleeper takes wake-ups of the kernel's on that word.
//!
//! The look that a sleeper has after 50 ms is not counted on. Where nothing else would wake one who should be
//! awake, the model asks why ([`Excuse`]), and only what a scenario admits is no fault.

mod broken;
mod claims;
mod leave;
mod locking;
mod machine;
mod report;
mod state;
mod steps;
mod wait;
mod wanted;

use std::cell::Cell;

use crate::moves::{Class, Move};
use crate::scenario::{Release, Size};
use crate::search::{Fault, Model};
use crate::state::MOST;
use crate::word;
use state::{Pc, State};

/// What is made wrong on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Twin {
    /// A waiter looks at the slots, then announces itself, and sleeps.
    LooksBeforeAnnouncing,
    /// A waiter takes the words to sleep on after its look at the slots.
    TakesWordsLate,
    /// Who leaves looks for watchers before it leaves.
    LooksBeforeLeaving,
    /// The slot is not pending any more when those who sleep are told.
    PendingTooShort,
    /// Who is woken by a death looks at its own affairs only.
    KeepsTheNews,
    /// Who is woken tells others only of a slot whose word is not the one that it slept on.
    TrustsTheWords,
    /// Who is woken wakes the others when the lock is not pending any more.
    TellsLate,
    /// A waiter sleeps with nothing pending.
    SleepsWithoutPending,
    /// The release is a plain store, and waiters do not make it visible.
    NoMembarrier,
    /// Who takes a slot that others want to see empty or dead does not move the sequence.
    JoinsSilently,
    /// Who wants a slot does not care whether it has read an empty word, when all are taken as it asks.
    AsksOfTheMoment,
    /// A waiter looks twice at the lock's word: what it sleeps on, and whether the owner died.
    LooksTwiceAtTheLock,
}

/// Why one may sleep on until its second look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Excuse {
    /// One who was told of a death was killed with the news, while somebody living held the state's lock.
    KilledWhileOwned = 1,
    /// The same, and the kernel gave the news to one who sleeps for the lock.
    ToldALocker = 2,
    /// A slot that was nobody's came to somebody and became nobody's again between the waiter's look at
    /// its word and the kernel's.
    SameAgain = 4,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Sits in this slot from the beginning, and leaves.
    Sits(u8),
    /// Takes a slot, for which it waits, and leaves it: a semaphore's permit.
    Takes,
    /// Under the lock takes a slot if one is free and commits that it has; then leaves it: a wait group's task.
    Begins,
    /// Waits until no slot is somebody's of whom the state knows: a wait group.
    AwaitsAll,
    /// Has arrived in this slot at the beginning and waits until one who has arrived dies, or for a commit:
    /// a barrier's party.
    Meets(u8),
    /// Under the lock takes a slot and arrives there; then waits as the others. That commits something only where
    /// somebody died in the slot.
    Joins,
    /// Under the lock takes a seat and commits that; then leaves it, for which the others wait, too.
    Visits,
    /// Takes the lock and commits.
    Commits,
    /// Takes the lock, and changes nothing.
    Locks,
}

/// Equal roles stand side by side: the search treats them as interchangeable.
#[derive(Clone, Copy, Debug)]
pub struct Scenario<'a> {
    pub roles: &'a [Role],
    pub slots: u8,
    pub release: Release,
    /// Of what the lock guards.
    pub size: Size,
    pub kills: u8,
    /// Every wait may run out.
    pub timed: bool,
    /// Who was last in the first slot died long ago, and everybody knows.
    pub has_dead: bool,
    /// Excuses that are no fault, one bit each.
    pub admitted: u8,
    pub twin: Option<Twin>,
}

impl Scenario<'_> {
    pub fn is(&self, twin: Twin) -> bool {
        self.twin == Some(twin)
    }

    fn admits(&self, excuses: u8) -> bool {
        excuses & self.admitted != 0
    }
}

/// A scenario, and how many ends there were in which somebody slept on for each excuse.
pub struct Beside<'a> {
    pub scenario: Scenario<'a>,
    pub ends: Cell<u32>,
    pub excused: Cell<u32>,
}

impl<'a> Beside<'a> {
    pub fn new(scenario: Scenario<'a>) -> Self {
        Self {
            scenario,
            ends: Cell::new(0),
            excused: Cell::new(0),
        }
    }
}

impl Model for Beside<'_> {
    type State = State;

    fn initial(&self) -> State {
        State::initial(&self.scenario)
    }

    fn canonical(&self, state: &State) -> State {
        state::canonical(&self.scenario, state).0
    }

    fn collect(&self, state: &State, moves: &mut Vec<Move<State>>) {
        collect(&self.scenario, state, moves);
    }

    /// Nobody is in a slot or in the lock who was not let in by the word, so there is nothing to see.
    fn fault_in(&self, state: &State) -> Option<Fault> {
        let inside = |process: &state::Process| process.pc.owns_the_lock();
        let inside = state.processes.iter().filter(|process| inside(process));
        (inside.count() > 1).then_some(Fault::TwoInside)
    }

    fn fault_at_end(&self, state: &State) -> Option<Fault> {
        self.ends.set(self.ends.get() + 1);
        let mut is_excused = false;
        for me in 0..self.scenario.roles.len() {
            let process = &state.processes[me];
            match process.pc {
                Pc::Finished | Pc::Dead => {}
                Pc::Asleep if state.may_sleep_for_ever(&self.scenario, me) => {}
                Pc::Asleep if self.scenario.admits(process.excuses) => is_excused = true,
                _ => return Some(Fault::Stuck),
            }
        }
        self.excused.set(self.excused.get() + u32::from(is_excused));
        let owner = word::owner(state.shared.memory.get(crate::memory::Address::Word));
        owner.is_some().then_some(Fault::Stuck)
    }
}

/// Collects every move of every process. Time runs out only where a move says so.
pub fn collect(scenario: &Scenario, state: &State, moves: &mut Vec<Move<State>>) {
    moves.clear();
    for me in 0..scenario.roles.len() {
        let mut push = |what, woken, class, next| {
            moves.push(Move {
                actor: me,
                what,
                woken,
                class,
                next,
            });
        };
        let mut drained = *state;
        if drained.drain_oldest(me) {
            let what = "(its oldest store reaches memory)";
            push(what, None, Class::Progress, drained);
        }
        match state.processes[me].pc {
            Pc::Dead | Pc::Finished => continue,
            Pc::Dying(step) => {
                for (what, woken, next) in machine::die_on(state, me, step) {
                    push(what, woken, Class::Progress, next);
                }
                continue;
            }
            _ => {}
        }
        if let Some((what, woken, next)) = steps::step(scenario, state, me) {
            push(what, woken, Class::Progress, next);
        }
        if let Some((what, next)) = wait::time_passes(scenario, state, me) {
            push(what, None, Class::Timeout, next);
        }
        if state.shared.kills > 0 {
            let mut next = *state;
            next.shared.kills -= 1;
            machine::kill(&mut next.processes[me]);
            push("IS KILLED", None, Class::Kill, next);
        }
    }
}

const _: () = assert!(MOST == 4, "as many as a state has room for");
