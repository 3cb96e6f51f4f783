//! Breadth first through every state, so that a counter-example is as short as any.
//!
//! Checked in each state, and where nothing can happen but a kill or a time-out: what the [`Model`] says
//! is wrong there. Checked over all states: progress never goes in a circle. There are finitely
//! many states, so from every one of them, whatever the order of steps, every run without further
//! kills reaches an end, and every end is a good one: stronger than that one can be reached.

use std::time::{Duration, Instant};

use crate::moves::{Class, Move};
use crate::visited::{Parted, Visited};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    TwoInside,
    CommitLost,
    Stuck,
    Endless,
}

/// What is searched.
pub trait Model {
    type State: Parted;

    fn initial(&self) -> Self::State;

    /// The same for all states that mean the same.
    fn canonical(&self, state: &Self::State) -> Self::State;

    fn collect(&self, state: &Self::State, moves: &mut Vec<Move<Self::State>>);

    /// What is wrong wherever it is so.
    fn fault_in(&self, state: &Self::State) -> Option<Fault>;

    /// What is wrong where nothing happens any more by itself.
    fn fault_at_end(&self, state: &Self::State) -> Option<Fault>;
}

pub struct Outcome<S> {
    pub states: usize,
    pub elapsed: Duration,
    pub violation: Option<Violation<S>>,
}

pub struct Violation<S> {
    pub fault: Fault,
    /// The states from the first one to the faulty one, one move apart up to symmetry.
    pub path: Vec<S>,
}

struct Search<'a, M: Model> {
    model: &'a M,
    visited: Visited<M::State>,
    parents: Vec<u32>,
    /// Progress moves only: state `i` leads to `targets[starts[i]..starts[i + 1]]`.
    starts: Vec<usize>,
    targets: Vec<u32>,
}

pub fn search<M: Model>(model: &M) -> Outcome<M::State> {
    let begun = Instant::now();
    let mut search = Search {
        model,
        visited: Visited::new(),
        parents: vec![0],
        starts: vec![0],
        targets: Vec::new(),
    };
    search.visited.insert(&model.canonical(&model.initial()));
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

impl<M: Model> Search<'_, M> {
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

    fn expand(&mut self, index: usize, moves: &mut Vec<Move<M::State>>) -> Option<Fault> {
        let state = self.visited.get(index);
        if let Some(fault) = self.model.fault_in(&state) {
            return Some(fault);
        }
        self.model.collect(&state, moves);
        for step in moves.iter() {
            let (target, is_new) = self.visited.insert(&self.model.canonical(&step.next));
            if is_new {
                self.parents.push(index as u32);
            }
            if step.class == Class::Progress {
                self.targets.push(target as u32);
            }
        }
        self.starts.push(self.targets.len());
        let is_end = moves.iter().all(|step| step.class != Class::Progress);
        is_end.then(|| self.model.fault_at_end(&state)).flatten()
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

    fn path(&mut self, mut index: usize) -> Vec<M::State> {
        let mut path = vec![self.visited.get(index)];
        while index != 0 {
            index = self.parents[index] as usize;
            path.push(self.visited.get(index));
        }
        path.reverse();
        path
    }
}
