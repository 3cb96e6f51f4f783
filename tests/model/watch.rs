//! Waiting for a change of the value without the lock: announce, make that visible, look, sleep.
//! The sleep itself compares the sequence again.
//!
//! `watched` names the newest sequence that somebody waits to see change. A killed watcher leaves
//! it behind, which costs one wake-up too many.

use crate::doze::Doze;
use crate::enter::{self, Enter};
use crate::kernel::{self, Futex};
use crate::memory::{Address, Memory};
use crate::moves::Turn;
use crate::scenario::{Kind, Release, Role};
use crate::state::{Pc, Process, State};
use crate::twins::Twin;
use crate::word::{self, OWNER_DIED};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Watch {
    /// pending = lock
    Arm,
    LookForDeath,
    ReadSequence,
    Announce,
    /// Somebody waits for a commit that is there already.
    WakeOlder,
    Replace,
    ReadRecoveries,
    ReadValue,
}

pub fn step(turn: &mut Turn, step: Watch) {
    match step {
        Watch::Arm => arm(turn),
        Watch::LookForDeath => look_for_death(turn),
        Watch::ReadSequence => read_sequence(turn),
        Watch::Announce => announce(turn),
        Watch::WakeOlder => wake_older(turn),
        Watch::Replace => replace(turn),
        Watch::ReadRecoveries => read_recoveries(turn),
        Watch::ReadValue => read_value(turn),
    }
}

/// What a watcher waits for. Recoveries count, so that a death is something to learn of.
fn predicate(role: Role, value: u8, recoveries: u8) -> bool {
    match role.kind {
        Kind::Watcher { target } => value + recoveries >= target,
        Kind::Locker { .. } => false,
    }
}

/// Nothing is kept from a watcher that may sleep for ever: its predicate is false, and no dead
/// owner waits to be recovered.
pub fn may_sleep_for_ever(process: &Process, role: Role, memory: &Memory) -> bool {
    let word = memory.get(Address::Word);
    process.pc == Pc::Doze(Doze::Asleep)
        && !predicate(
            role,
            memory.get(Address::Value),
            memory.get(Address::Recoveries),
        )
        && !(word::owner(word).is_none() && word::has(word, OWNER_DIED))
}

fn arm(turn: &mut Turn) {
    let mut next = turn.plain();
    next.processes[turn.me].pending = true;
    turn.ends("pending = lock", next, Pc::Watch(Watch::LookForDeath));
}

fn look_for_death(turn: &mut Turn) {
    let mut next = turn.plain();
    let word = next.load(turn.me, Address::Word);
    forget_what_it_saw(&mut next.processes[turn.me]);
    if word::owner(word).is_none() && word::has(word, OWNER_DIED) {
        turn.ends("sees a dead owner", next, Pc::Enter(Enter::Take));
    } else {
        next.processes[turn.me].word = word;
        turn.ends("sees no dead owner", next, Pc::Watch(Watch::ReadSequence));
    }
}

pub fn forget_what_it_saw(process: &mut Process) {
    process.word = 0;
    process.sequence = 0;
}

fn read_sequence(turn: &mut Turn) {
    let mut next = turn.plain();
    next.processes[turn.me].sequence = next.load(turn.me, Address::Sequence);
    turn.ends("reads the sequence", next, Pc::Watch(Watch::Announce));
}

/// An older announcement may only be replaced once whoever made it has been woken.
fn announce(turn: &mut Turn) {
    let sequence = turn.process().sequence;
    let watched = turn.atomic().memory.get(Address::Watched);
    if watched != 0 && watched < sequence && !turn.scenario.is(Twin::NewerHidesOlder) {
        let mut next = turn.plain();
        next.processes[turn.me].watched = watched;
        return turn.ends(
            "sees an older announcement",
            next,
            Pc::Watch(Watch::WakeOlder),
        );
    }
    announced(turn, turn.atomic(), "announces itself");
}

/// Everybody of the older announcement sleeps already, and is woken, or will see that the sequence
/// has moved.
fn wake_older(turn: &mut Turn) {
    let mut next = turn.plain();
    kernel::wake_all(&mut next, turn.me, Futex::Sequence);
    turn.ends("wakes the older watchers", next, Pc::Watch(Watch::Replace));
}

fn replace(turn: &mut Turn) {
    let mut next = turn.atomic();
    let older = std::mem::take(&mut next.processes[turn.me].watched);
    if next.memory.get(Address::Watched) == older {
        announced(turn, next, "replaces the older announcement");
    } else {
        turn.ends(
            "the announcement has changed",
            next,
            Pc::Watch(Watch::Announce),
        );
    }
}

fn announced(turn: &mut Turn, mut next: State, what: &'static str) {
    let watched = next
        .memory
        .get(Address::Watched)
        .max(turn.process().sequence);
    next.memory.set(Address::Watched, watched);
    let then = Pc::Watch(Watch::ReadRecoveries);
    next.processes[turn.me].goto(then);
    if turn.scenario.release == Release::Plain && !turn.scenario.is(Twin::WatcherWithoutMembarrier)
    {
        kernel::start_membarrier(&mut next, turn.me, then);
    }
    turn.ends_as_it_is(what, next);
}

fn read_recoveries(turn: &mut Turn) {
    let mut next = turn.plain();
    next.processes[turn.me].recoveries = next.load(turn.me, Address::Recoveries);
    turn.ends("reads the recoveries", next, Pc::Watch(Watch::ReadValue));
}

/// pending = none after a load is one step with it: a kill between the two leaves what a kill
/// before the load does.
fn read_value(turn: &mut Turn) {
    let mut next = turn.plain();
    let recoveries = std::mem::take(&mut next.processes[turn.me].recoveries);
    if predicate(turn.role(), next.load(turn.me, Address::Value), recoveries) {
        enter::next_round(&mut next.processes[turn.me]);
        turn.ends_as_it_is("its predicate is true", next);
    } else {
        turn.ends("its predicate is false", next, Pc::Doze(Doze::QueueFirst));
    }
}
