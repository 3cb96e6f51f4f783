//! The table of what was searched, and counter-examples that can be read.

use std::fmt::Write;
use std::time::Duration;

use crate::memory::Address;
use crate::moves::{self, Move};
use crate::scenario::{Hold, Kind, Scenario, Size};
use crate::search::{Outcome, Violation};
use crate::state::{MOST, State};
use crate::symmetry::{canonical, canonical_order, renamed};
use crate::word;

/// One line of the table: what took part, and what it cost.
pub fn row(scenario: &Scenario, outcome: &Outcome<State>) -> String {
    let protocol = scenario
        .twin
        .map_or("built".to_owned(), |twin| format!("{twin:?}"));
    let found = outcome
        .violation
        .as_ref()
        .map_or("ok".to_owned(), |violation| {
            format!(
                "{:?} after {} steps",
                violation.fault,
                violation.path.len() - 1
            )
        });
    format!(
        "{protocol:<24} {:<9} {:<44} {} kills {:>10} states {:>7} s  {found}",
        format!("{:?}", scenario.release),
        format!("{}{}", roles(scenario), large(scenario)),
        scenario.kills,
        outcome.states,
        seconds(outcome.elapsed),
    )
}

/// Where the size matters, small is not said.
fn large(scenario: &Scenario) -> &'static str {
    match scenario.size {
        Size::Large => ", large",
        Size::Small => "",
    }
}

fn seconds(elapsed: Duration) -> String {
    format!("{:.1}", elapsed.as_secs_f64())
}

/// `2 lockers x2 (list), 1 watcher`: who takes part, in words.
fn roles(scenario: &Scenario) -> String {
    let mut parts = Vec::new();
    for alike in scenario.roles.chunk_by(|a, b| a == b) {
        let timed = if alike[0].timed { "timed " } else { "" };
        parts.push(match alike[0].kind {
            Kind::Locker { rounds, hold } => {
                let hold = if hold == Hold::List {
                    "list"
                } else {
                    "pending"
                };
                format!("{} {timed}lockers x{rounds} ({hold})", alike.len())
            }
            Kind::Watcher { target } => format!("{} {timed}watchers of {target}", alike.len()),
        });
    }
    parts.join(", ")
}

/// The counter-example, a line a step. Along the path processes change places and generations their
/// names; `Names` undoes that, so that everybody keeps the name he began with.
pub fn trace(scenario: &Scenario, violation: &Violation<State>) -> String {
    let mut names = Names::default();
    let mut moves = Vec::new();
    let mut text = format!("{:?}:\n", violation.fault);
    for (number, pair) in violation.path.windows(2).enumerate() {
        moves::collect(scenario, &pair[0], &mut moves);
        let leads_there = |step: &&Move| canonical(scenario, &step.next) == pair[1];
        let step = moves
            .iter()
            .find(leads_there)
            .expect("each state follows from the one before");
        writeln!(text, "{:>4}  {}", number + 1, line(scenario, &names, step)).expect("a string");
        names.follow(scenario, &step.next);
    }
    text
}

struct Names {
    /// Who stands at each place.
    processes: [usize; MOST],
    /// What the generation called 0 really is.
    generation: u8,
}

impl Default for Names {
    fn default() -> Self {
        Self {
            processes: std::array::from_fn(|process| process),
            generation: 0,
        }
    }
}

impl Names {
    fn follow(&mut self, scenario: &Scenario, next: &State) {
        let (_, order) = canonical_order(scenario, next);
        self.processes = order.map(|place| self.processes[place]);
        self.generation += next.memory.get(Address::Generation);
    }

    /// The state with everybody back where he began.
    fn undo(&self, state: &State) -> State {
        let mut order = [0; MOST];
        for (place, process) in self.processes.into_iter().enumerate() {
            order[process] = place;
        }
        let mut state = renamed(state, order);
        state.memory.set(
            Address::Generation,
            self.generation + state.memory.get(Address::Generation),
        );
        state
    }
}

fn line(scenario: &Scenario, names: &Names, step: &Move) -> String {
    let name = |place: usize| format!("P{}", names.processes[place] + 1);
    let woken = step
        .woken
        .map_or(String::new(), |place| format!(": {}", name(place)));
    let what = format!("{}{woken}", step.what);
    let memory = memory(scenario, &names.undo(&step.next));
    format!("{} {what:<50} {memory}", name(step.actor))
}

fn memory(scenario: &Scenario, state: &State) -> String {
    let get = |address| state.memory.get(address);
    let word = word::readable(get(Address::Word));
    let mut text = format!(
        "word {word:<7} count {} gen {}",
        get(Address::Count),
        get(Address::Generation)
    );
    if scenario.has_watchers() {
        let [value, sequence] = [get(Address::Value), get(Address::Sequence)];
        let watched = get(Address::Watched);
        write!(text, " value {value} sequence {sequence} watched {watched}").expect("a string");
    }
    for (me, process) in state.processes.iter().enumerate() {
        for store in process.buffer.iter() {
            write!(
                text,
                "  [P{}: {:?} = {}]",
                me + 1,
                store.address,
                store.value
            )
            .expect("a string");
        }
    }
    text
}
