//! The table of what was searched, and counter-examples that can be read.

use std::fmt::Write;

use super::state::{Process, State, canonical, renamed, slot_word};
use super::{Beside, Scenario, collect};
use crate::memory::Address;
use crate::moves::Move;
use crate::scenario::Size;
use crate::search::{Outcome, Violation};
use crate::state::MOST;
use crate::word;

/// One line of the table: who took part, and what it cost.
pub fn row(model: &Beside, outcome: &Outcome<State>) -> String {
    let Scenario {
        roles,
        slots,
        release,
        size,
        kills,
        timed,
        has_dead,
        twin,
        ..
    } = model.scenario;
    let protocol = twin.map_or("built".to_owned(), |twin| format!("{twin:?}"));
    let found = outcome.violation.as_ref();
    let found = found.map_or("ok".to_owned(), |violation| {
        format!(
            "{:?} after {} steps",
            violation.fault,
            violation.path.len() - 1
        )
    });
    let timed = if timed { ", timed" } else { "" };
    let large = if size == Size::Large { ", large" } else { "" };
    let dead = if has_dead { ", one dead" } else { "" };
    format!(
        "{protocol:<24} {:<9} {:<44} {kills} kills {:>10} states {:>6.1} s  {found}; \
         in {} of {} ends the second look is needed",
        format!("{release:?}"),
        format!("{roles:?}, {slots} slots{large}{timed}{dead}"),
        outcome.states,
        outcome.elapsed.as_secs_f64(),
        model.excused.get(),
        model.ends.get(),
    )
}

/// The counter-example, a line a step. Everybody keeps the name it began with.
pub fn trace(scenario: &Scenario, violation: &Violation<State>) -> String {
    let mut names: [usize; MOST] = std::array::from_fn(|process| process);
    let mut moves = Vec::new();
    let mut text = format!("{:?}, of {:?}:\n", violation.fault, scenario.roles);
    for (number, pair) in violation.path.windows(2).enumerate() {
        collect(scenario, &pair[0], &mut moves);
        let leads_there = |step: &&Move<State>| canonical(scenario, &step.next).0 == pair[1];
        let step = moves.iter().find(leads_there);
        let step = step.expect("each state follows from the one before");
        writeln!(text, "{:>4}  {}", number + 1, line(scenario, names, step)).expect("a string");
        let (_, order) = canonical(scenario, &step.next);
        names = order.map(|place| names[place]);
    }
    text
}

fn line(scenario: &Scenario, names: [usize; MOST], step: &Move<State>) -> String {
    let name = |place: usize| format!("P{}", names[place] + 1);
    let woken = step
        .woken
        .map_or(String::new(), |place| format!(": {}", name(place)));
    let what = format!("{}{woken}", step.what);
    let mut order = [0; MOST];
    for (place, process) in names.into_iter().enumerate() {
        order[process] = place;
    }
    let memory = memory(scenario, &renamed(&step.next, order));
    format!("{} {what:<54} {memory}", name(step.actor))
}

fn memory(scenario: &Scenario, state: &State) -> String {
    let get = |address| state.shared.memory.get(address);
    let word = word::readable(get(Address::Word));
    let [value, sequence, watched] = [Address::Value, Address::Sequence, Address::Watched].map(get);
    let slots = (0..scenario.slots).map(|slot| word::readable(get(slot_word(slot))));
    let slots = slots.collect::<Vec<_>>().join(" ");
    let mut text = format!(
        "lock {word:<5} slots {slots:<11} value {value} sequence {sequence} watched {watched}"
    );
    for (me, process) in state.processes.iter().enumerate() {
        for store in process.buffer.iter() {
            let (address, value) = (store.address, store.value);
            write!(text, "  [P{}: {address:?} = {value}]", me + 1).expect("a string");
        }
        if let Process { queued: 1.., .. } = process {
            write!(text, "  P{} queued {:b}", me + 1, process.queued).expect("a string");
        }
    }
    text
}
