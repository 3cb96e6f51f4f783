//! States that mean the same are one state.
//!
//! - Processes of one role are interchangeable: they are sorted, and every mention of one (an owner
//!   in a word, a bit in `undrained`) is renamed with it. Ties may leave two forms of one state,
//!   which costs states and hides none, because each form is a mere renaming.
//! - A generation is only ever compared with the present one, so the present one is called 0 and
//!   every past one `ENDED`. A repair makes 1 the present one, and 0 and `ENDED` both become `ENDED`.

use crate::memory::Address;
use crate::scenario::Scenario;
use crate::state::{MOST, Process, State};
use crate::word;

const ENDED: u8 = 15;

pub fn canonical(scenario: &Scenario, state: &State) -> State {
    canonical_order(scenario, state).0
}

/// The canonical form, and which process stands at each place in it.
pub fn canonical_order(scenario: &Scenario, state: &State) -> (State, [usize; MOST]) {
    let mut state = *state;
    name_generations(&mut state);
    let order = sorted(scenario, &state);
    (
        if order.is_sorted() {
            state
        } else {
            renamed(&state, order)
        },
        order,
    )
}

fn name_generations(state: &mut State) {
    let present = state.memory.get(Address::Generation);
    state.memory.set(Address::Generation, 0);
    for process in &mut state.processes {
        if let Some(generation) = &mut process.registered {
            *generation = if *generation == present { 0 } else { ENDED };
        }
    }
}

/// The processes in canonical order; only neighbours of one role change places.
fn sorted(scenario: &Scenario, state: &State) -> [usize; MOST] {
    let mut order: [usize; MOST] = std::array::from_fn(|process| process);
    let roles = scenario.roles;
    let mut start = 0;
    while start < roles.len() {
        let alike = roles[start..]
            .iter()
            .take_while(|role| **role == roles[start])
            .count();
        order[start..start + alike].sort_by_key(|&process| nameless(state, process));
        start += alike;
    }
    order
}

/// What can be said of a process without naming another one.
fn nameless(state: &State, me: usize) -> (Process, bool, u8) {
    let process = state.processes[me];
    let owner = word::owner(process.word);
    let seen = u8::from(owner.is_some()) + u8::from(owner == Some(me));
    let owns = word::owner(state.memory.get(Address::Word)) == Some(me);
    (
        Process {
            word: 0,
            undrained: 0,
            ..process
        },
        owns,
        seen,
    )
}

/// The same state with the process `order[place]` at each place.
pub fn renamed(state: &State, order: [usize; MOST]) -> State {
    let mut number = [0; MOST];
    for (new, old) in order.into_iter().enumerate() {
        number[old] = new;
    }
    let mut next = *state;
    next.memory.set(
        Address::Word,
        word::renamed(state.memory.get(Address::Word), &number),
    );
    for (new, old) in order.into_iter().enumerate() {
        next.processes[new] = renamed_process(state.processes[old], &number);
    }
    next
}

/// Stores under way name nobody: a word in a buffer is always a released one.
fn renamed_process(process: Process, number: &[usize; MOST]) -> Process {
    let undrained = (0..MOST).filter(|old| process.undrained >> old & 1 == 1);
    Process {
        word: word::renamed(process.word, number),
        undrained: undrained.fold(0, |mask, old| mask | 1 << number[old]),
        ..process
    }
}
