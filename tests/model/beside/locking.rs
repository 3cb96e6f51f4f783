//! The state's lock: taken, recovered, left; and who leaves it tells watchers of a commit.

use super::leave::leaving;
use super::machine::{self, Step};
use super::state::{
    ARRIVED, NAMED, Pc, Pending, Process, SEQUENCE, State, WORD, is_living, is_orphaned, slot_note,
    slot_word,
};
use super::wait::{finish, watches_on};
use super::{Role, Scenario, Twin};
use crate::memory::Address;
use crate::scenario::{Release, Size};
use crate::word::{self, OWNER_DIED, WAITERS};

pub fn step(scenario: &Scenario, state: &State, me: usize) -> Option<Step> {
    let mut next = *state;
    let what = match state.processes[me].pc {
        Pc::Enter => enter(scenario, &mut next, me),
        Pc::Held => held(&mut next, me)?,
        Pc::TryEnter => try_enter(scenario, &mut next, me),
        Pc::Recover => recover(&mut next, me),
        Pc::WakeRecovered => {
            machine::wake_all(&mut next, me, SEQUENCE);
            next.processes[me].pc = inside(scenario, &next.processes[me], me);
            "wakes all on the sequence"
        }
        Pc::ClaimInside => claim_inside(scenario, &mut next, me),
        Pc::WriteNote => write_note(scenario, &mut next, me),
        Pc::CommitValue => {
            let value = next.load(me, Address::Value);
            next.store(me, Address::Value, value + 1);
            next.processes[me].pc = commit_sequence(scenario);
            "commits"
        }
        Pc::LookBeforeSequence => {
            let is_watched = next.shared.memory.get(Address::Watched) != 0;
            next.processes[me].pc = match is_watched {
                true => Pc::CommitSequence,
                false => Pc::Release,
            };
            "looks whether somebody watches"
        }
        Pc::CommitSequence => {
            let sequence = next.load(me, Address::Sequence);
            next.store(me, Address::Sequence, sequence + 1);
            next.processes[me].pc = Pc::Release;
            "sequence += 1"
        }
        Pc::Release => {
            next.release(scenario, me, Address::Word);
            next.processes[me].pc = Pc::ReadWatched;
            "releases the lock"
        }
        Pc::ReadWatched => read_watched(&mut next, me),
        Pc::CompareWatched => compare_watched(&mut next, me),
        Pc::WakeWatchers => {
            machine::wake_all(&mut next, me, SEQUENCE);
            next.processes[me].pc = Pc::ClearWatched;
            "wakes all watchers"
        }
        Pc::ClearWatched => clear_watched(&mut next, me),
        _ => return None,
    };
    Some((what, None, next))
}

/// A large state's sequence names its place; a small one's may stay if nobody watches.
fn commit_sequence(scenario: &Scenario) -> Pc {
    match (scenario.release, scenario.size) {
        (Release::Plain, Size::Small) => Pc::LookBeforeSequence,
        _ => Pc::CommitSequence,
    }
}

fn take(scenario: &Scenario, next: &mut State, me: usize) -> bool {
    next.drain(me);
    let word = next.shared.memory.get(Address::Word);
    if word::owner(word).is_some() {
        return false;
    }
    next.set(Address::Word, word::owned_by(me) | WAITERS);
    let pc = match word::has(word, OWNER_DIED) {
        true => Pc::Recover,
        false => inside(scenario, &next.processes[me], me),
    };
    next.processes[me].pc = pc;
    true
}

/// What it took the lock for.
fn inside(scenario: &Scenario, process: &Process, me: usize) -> Pc {
    match scenario.roles[me] {
        _ if process.resume == Pc::ReadDeath => Pc::Release,
        Role::Commits => Pc::CommitValue,
        Role::Begins | Role::Joins | Role::Visits if process.resume == Pc::Dead => Pc::ClaimInside,
        Role::Locks => Pc::Release,
        _ => commit_sequence(scenario),
    }
}

/// Pending before it is taken: in between, a kill has the kernel wake somebody for nothing.
fn enter(scenario: &Scenario, next: &mut State, me: usize) -> &'static str {
    let process = &mut next.processes[me];
    process.pending = Pending::Lock;
    if take(scenario, next, me) {
        return "takes the lock";
    }
    let word = next.shared.memory.get(Address::Word);
    machine::queue(next, me, (WORD, Address::Word), word);
    next.processes[me].pc = Pc::Held;
    "finds the lock taken, and sleeps for it"
}

/// Whoever releases wakes it, so it wakes when the lock is free. Until it runs it is queued.
fn held(next: &mut State, me: usize) -> Option<&'static str> {
    let is_free = word::owner(next.shared.memory.get(Address::Word)).is_none();
    let process = &mut next.processes[me];
    if process.woken == 0 && !is_free {
        return None;
    }
    (process.queued, process.woken) = (0, 0);
    process.pc = Pc::Enter;
    Some("is awake, for the lock")
}

/// Takes a slot that nobody is in; the lock stays protected as the pending one does. Who would join finds
/// first that one is dead who had arrived, and commits that instead.
fn claim_inside(scenario: &Scenario, next: &mut State, me: usize) -> &'static str {
    let role = scenario.roles[me];
    next.drain(me);
    let get = |address| next.shared.memory.get(address);
    let has_died = |slot| is_orphaned(get(slot_word(slot))) && get(slot_note(slot)) == ARRIVED;
    if role != Role::Begins && (0..scenario.slots).any(has_died) {
        next.processes[me].pc = Pc::CommitValue;
        return "finds that somebody died";
    }
    // A task is begun where nobody died; a party joins wherever nobody lives.
    let is_free = |word| !is_living(word) && (role != Role::Begins || !is_orphaned(word));
    let Some(slot) = (0..scenario.slots).find(|slot| is_free(get(slot_word(*slot)))) else {
        next.processes[me].pc = Pc::Release;
        return "finds no free slot";
    };
    let was_dead = is_orphaned(get(slot_word(slot)));
    next.set(slot_note(slot), 0);
    next.set(slot_word(slot), word::owned_by(me) | WAITERS);
    let process = &mut next.processes[me];
    process.linked = Some(slot);
    process.value = u8::from(was_dead);
    process.pc = Pc::WriteNote;
    process.resume = match role {
        Role::Joins => Pc::ReadDeath,
        _ => leaving(scenario),
    };
    "takes a slot"
}

/// A task's number, that a party has arrived, or who has a seat.
fn write_note(scenario: &Scenario, next: &mut State, me: usize) -> &'static str {
    let slot = next.processes[me].linked.expect("it is in a slot");
    let was_dead = std::mem::take(&mut next.processes[me].value) != 0;
    let (note, pc) = match scenario.roles[me] {
        Role::Joins if was_dead => (ARRIVED, commit_sequence(scenario)),
        Role::Joins => (ARRIVED, Pc::Release),
        Role::Visits => (NAMED, commit_sequence(scenario)),
        _ => (next.load(me, Address::Value) + 1, Pc::CommitValue),
    };
    next.store(me, slot_note(slot), note);
    next.processes[me].pc = match pc {
        Pc::CommitSequence | Pc::LookBeforeSequence if scenario.is(Twin::JoinsSilently) => {
            Pc::Release
        }
        pc => pc,
    };
    "writes its note"
}

fn try_enter(scenario: &Scenario, next: &mut State, me: usize) -> &'static str {
    next.processes[me].pending = Pending::Lock;
    if take(scenario, next, me) {
        return "takes the lock";
    }
    goes_on(&mut next.processes[me]);
    "finds the lock taken, pending = none"
}

fn recover(next: &mut State, me: usize) -> &'static str {
    next.drain(me);
    let sequence = next.shared.memory.get(Address::Sequence);
    next.set(Address::Sequence, sequence + 2);
    next.processes[me].pc = Pc::WakeRecovered;
    "recovers: sequence += 2"
}

/// Nothing is pending any more.
fn goes_on(process: &mut Process) {
    match process.resume {
        Pc::ReadDeath => watches_on(process),
        Pc::Leave | Pc::LookEarly => {
            let pc = process.resume;
            finish(process);
            process.pc = pc;
        }
        _ => finish(process),
    }
}

fn read_watched(next: &mut State, me: usize) -> &'static str {
    let watched = next.shared.memory.get(Address::Watched);
    let process = &mut next.processes[me];
    if watched == 0 {
        goes_on(process);
        return "sees no watchers, pending = none";
    }
    (process.watched, process.pc) = (watched, Pc::CompareWatched);
    "sees watchers"
}

fn compare_watched(next: &mut State, me: usize) -> &'static str {
    let sequence = next.load(me, Address::Sequence);
    let process = &mut next.processes[me];
    if process.watched <= sequence {
        process.pc = Pc::WakeWatchers;
        return "watchers wait for this commit";
    }
    goes_on(process);
    "watchers wait for a later commit, pending = none"
}

fn clear_watched(next: &mut State, me: usize) -> &'static str {
    next.drain(me);
    let served = next.processes[me].watched;
    if next.shared.memory.get(Address::Watched) == served {
        next.set(Address::Watched, 0);
    }
    goes_on(&mut next.processes[me]);
    "clears the announcement it served, pending = none"
}
