//! Claiming a slot, and `leave_slot`.

use super::machine::{self, Step};
use super::state::{Pc, Pending, SEQUENCE, State, is_living, slot_word};
use super::wait::finish;
use super::{Scenario, Twin};
use crate::memory::Address;
use crate::word::{self, WAITERS};

pub fn step(scenario: &Scenario, state: &State, me: usize) -> Option<Step> {
    let mut next = *state;
    let what = match state.processes[me].pc {
        Pc::Claim => claim(scenario, &mut next, me),
        Pc::LookEarly => look_early(&mut next, me),
        Pc::Leave => leave(scenario, &mut next, me),
        Pc::LookForWatchers => look_for_watchers(&mut next, me),
        Pc::WakeSleepers => wake_sleepers(&mut next, me),
        _ => return None,
    };
    Some((what, None, next))
}

/// Looks for a free slot from the first to the last, and takes it. Pending, taken, linked, pending no more
/// is one step: killed in between, the kernel does the same as behind it.
fn claim(scenario: &Scenario, next: &mut State, me: usize) -> &'static str {
    let slot = next.processes[me].at;
    if is_living(next.load(me, slot_word(slot))) {
        let process = &mut next.processes[me];
        process.at += 1;
        if process.at == scenario.slots {
            (process.at, process.pc) = (0, Pc::ReadDeath);
        }
        return "finds a slot taken";
    }
    next.drain(me);
    next.set(slot_word(slot), word::owned_by(me) | WAITERS);
    let process = &mut next.processes[me];
    (process.at, process.linked) = (0, Some(slot));
    process.pc = leaving(scenario);
    "takes a slot"
}

pub fn leaving(scenario: &Scenario) -> Pc {
    match scenario.twin {
        Some(Twin::LooksBeforeLeaving) => Pc::LookEarly,
        _ => Pc::Leave,
    }
}

fn look_early(next: &mut State, me: usize) -> &'static str {
    let watched = next.shared.memory.get(Address::Watched);
    next.processes[me].watched = watched;
    next.processes[me].pc = Pc::Leave;
    "looks for watchers"
}

/// Pending, unlinked, stored is one step: killed in between, the kernel does what it does for one who is
/// in the slot.
fn leave(scenario: &Scenario, next: &mut State, me: usize) -> &'static str {
    let slot = next.processes[me].linked.expect("it is in a slot");
    let process = &mut next.processes[me];
    process.linked = None;
    process.pending = match scenario.is(Twin::PendingTooShort) {
        true => Pending::Nothing,
        false => Pending::Slot(slot),
    };
    next.release(scenario, me, slot_word(slot));
    let process = &mut next.processes[me];
    if !scenario.is(Twin::LooksBeforeLeaving) {
        process.pc = Pc::LookForWatchers;
    } else if std::mem::take(&mut process.watched) == 0 {
        finish(process);
    } else {
        process.pc = Pc::WakeSleepers;
    }
    "leaves its slot"
}

fn look_for_watchers(next: &mut State, me: usize) -> &'static str {
    let process = &mut next.processes[me];
    if next.shared.memory.get(Address::Watched) == 0 {
        finish(process);
        return "sees no watchers, pending = none";
    }
    process.pc = Pc::WakeSleepers;
    "sees watchers"
}

fn wake_sleepers(next: &mut State, me: usize) -> &'static str {
    let was_one_asleep = machine::wake_all(next, me, SEQUENCE);
    let process = &mut next.processes[me];
    if was_one_asleep {
        finish(process);
        return "wakes who sleeps on the sequence, pending = none";
    }
    (process.pc, process.resume) = (Pc::TryEnter, Pc::Finished);
    "finds nobody asleep"
}
