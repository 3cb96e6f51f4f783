//! What can happen next, and the hand a step writes it with.

use crate::scenario::{Role, Scenario};
use crate::state::{Pc, Process, State};
use crate::{death, doze, enter, inside, kernel, leave, recover, sleep, tell, watch, word_flag};

/// Only progress may be counted on: nobody may have to be killed or to time out for others to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    Progress,
    Timeout,
    Kill,
}

#[derive(Clone, Copy, Debug)]
pub struct Move<S = State> {
    pub actor: usize,
    pub what: &'static str,
    pub woken: Option<usize>,
    pub class: Class,
    pub next: S,
}

/// One process about to do one step.
pub struct Turn<'a> {
    pub scenario: &'a Scenario<'a>,
    pub me: usize,
    pub state: &'a State,
    moves: &'a mut Vec<Move>,
}

impl Turn<'_> {
    pub fn role(&self) -> Role {
        self.scenario.roles[self.me]
    }

    pub fn process(&self) -> &Process {
        &self.state.processes[self.me]
    }

    /// The state for a load or a plain store to work on.
    pub fn plain(&self) -> State {
        *self.state
    }

    /// The state for an atomic read-modify-write to work on: it empties the own buffer first.
    pub fn atomic(&self) -> State {
        let mut next = *self.state;
        next.drain(self.me);
        next
    }

    /// The step ends in `next`, and this process goes on at `pc`.
    pub fn ends(&mut self, what: &'static str, mut next: State, pc: Pc) {
        next.processes[self.me].goto(pc);
        self.ends_as_it_is(what, next);
    }

    /// The step ends in `next`, which already says where this process goes on.
    pub fn ends_as_it_is(&mut self, what: &'static str, next: State) {
        self.push(what, None, Class::Progress, next);
    }

    pub fn times_out(&mut self, what: &'static str, mut next: State, pc: Pc) {
        next.processes[self.me].goto(pc);
        self.push(what, None, Class::Timeout, next);
    }

    pub fn wakes(&mut self, what: &'static str, woken: Option<usize>, mut next: State, pc: Pc) {
        next.processes[self.me].goto(pc);
        self.push(what, woken, Class::Progress, next);
    }

    fn push(&mut self, what: &'static str, woken: Option<usize>, class: Class, next: State) {
        self.moves.push(Move {
            actor: self.me,
            what,
            woken,
            class,
            next,
        });
    }
}

/// Collects every move of every process. A process that sleeps, or is done, has none.
pub fn collect(scenario: &Scenario, state: &State, moves: &mut Vec<Move>) {
    moves.clear();
    for me in 0..scenario.roles.len() {
        drain(state, me, moves);
        kill(state, me, moves);
        step(&mut Turn {
            scenario,
            me,
            state,
            moves,
        });
    }
}

fn drain(state: &State, actor: usize, moves: &mut Vec<Move>) {
    let mut next = *state;
    if next.drain_oldest(actor) {
        let what = "(its oldest store reaches memory)";
        moves.push(Move {
            actor,
            what,
            woken: None,
            class: Class::Progress,
            next,
        });
    }
}

fn kill(state: &State, actor: usize, moves: &mut Vec<Move>) {
    if state.kills > 0 && state.processes[actor].is_running() {
        let mut next = *state;
        next.kills -= 1;
        death::kill(&mut next.processes[actor]);
        moves.push(Move {
            actor,
            what: "IS KILLED",
            woken: None,
            class: Class::Kill,
            next,
        });
    }
}

fn step(turn: &mut Turn) {
    match turn.process().pc {
        Pc::Enter(step) => enter::step(turn, step),
        Pc::Sleep(step) => sleep::step(turn, step),
        Pc::Inside(step) => inside::step(turn, step),
        Pc::Recover(step) => recover::step(turn, step),
        Pc::Tell(step) => tell::step(turn, step),
        Pc::Leave(step) => leave::step(turn, step),
        Pc::Watch(step) => watch::step(turn, step),
        Pc::Doze(step) => doze::step(turn, step),
        Pc::WordFlag(step) => word_flag::step(turn, step),
        Pc::Membarrier => kernel::membarrier(turn),
        Pc::Dying(step) => death::step(turn, step),
        Pc::Finished | Pc::Dead => {}
    }
}
