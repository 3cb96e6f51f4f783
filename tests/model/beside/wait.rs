//! `wait_until_beside`: announce, take the slots' words, look, sleep; woken, tell the others and stand in.

use super::machine::{self, Step};
use super::state::{
    Pc, Pending, Process, SEQUENCE, State, WORD, is_living, is_orphaned, slot_bit, slot_word,
};
use super::wanted::{ask_note, ask_slot, read_value, read_value_again};
use super::{Excuse, Scenario, Twin};
use crate::memory::Address;
use crate::scenario::Release;
use crate::word;

/// The lock's word and the sequence come before the slots.
const WORDS_BEFORE_SLOTS: u8 = 2;

pub fn step(scenario: &Scenario, state: &State, me: usize) -> Option<Step> {
    let mut next = *state;
    let what = match state.processes[me].pc {
        Pc::ReadDeath => read_death(scenario, &mut next, me),
        Pc::LookTwice => look_twice(scenario, &mut next, me),
        Pc::ReadSequence => {
            next.processes[me].sequence = next.load(me, Address::Sequence);
            next.processes[me].pc = Pc::Announce;
            "reads the sequence"
        }
        Pc::Announce => announce(scenario, &mut next, me),
        Pc::WakeOlder => {
            machine::wake_all(&mut next, me, SEQUENCE);
            next.processes[me].pc = Pc::Replace;
            "wakes who announced an older sequence"
        }
        Pc::Replace => replace(scenario, &mut next, me),
        Pc::Membarrier if next.processes[me].undrained != 0 => return None,
        Pc::Membarrier => {
            next.processes[me].pc = std::mem::take(&mut next.processes[me].resume);
            "passes the membarrier"
        }
        Pc::ReadSlot => read_slot(scenario, &mut next, me),
        Pc::ReadValue => read_value(scenario, &mut next, me),
        Pc::AskSlot => ask_slot(scenario, &mut next, me),
        Pc::AskNote => ask_note(scenario, &mut next, me),
        Pc::ReadValueAgain => read_value_again(scenario, &mut next, me),
        Pc::Queue => queue(scenario, &mut next, me),
        Pc::Asleep if state.processes[me].woken == 0 => return None,
        Pc::Asleep => {
            wakes_up(&mut next.processes[me]);
            "is awake"
        }
        Pc::Unqueue => unqueue(scenario, &mut next, me),
        Pc::CompareSlot => compare_slot(scenario, &mut next, me),
        Pc::LookAgain => look_again(scenario, &mut next, me),
        Pc::WakeOthers => {
            machine::wake_all(&mut next, me, SEQUENCE);
            told(&mut next.processes[me]);
            "tells all others"
        }
        Pc::StandIn => stand_in(&mut next, me),
        Pc::LookFree => look_free(&mut next, me),
        _ => return None,
    };
    Some((what, None, next))
}

/// What is no progress: a sleeper's second look or deadline, and a wait that is given up.
pub fn time_passes(scenario: &Scenario, state: &State, me: usize) -> Option<(&'static str, State)> {
    let mut next = *state;
    let process = &mut next.processes[me];
    match process.pc {
        Pc::Asleep if process.woken == 0 => {
            wakes_up(process);
            Some(("wakes by itself", next))
        }
        Pc::Queue if scenario.timed && process.at == 0 => {
            finish(process);
            Some(("gives up", next))
        }
        _ => None,
    }
}

/// Nothing remains but the own slot.
pub fn finish(process: &mut Process) {
    *process = Process {
        pc: Pc::Finished,
        buffer: process.buffer,
        linked: process.linked,
        ..Process::default()
    };
}

fn read_death(scenario: &Scenario, next: &mut State, me: usize) -> &'static str {
    let word = next.load(me, Address::Word);
    let process = &mut next.processes[me];
    if scenario.is(Twin::LooksTwiceAtTheLock) {
        (process.word, process.pc) = (word, Pc::LookTwice);
        return "reads the lock's word";
    }
    if is_orphaned(word) {
        process.pc = Pc::StandIn;
        return "sees a dead owner";
    }
    process.word = word;
    process.pc = behind_the_word(scenario);
    "reads the lock's word"
}

fn look_twice(scenario: &Scenario, next: &mut State, me: usize) -> &'static str {
    let word = next.load(me, Address::Word);
    let process = &mut next.processes[me];
    if is_orphaned(word) {
        (process.word, process.pc) = (0, Pc::StandIn);
        return "sees a dead owner";
    }
    process.pc = behind_the_word(scenario);
    "sees no dead owner"
}

fn behind_the_word(scenario: &Scenario) -> Pc {
    match scenario.twin {
        Some(Twin::LooksBeforeAnnouncing) => first_look(scenario),
        _ => Pc::ReadSequence,
    }
}

fn first_look(scenario: &Scenario) -> Pc {
    match scenario.slots {
        0 => Pc::ReadValue,
        _ => Pc::ReadSlot,
    }
}

fn announce(scenario: &Scenario, next: &mut State, me: usize) -> &'static str {
    let sequence = next.processes[me].sequence;
    // An announcement is one more than the sequence, so that zero is nobody's.
    let watched = next.shared.memory.get(Address::Watched);
    if watched > sequence {
        announced(scenario, next, me);
        return "finds its announcement made";
    }
    if watched != 0 {
        next.processes[me].watched = watched;
        next.processes[me].pc = Pc::WakeOlder;
        return "sees an older announcement";
    }
    next.drain(me);
    next.set(Address::Watched, sequence + 1);
    announced(scenario, next, me);
    "announces itself"
}

fn replace(scenario: &Scenario, next: &mut State, me: usize) -> &'static str {
    next.drain(me);
    let older = std::mem::take(&mut next.processes[me].watched);
    if next.shared.memory.get(Address::Watched) != older {
        next.processes[me].pc = Pc::Announce;
        return "the announcement has changed";
    }
    next.set(Address::Watched, next.processes[me].sequence + 1);
    announced(scenario, next, me);
    "replaces the older announcement"
}

fn announced(scenario: &Scenario, next: &mut State, me: usize) {
    let then = match scenario.twin {
        Some(Twin::LooksBeforeAnnouncing) => Pc::Queue,
        Some(Twin::TakesWordsLate) => Pc::ReadValue,
        _ => first_look(scenario),
    };
    if scenario.release == Release::Exchange || scenario.is(Twin::NoMembarrier) {
        next.processes[me].pc = then;
        return;
    }
    machine::start_membarrier(scenario, next, me);
    let process = &mut next.processes[me];
    (process.pc, process.resume) = match process.undrained {
        0 => (then, Pc::default()),
        _ => (Pc::Membarrier, then),
    };
}

fn read_slot(scenario: &Scenario, next: &mut State, me: usize) -> &'static str {
    let slot = next.processes[me].at;
    let word = next.load(me, slot_word(slot));
    let process = &mut next.processes[me];
    process.slots[usize::from(slot)] = word;
    process.at += 1;
    if process.at == scenario.slots {
        process.at = 0;
        process.pc = match scenario.twin {
            Some(Twin::TakesWordsLate) => Pc::Queue,
            _ => Pc::ReadValue,
        };
    }
    "reads a slot's word"
}

fn queue(scenario: &Scenario, next: &mut State, me: usize) -> &'static str {
    let Process {
        at,
        word,
        sequence,
        slots,
        touched,
        ..
    } = next.processes[me];
    let (futex, expected) = match at {
        0 => ((WORD, Address::Word), word),
        1 => ((SEQUENCE, Address::Sequence), sequence),
        _ => {
            let slot = at - WORDS_BEFORE_SLOTS;
            let futex = (slot_bit(slot), slot_word(slot));
            (futex, slots[usize::from(slot)])
        }
    };
    if at == 0 && !scenario.is(Twin::SleepsWithoutPending) {
        next.processes[me].pending = Pending::Lock;
    }
    let is_queued = machine::queue(next, me, futex, expected);
    let process = &mut next.processes[me];
    if !is_queued {
        wakes_up(process);
        return "a word to sleep on has changed";
    }
    let touched = at >= WORDS_BEFORE_SLOTS && touched >> (at - WORDS_BEFORE_SLOTS) & 1 == 1;
    if touched {
        process.excuses |= Excuse::SameAgain as u8;
    }
    process.at += 1;
    if process.at == scenario.slots + WORDS_BEFORE_SLOTS {
        (process.at, process.word, process.sequence, process.touched) = (0, 0, 0, 0);
        process.pc = Pc::Asleep;
        return "is queued on its last word, and sleeps";
    }
    "is queued on a word"
}

/// Off the futexes, one after the other; nothing it saw is of use but the slots' words.
fn wakes_up(process: &mut Process) {
    (process.at, process.word, process.sequence, process.touched) = (0, 0, 0, 0);
    process.excuses = 0;
    process.pc = Pc::Unqueue;
}

fn unqueue(scenario: &Scenario, next: &mut State, me: usize) -> &'static str {
    let process = &mut next.processes[me];
    let first = process.queued & process.queued.wrapping_neg();
    process.queued &= !first;
    if process.queued != 0 {
        return "is off a queue";
    }
    if process.woken == 0 {
        watches_on(process);
        return "is off all queues, and was not woken";
    }
    if scenario.is(Twin::TellsLate) {
        process.pending = Pending::Nothing;
    }
    match scenario.twin {
        Some(Twin::KeepsTheNews) => told(process),
        _ if scenario.slots == 0 => told(process),
        // The kernel names the last of the futexes that it was woken through.
        twin if process.woken > SEQUENCE + WORD && twin != Some(Twin::TrustsTheWords) => {
            process.slots = Default::default();
            process.pc = Pc::WakeOthers;
        }
        _ => process.pc = Pc::CompareSlot,
    }
    "is off all queues, and was woken"
}

/// Back to the beginning, with nothing pending.
pub fn watches_on(process: &mut Process) {
    *process = Process {
        pc: Pc::ReadDeath,
        buffer: process.buffer,
        linked: process.linked,
        ..Process::default()
    };
}

/// Others know, or there is nothing that they had to know.
fn told(process: &mut Process) {
    (process.at, process.woken, process.slots) = (0, 0, Default::default());
    process.pc = Pc::StandIn;
}

fn compare_slot(scenario: &Scenario, next: &mut State, me: usize) -> &'static str {
    let slot = next.processes[me].at;
    let word = next.load(me, slot_word(slot));
    if word != next.processes[me].slots[usize::from(slot)] {
        next.processes[me].pc = Pc::LookAgain;
        return "finds a slot changed";
    }
    to_next_slot(scenario, &mut next.processes[me]);
    "finds a slot unchanged"
}

fn look_again(scenario: &Scenario, next: &mut State, me: usize) -> &'static str {
    let slot = next.processes[me].at;
    if is_living(next.load(me, slot_word(slot))) {
        to_next_slot(scenario, &mut next.processes[me]);
        return "finds somebody in it";
    }
    let process = &mut next.processes[me];
    (process.at, process.slots) = (0, Default::default());
    process.pc = Pc::WakeOthers;
    "finds nobody in it"
}

fn to_next_slot(scenario: &Scenario, process: &mut Process) {
    process.at += 1;
    process.pc = Pc::CompareSlot;
    if process.at == scenario.slots {
        told(process);
    }
}

fn stand_in(next: &mut State, me: usize) -> &'static str {
    let word = next.load(me, Address::Word);
    let process = &mut next.processes[me];
    if is_orphaned(word) {
        (process.pc, process.resume) = (Pc::TryEnter, Pc::ReadDeath);
        return "stands in for a dead owner";
    }
    process.pc = Pc::LookFree;
    "sees no dead owner"
}

fn look_free(next: &mut State, me: usize) -> &'static str {
    let word = next.load(me, Address::Word);
    let process = &mut next.processes[me];
    if word::owner(word).is_some() {
        watches_on(process);
        return "sees that the lock is somebody's";
    }
    process.pending = Pending::Lock;
    (process.pc, process.resume) = (Pc::ReadWatched, Pc::ReadDeath);
    "stands in for a dead releaser"
}
