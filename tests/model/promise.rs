//! The lock's protocol as what is searched: at most one process is inside, the value is what was last
//! committed, and in the end everybody is done and all that was committed is there.

use crate::inside::Inside;
use crate::memory::Address;
use crate::moves::{self, Move};
use crate::scenario::{Role, Scenario};
use crate::search::{Fault, Model};
use crate::state::{Pc, Process, State};
use crate::symmetry::canonical;
use crate::{watch, word};

impl Model for Scenario<'_> {
    type State = State;

    fn initial(&self) -> State {
        State::initial(self)
    }

    fn canonical(&self, state: &State) -> State {
        canonical(self, state)
    }

    fn collect(&self, state: &State, moves: &mut Vec<Move>) {
        moves::collect(self, state, moves);
    }

    fn fault_in(&self, state: &State) -> Option<Fault> {
        fault_in(state)
    }

    fn fault_at_end(&self, state: &State) -> Option<Fault> {
        fault_at_end(self, state)
    }
}

fn fault_in(state: &State) -> Option<Fault> {
    if state
        .processes
        .iter()
        .filter(|process| process.is_inside())
        .count()
        > 1
    {
        return Some(Fault::TwoInside);
    }
    let lost = |(me, process): (usize, &Process)| {
        process.pc == Pc::Inside(Inside::Commit) && state.load(me, Address::Value) != state.commits
    };
    state
        .processes
        .iter()
        .enumerate()
        .any(lost)
        .then_some(Fault::CommitLost)
}

fn fault_at_end(scenario: &Scenario, state: &State) -> Option<Fault> {
    let is_done = |(process, role): (&Process, &Role)| {
        matches!(process.pc, Pc::Finished | Pc::Dead)
            || watch::may_sleep_for_ever(process, *role, &state.memory)
    };
    let free = word::owner(state.memory.get(Address::Word)).is_none();
    if !free || !state.processes.iter().zip(scenario.roles).all(is_done) {
        return Some(Fault::Stuck);
    }
    (state.memory.get(Address::Value) != state.commits).then_some(Fault::CommitLost)
}
