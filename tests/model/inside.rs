//! What a locker does while it owns the lock: hold, commit, let go of the list.
//!
//! The value is one more than the last committed one, so a lost commit shows at the next one.

use crate::leave::Leave;
use crate::memory::Address;
use crate::moves::Turn;
use crate::state::Pc;
use crate::tell;
use crate::twins::Twin;
use crate::word_flag::WordFlag;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Inside {
    Link,
    ClearPending,
    Commit,
    /// A small value is committed: the sequence may stay if nobody watches.
    LookForWatchers,
    RaiseSequence,
    SetPending,
    Unlink,
}

pub fn step(turn: &mut Turn, step: Inside) {
    match step {
        Inside::Link => link(turn, true),
        Inside::ClearPending => set_pending(turn, false),
        Inside::Commit => commit(turn),
        Inside::LookForWatchers => look_for_watchers(turn),
        Inside::RaiseSequence => raise_sequence(turn),
        Inside::SetPending => set_pending(turn, true),
        Inside::Unlink => link(turn, false),
    }
}

fn link(turn: &mut Turn, linked: bool) {
    let mut next = turn.plain();
    next.processes[turn.me].linked = linked;
    if linked {
        turn.ends(
            "links the lock into its list",
            next,
            Pc::Inside(Inside::ClearPending),
        );
    } else {
        turn.ends("unlinks the lock", next, release(turn));
    }
}

fn set_pending(turn: &mut Turn, pending: bool) {
    let mut next = turn.plain();
    next.processes[turn.me].pending = pending && !turn.scenario.is(Twin::NoPending);
    if pending {
        turn.ends("pending = lock", next, Pc::Inside(Inside::Unlink));
    } else {
        turn.ends("pending = none", next, Pc::Inside(Inside::Commit));
    }
}

fn commit(turn: &mut Turn) {
    let mut next = turn.plain();
    let value = next.load(turn.me, Address::Value);
    next.store(turn.me, Address::Value, value + 1);
    next.commits += 1;
    let pc = if !turn.scenario.has_watchers() {
        committed(turn)
    } else if turn.scenario.spares_sequence() {
        Pc::Inside(Inside::LookForWatchers)
    } else {
        Pc::Inside(Inside::RaiseSequence)
    };
    turn.ends("commits", next, pc);
}

fn look_for_watchers(turn: &mut Turn) {
    let next = turn.plain();
    if next.memory.get(Address::Watched) == 0 {
        turn.ends("nobody watches", next, committed(turn));
    } else {
        turn.ends("somebody watches", next, Pc::Inside(Inside::RaiseSequence));
    }
}

fn raise_sequence(turn: &mut Turn) {
    let mut next = turn.plain();
    let sequence = next.load(turn.me, Address::Sequence);
    next.store(turn.me, Address::Sequence, sequence + 1);
    let committed = committed(turn);
    next.processes[turn.me].goto(committed);
    if turn.scenario.is(Twin::TellsBeforeRelease) {
        tell::start(&mut next.processes[turn.me], committed);
    }
    turn.ends_as_it_is("sequence += 1", next);
}

fn committed(turn: &Turn) -> Pc {
    if turn.role().holds_by_list() {
        Pc::Inside(Inside::SetPending)
    } else {
        release(turn)
    }
}

fn release(turn: &Turn) -> Pc {
    if turn.scenario.twin.is_some_and(Twin::keeps_flag_in_word) {
        Pc::WordFlag(WordFlag::Release)
    } else {
        Pc::Leave(Leave::Release)
    }
}
