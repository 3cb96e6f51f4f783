//! Breadth first through every state, so that a counter-example is as short as any.
//!
//! Checked in each state: at most one process is inside, and the value is what was last committed.
//! Checked where nothing can happen but a kill or a time-out: everybody is done, and all that was
//! committed is there. Checked over all states: progress never goes in a circle. There are finitely
//! many states, so from every one of them, whatever the order of steps, every run without further
//! kills reaches an end, and every end is a good one: stronger than that one can be reached.

use std::time::{Duration, Instant};

use crate::inside::Inside;
use crate::memory::Address;
use crate::moves::{self, Class, Move};
use crate::scenario::{Role, Scenario};
use crate::state::{Pc, Process, State};
use crate::symmetry::canonical;
use crate::visited::Visited;
use crate::{watch, word};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    TwoInside,
    CommitLost,
    Stuck,
    Endless,
}

pub struct Outcome {
    pub states: usize,
    pub elapsed: Duration,
    pub violation: Option<Violation>,
}

pub struct Violation {
    pub fault: Fault,
    /// The states from the first one to the faulty one, one move apart up to symmetry.
    pub path: Vec<State>,
}

struct Search<'a> {
    scenario: &'a Scenario<'a>,
    visited: Visited,
    parents: Vec<u32>,
    /// Progress moves only: state `i` leads to `targets[starts[i]..starts[i + 1]]`.
    starts: Vec<usize>,
    targets: Vec<u32>,
}

pub fn search(scenario: &Scenario) -> Outcome {
    let begun = Instant::now();
    let mut search = Search {
        scenario,
        visited: Visited::new(),
        parents: vec![0],
        starts: vec![0],
        targets: Vec::new(),
    };
    search
        .visited
        .insert(&canonical(scenario, &State::initial(scenario)));
    let violation = search.run().map(|(fault, index)| Violation {
        fault,
        path: search.path(index),
    });
    Outcome {
        states: search.visited.len(),
        elapsed: begun.elapsed(),
        violation,
    }
}

impl Search<'_> {
    fn run(&mut self) -> Option<(Fault, usize)> {
        let mut moves = Vec::new();
        let mut index = 0;
        while index < self.visited.len() {
            if let Some(fault) = self.expand(index, &mut moves) {
                return Some((fault, index));
            }
            index += 1;
        }
        self.endless().map(|index| (Fault::Endless, index))
    }

    fn expand(&mut self, index: usize, moves: &mut Vec<Move>) -> Option<Fault> {
        let state = self.visited.get(index);
        if let Some(fault) = fault_in(&state) {
            return Some(fault);
        }
        moves::collect(self.scenario, &state, moves);
        for step in moves.iter() {
            let (target, is_new) = self.visited.insert(&canonical(self.scenario, &step.next));
            if is_new {
                self.parents.push(index as u32);
            }
            if step.class == Class::Progress {
                self.targets.push(target as u32);
            }
        }
        self.starts.push(self.targets.len());
        let is_end = moves.iter().all(|step| step.class != Class::Progress);
        is_end
            .then(|| fault_at_end(self.scenario, &state))
            .flatten()
    }

    /// Takes away, again and again, the states that no remaining progress leads to. What is left
    /// over lies on a circle, or behind one.
    fn endless(&self) -> Option<usize> {
        let mut ways_in = vec![0_u32; self.visited.len()];
        self.targets
            .iter()
            .for_each(|&target| ways_in[target as usize] += 1);
        let mut ready: Vec<usize> = (0..ways_in.len())
            .filter(|&index| ways_in[index] == 0)
            .collect();
        while let Some(index) = ready.pop() {
            for &target in self.progress(index) {
                ways_in[target as usize] -= 1;
                if ways_in[target as usize] == 0 {
                    ready.push(target as usize);
                }
            }
        }
        ways_in.iter().position(|&ways| ways > 0)
    }

    fn progress(&self, index: usize) -> &[u32] {
        &self.targets[self.starts[index]..self.starts[index + 1]]
    }

    fn path(&mut self, mut index: usize) -> Vec<State> {
        let mut path = vec![self.visited.get(index)];
        while index != 0 {
            index = self.parents[index] as usize;
            path.push(self.visited.get(index));
        }
        path.reverse();
        path
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
