//! Every state there is, breadth first; then, that progress never goes in a circle.

use rustc_hash::FxHashMap;

use super::steps::{step, time_out};
use super::{Fault, MOST, Pc, Scenario, State};

/// Returns how many states there are, or the fault and the steps to the first faulty one.
pub fn search(scenario: &Scenario) -> Result<usize, (Fault, Vec<State>)> {
    let mut known = FxHashMap::default();
    let mut states = vec![State::initial(scenario)];
    let mut parents = vec![0usize];
    let mut progress: Vec<Vec<u32>> = Vec::new();
    known.insert(states[0], 0u32);
    let mut index = 0;
    while index < states.len() {
        let state = states[index];
        let (ahead, others) = moves(scenario, &state);
        let fault = fault_in(&state, ahead.is_empty());
        if let Some(fault) = fault {
            return Err((fault, path(&states, &parents, index)));
        }
        let mut targets = Vec::with_capacity(ahead.len());
        let count = ahead.len();
        for (which, next) in ahead.into_iter().chain(others).enumerate() {
            let fresh = states.len() as u32;
            let target = *known.entry(next).or_insert(fresh);
            if target == fresh {
                states.push(next);
                parents.push(index);
            }
            if which < count {
                targets.push(target);
            }
        }
        progress.push(targets);
        index += 1;
    }
    match circle(&progress) {
        Some(index) => Err((Fault::Endless, path(&states, &parents, index))),
        None => Ok(states.len()),
    }
}

/// What may happen by itself, and what may only happen: kills and timeouts.
fn moves(scenario: &Scenario, state: &State) -> (Vec<State>, Vec<State>) {
    let (mut progress, mut others) = (Vec::new(), Vec::new());
    for me in 0..MOST {
        let mut drained = *state;
        if drained.drain_one(me) {
            progress.push(drained);
        }
        match state.processes[me].pc {
            Pc::Dead | Pc::Finished => continue,
            Pc::DyingQueued | Pc::DyingInPlace | Pc::DyingWakes | Pc::DyingWithLock => {
                progress.extend(state.die_on(me));
                continue;
            }
            _ => progress.extend(step(scenario, state, me)),
        }
        others.extend(time_out(scenario, state, me));
        if state.kills > 0 {
            let mut killed = *state;
            killed.kills -= 1;
            killed.kill(me);
            others.push(killed);
        }
    }
    (progress, others)
}

fn fault_in(state: &State, is_end: bool) -> Option<Fault> {
    let inside = |pc| matches!(pc, Pc::Inside | Pc::End);
    let processes = state.processes.iter();
    if processes
        .clone()
        .filter(|process| inside(process.pc))
        .count()
        > 1
    {
        return Some(Fault::TwoInside);
    }
    let is_over = |pc| matches!(pc, Pc::Finished | Pc::Dead);
    let stuck = is_end && !processes.clone().all(|process| is_over(process.pc));
    state.wrong.or(stuck.then_some(Fault::Stuck))
}

/// Takes away what no remaining progress leads to; what is left lies on a circle or behind one.
fn circle(progress: &[Vec<u32>]) -> Option<usize> {
    let mut ways_in = vec![0u32; progress.len()];
    for target in progress.iter().flatten() {
        ways_in[*target as usize] += 1;
    }
    let mut ready: Vec<usize> = (0..ways_in.len()).filter(|at| ways_in[*at] == 0).collect();
    while let Some(index) = ready.pop() {
        for target in &progress[index] {
            ways_in[*target as usize] -= 1;
            if ways_in[*target as usize] == 0 {
                ready.push(*target as usize);
            }
        }
    }
    ways_in.iter().position(|ways| *ways > 0)
}

fn path(states: &[State], parents: &[usize], mut index: usize) -> Vec<State> {
    let mut path = vec![states[index]];
    while index != 0 {
        index = parents[index];
        path.push(states[index]);
    }
    path.reverse();
    path
}
