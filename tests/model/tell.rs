//! Telling watchers of a commit.
//!
//! A releaser does this last, and so does a watcher who stands in for one. `watched` is 0 or the
//! sequence of the newest announcement; those of older ones are awake by the time it is replaced.

use crate::kernel::{self, Futex};
use crate::memory::Address;
use crate::moves::Turn;
use crate::state::{Pc, Process};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Tell {
    ReadWatched,
    ReadSequence,
    WakeWatchers,
    ClearWatched,
}

pub fn step(turn: &mut Turn, step: Tell) {
    match step {
        Tell::ReadWatched => read_watched(turn),
        Tell::ReadSequence => read_sequence(turn),
        Tell::WakeWatchers => wake_watchers(turn),
        Tell::ClearWatched => clear_watched(turn),
    }
}

/// The process tells watchers, then goes on at `resume`.
pub fn start(process: &mut Process, resume: Pc) {
    process.resume = resume;
    process.goto(Pc::Tell(Tell::ReadWatched));
}

fn read_watched(turn: &mut Turn) {
    let mut next = turn.plain();
    let watched = next.memory.get(Address::Watched);
    let process = &mut next.processes[turn.me];
    if watched == 0 {
        process.go_on();
        return turn.ends_as_it_is("sees no watchers", next);
    }
    process.watched = watched;
    turn.ends("sees watchers", next, Pc::Tell(Tell::ReadSequence));
}

/// Watchers of this very sequence have missed nothing yet.
fn read_sequence(turn: &mut Turn) {
    let mut next = turn.plain();
    if turn.process().watched < next.load(turn.me, Address::Sequence) {
        return turn.ends(
            "watchers wait for this commit",
            next,
            Pc::Tell(Tell::WakeWatchers),
        );
    }
    let process = &mut next.processes[turn.me];
    process.watched = 0;
    process.go_on();
    turn.ends_as_it_is("watchers wait for a later commit", next);
}

fn wake_watchers(turn: &mut Turn) {
    let mut next = turn.plain();
    kernel::wake_all(&mut next, turn.me, Futex::Sequence);
    turn.ends("wakes all watchers", next, Pc::Tell(Tell::ClearWatched));
}

fn clear_watched(turn: &mut Turn) {
    let mut next = turn.atomic();
    let process = &mut next.processes[turn.me];
    let served = std::mem::take(&mut process.watched);
    process.go_on();
    if next.memory.get(Address::Watched) == served {
        next.memory.set(Address::Watched, 0);
    }
    turn.ends_as_it_is("clears the announcement it served", next);
}
