//! Letting the lock go, and waking whoever waits for it or for its value.
//!
//! `misses`, the count of wake-ups that found nobody, is a heuristic that any process writes at any
//! time; so every miss may or may not lead to a repair here, which covers every number of misses.

use crate::enter;
use crate::kernel::{self, Futex};
use crate::memory::Address;
use crate::moves::Turn;
use crate::recover::Recover;
use crate::scenario::Release;
use crate::state::{Pc, State};
use crate::tell;
use crate::twins::Twin;
use crate::watch::Watch;
use crate::word::{self, UNLOCKED, WAITERS};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Leave {
    Release,
    ReadCount,
    /// The twin with a flag clears it before it wakes.
    ClearFlag,
    WakeSleeper,
    RetakeToRepair,
    ReleaseRepaired,
    ReadCountAgain,
    WakeSleeperAgain,
    Tell,
    /// pending = none
    Done,
}

impl Leave {
    pub fn owns_the_lock(self) -> bool {
        matches!(self, Self::Release | Self::ReleaseRepaired)
    }
}

pub fn step(turn: &mut Turn, step: Leave) {
    match step {
        Leave::Release => release(turn),
        Leave::ReadCount => read_count(turn),
        Leave::ClearFlag => clear_flag(turn),
        Leave::WakeSleeper => wake_sleeper(turn),
        Leave::RetakeToRepair => retake_to_repair(turn),
        Leave::ReleaseRepaired => release_repaired(turn),
        Leave::ReadCountAgain => read_count_again(turn),
        Leave::WakeSleeperAgain => wake_sleeper_again(turn),
        Leave::Tell => tell(turn),
        Leave::Done => done(turn),
    }
}

fn release(turn: &mut Turn) {
    let pc = Pc::Leave(Leave::ReadCount);
    match turn.scenario.release {
        Release::Plain => {
            let mut next = turn.plain();
            next.store(turn.me, Address::Word, UNLOCKED);
            turn.ends("releases (the store waits in its buffer)", next, pc);
        }
        Release::Exchange => {
            let mut next = turn.atomic();
            next.memory.set(Address::Word, UNLOCKED);
            turn.ends("releases", next, pc);
        }
    }
}

fn read_count(turn: &mut Turn) {
    let next = turn.plain();
    if next.memory.get(Address::Count) == 0 {
        turn.ends("sees no sleepers", next, after_sleepers(turn));
    } else if turn.scenario.is(Twin::FlagClearedByReleaser) {
        turn.ends("sees the flag", next, Pc::Leave(Leave::ClearFlag));
    } else {
        turn.ends("sees sleepers", next, Pc::Leave(Leave::WakeSleeper));
    }
}

fn clear_flag(turn: &mut Turn) {
    let mut next = turn.atomic();
    next.memory.set(Address::Count, 0);
    turn.ends("clears the flag", next, Pc::Leave(Leave::WakeSleeper));
}

/// Regular wake-ups go to the generation; only the kernel wakes on the word.
fn wake_sleeper(turn: &mut Turn) {
    let after = after_sleepers(turn);
    for (woken, next) in kernel::wake_one(turn.plain(), turn.me, Futex::Generation) {
        turn.wakes("wakes one sleeper", woken, next, after);
        if woken.is_none() && !turn.scenario.is(Twin::FlagClearedByReleaser) {
            let pc = Pc::Leave(Leave::RetakeToRepair);
            turn.wakes("wakes one sleeper, once too often in vain", woken, next, pc);
        }
    }
}

fn retake_to_repair(turn: &mut Turn) {
    let mut next = turn.atomic();
    if next.memory.get(Address::Word) == UNLOCKED {
        next.memory
            .set(Address::Word, word::owned_by(turn.me) | WAITERS);
        turn.ends(
            "takes the lock to repair",
            next,
            Pc::Recover(Recover::ZeroCount),
        );
    } else {
        turn.ends(
            "leaves the repair to the new owner",
            next,
            after_sleepers(turn),
        );
    }
}

/// Always an exchange: a repair is rare.
fn release_repaired(turn: &mut Turn) {
    let mut next = turn.atomic();
    next.memory.set(Address::Word, UNLOCKED);
    turn.ends(
        "releases after the repair",
        next,
        Pc::Leave(Leave::ReadCountAgain),
    );
}

fn read_count_again(turn: &mut Turn) {
    let next = turn.plain();
    if next.memory.get(Address::Count) == 0 {
        turn.ends("sees no sleepers", next, after_sleepers(turn));
    } else {
        turn.ends("sees sleepers", next, Pc::Leave(Leave::WakeSleeperAgain));
    }
}

fn wake_sleeper_again(turn: &mut Turn) {
    let after = after_sleepers(turn);
    for (woken, next) in kernel::wake_one(turn.plain(), turn.me, Futex::Generation) {
        turn.wakes("wakes one sleeper", woken, next, after);
    }
}

fn after_sleepers(turn: &Turn) -> Pc {
    let tells = turn.scenario.has_watchers() && !turn.scenario.is(Twin::TellsBeforeRelease);
    Pc::Leave(if tells { Leave::Tell } else { Leave::Done })
}

fn tell(turn: &mut Turn) {
    let mut next = turn.plain();
    tell::start(&mut next.processes[turn.me], Pc::Leave(Leave::Done));
    turn.ends_as_it_is("turns to the watchers", next);
}

/// pending = none. A watcher that only passed the lock on goes back to its watch.
fn done(turn: &mut Turn) {
    let next = turn.plain();
    if turn.role().is_watcher() {
        back_to_watch(turn, next);
    } else {
        finish_round(turn, next);
    }
}

fn back_to_watch(turn: &mut Turn, mut next: State) {
    next.processes[turn.me].pending = false;
    let forgetful = turn.scenario.is(Twin::WatcherForgetsPending);
    let pc = if forgetful {
        Watch::LookForDeath
    } else {
        Watch::Arm
    };
    turn.ends("pending = none", next, Pc::Watch(pc));
}

pub fn finish_round(turn: &mut Turn, mut next: State) {
    enter::next_round(&mut next.processes[turn.me]);
    turn.ends_as_it_is("pending = none: round done", next);
}
