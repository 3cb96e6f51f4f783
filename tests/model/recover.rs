//! Recovery after a dead owner, and the repair of the sleepers' count.
//!
//! A killed sleeper leaves the count too high. Repair sets it to zero and moves the generation in
//! one atomic step, then wakes everybody of the old generation; whoever was about to sleep in it
//! sees that it has ended. Recovery repairs too, because the dead owner may have been a repairer
//! between the two.

use crate::enter;
use crate::kernel::{self, Futex};
use crate::leave::Leave;
use crate::memory::Address;
use crate::moves::Turn;
use crate::scenario::Scenario;
use crate::state::{Pc, State};
use crate::twins::Twin;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Recover {
    CountRecovery,
    RaiseSequence,
    WakeWatchers,
    ZeroCount,
    WakeSleepers,
}

pub fn first_step(scenario: &Scenario) -> Pc {
    let step = if scenario.has_watchers() {
        Recover::CountRecovery
    } else {
        Recover::ZeroCount
    };
    Pc::Recover(step)
}

pub fn step(turn: &mut Turn, step: Recover) {
    match step {
        Recover::CountRecovery => count_recovery(turn),
        Recover::RaiseSequence => raise_sequence(turn),
        Recover::WakeWatchers => wake_watchers(turn),
        Recover::ZeroCount => zero_count(turn),
        Recover::WakeSleepers => wake_sleepers(turn),
    }
}

/// What a recovery changes for watchers to see; here the predicate counts recoveries.
fn count_recovery(turn: &mut Turn) {
    let mut next = turn.plain();
    let recoveries = next.load(turn.me, Address::Recoveries);
    next.store(turn.me, Address::Recoveries, recoveries + 1);
    turn.ends(
        "counts the recovery",
        next,
        Pc::Recover(Recover::RaiseSequence),
    );
}

/// By two: the low bit names the current copy of a large value and stays.
fn raise_sequence(turn: &mut Turn) {
    let mut next = turn.plain();
    if !turn.scenario.is(Twin::RecoveryIsSilent) {
        let sequence = next.load(turn.me, Address::Sequence);
        next.store(turn.me, Address::Sequence, sequence + 2);
    }
    turn.ends("sequence += 2", next, Pc::Recover(Recover::WakeWatchers));
}

fn wake_watchers(turn: &mut Turn) {
    let mut next = turn.plain();
    if !turn.scenario.is(Twin::RecoveryIsSilent) {
        kernel::wake_all(&mut next, turn.me, Futex::Sequence);
    }
    turn.ends(
        "wakes all on the sequence",
        next,
        Pc::Recover(Recover::ZeroCount),
    );
}

fn zero_count(turn: &mut Turn) {
    let mut next = turn.atomic();
    if turn.scenario.is(Twin::RecoveryDoesNotRepair) && turn.process().owner_died {
        recovered(turn, &mut next);
        return turn.ends_as_it_is("(does not repair)", next);
    }
    next.memory.set(Address::Count, 0);
    if !turn.scenario.is(Twin::GenerationStays) {
        let generation = next.memory.get(Address::Generation);
        next.memory.set(Address::Generation, generation + 1);
    }
    turn.ends(
        "repairs: count = 0, generation += 1",
        next,
        Pc::Recover(Recover::WakeSleepers),
    );
}

fn wake_sleepers(turn: &mut Turn) {
    let mut next = turn.plain();
    kernel::wake_all(&mut next, turn.me, Futex::Generation);
    recovered(turn, &mut next);
    turn.ends_as_it_is("repairs: wakes all on the generation", next);
}

/// An heir goes on into the lock; who only took it to repair lets it go again.
fn recovered(turn: &Turn, next: &mut State) {
    let process = &mut next.processes[turn.me];
    let inherited = std::mem::take(&mut process.owner_died);
    process.goto(if inherited {
        enter::first_step_inside(turn.role())
    } else {
        Pc::Leave(Leave::ReleaseRepaired)
    });
}
