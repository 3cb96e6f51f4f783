//! `wanted`: what a semaphore, a wait group and a barrier ask before they sleep.

use super::state::{Pc, Process, State, counts, is_fault, is_living, slot_note, slot_word};
use super::wait::finish;
use super::{Role, Scenario, Twin};
use crate::memory::Address;

/// Those who want nothing of the value do not look at it.
pub fn read_value(scenario: &Scenario, next: &mut State, me: usize) -> &'static str {
    let role = scenario.roles[me];
    if role == Role::Takes {
        let words = next.processes[me].slots;
        let mut words = words.iter().take(usize::from(scenario.slots));
        let was_one_free = words.any(|word| !is_living(*word));
        if was_one_free && !scenario.is(Twin::AsksOfTheMoment) {
            satisfied(scenario, &mut next.processes[me], me);
            return "has seen a free slot";
        }
        return ask_slot(scenario, next, me);
    }
    let value = next.load(me, Address::Value);
    let process = &mut next.processes[me];
    if role == Role::AwaitsAll {
        process.value = value;
    } else if value > 0 {
        satisfied(scenario, process, me);
        return "sees the commit";
    }
    match scenario.slots {
        0 => wants_more(scenario, process),
        _ => process.pc = Pc::AskSlot,
    }
    "reads the value"
}

/// `wanted`, a slot at a time.
pub fn ask_slot(scenario: &Scenario, next: &mut State, me: usize) -> &'static str {
    let word = next.load(me, slot_word(next.processes[me].at));
    let process = &mut next.processes[me];
    match scenario.roles[me] {
        Role::Takes if !is_living(word) => {
            satisfied(scenario, process, me);
            "finds a free slot"
        }
        Role::AwaitsAll if is_living(word) => {
            process.pc = Pc::AskNote;
            "finds somebody in a slot"
        }
        Role::Meets(_) | Role::Joins if !is_living(word) => {
            (process.word_asked, process.pc) = (word, Pc::AskNote);
            "finds nobody in a slot"
        }
        role => {
            ask_next(scenario, process, role);
            "finds nothing that matters"
        }
    }
}

pub fn ask_note(scenario: &Scenario, next: &mut State, me: usize) -> &'static str {
    let note = next.load(me, slot_note(next.processes[me].at));
    let process = &mut next.processes[me];
    match scenario.roles[me] {
        Role::AwaitsAll if counts(note, process.value) => {
            wants_more(scenario, process);
            "finds that it counts"
        }
        Role::Meets(_) | Role::Joins if is_fault(process.word_asked, note) => {
            satisfied(scenario, process, me);
            "finds that it will not come"
        }
        role => {
            ask_next(scenario, process, role);
            "finds that it does not count"
        }
    }
}

fn ask_next(scenario: &Scenario, process: &mut Process, role: Role) {
    process.at += 1;
    process.word_asked = 0;
    process.pc = match role {
        _ if process.at < scenario.slots => Pc::AskSlot,
        Role::AwaitsAll => Pc::ReadValueAgain,
        _ => return wants_more(scenario, process),
    };
}

/// All slots were looked at with one value, or it looks again with the other one.
pub fn read_value_again(scenario: &Scenario, next: &mut State, me: usize) -> &'static str {
    let value = next.load(me, Address::Value);
    let process = &mut next.processes[me];
    if process.value == value {
        satisfied(scenario, process, me);
        return "finds the same value";
    }
    (process.at, process.value, process.pc) = (0, value, Pc::AskSlot);
    "finds another value"
}

fn satisfied(scenario: &Scenario, process: &mut Process, me: usize) {
    finish(process);
    if scenario.roles[me] == Role::Takes {
        process.pc = Pc::Claim;
    }
}

fn wants_more(scenario: &Scenario, process: &mut Process) {
    (process.at, process.value) = (0, 0);
    process.pc = match scenario.twin {
        Some(Twin::LooksBeforeAnnouncing) => Pc::ReadSequence,
        Some(Twin::TakesWordsLate) => Pc::ReadSlot,
        _ => Pc::Queue,
    };
}
