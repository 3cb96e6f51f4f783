//! What the kernel does for a thread that was killed.
//!
//! It is taken off the futexes it waits on, one after the other; a wake-up it got is lost with it.
//! Then its robust list and its pending operation are looked at. There is one lock here: an entry
//! of the list that is also the pending one is handled once, as pending, as in `exit_robust_list`.
//!
//! The kernel reads the word on the processor of the dead thread, hence after its last store. It
//! swaps the word with a loop that ends when nothing came between, so reading and swapping are one
//! step; waking is another.

use crate::kernel::{self, Futex};
use crate::memory::Address;
use crate::moves::Turn;
use crate::state::{Pc, Process};
use crate::word::{self, OWNER_DIED, WAITERS};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Death {
    Unqueue,
    FreeLock,
    WakeOne,
}

/// SIGKILL: nothing of the program's own remains but its stores, and what the kernel knows.
pub fn kill(process: &mut Process) {
    let Process {
        buffer,
        pending,
        linked,
        queued,
        ..
    } = *process;
    let pc = Pc::Dying(if queued == 0 {
        Death::FreeLock
    } else {
        Death::Unqueue
    });
    *process = Process {
        pc,
        buffer,
        pending,
        linked,
        queued,
        ..Process::default()
    };
}

pub fn step(turn: &mut Turn, step: Death) {
    match step {
        Death::Unqueue => unqueue(turn),
        Death::FreeLock => free_lock(turn),
        Death::WakeOne => wake_one(turn),
    }
}

fn unqueue(turn: &mut Turn) {
    let mut next = turn.plain();
    let queued = next.processes[turn.me].queued;
    let first = Futex::ALL
        .into_iter()
        .find(|futex| queued & futex.bit() != 0);
    if let Some(futex) = first {
        kernel::unqueue(&mut next, turn.me, futex);
    }
    next.processes[turn.me].woken = 0;
    let process = &next.processes[turn.me];
    let pc = if process.queued == 0 {
        Death::FreeLock
    } else {
        Death::Unqueue
    };
    turn.ends("(dead) is taken off a queue", next, Pc::Dying(pc));
}

fn free_lock(turn: &mut Turn) {
    if !turn.process().buffer.is_empty() {
        return;
    }
    let mut next = turn.plain();
    let Process {
        pending, linked, ..
    } = *turn.process();
    let word = next.memory.get(Address::Word);
    next.processes[turn.me] = Process::default();
    if pending && word::owner(word).is_none() {
        turn.ends(
            "(dead) has a pending lock that is free",
            next,
            Pc::Dying(Death::WakeOne),
        );
    } else if (pending || linked) && word::owner(word) == Some(turn.me) {
        next.memory.set(Address::Word, word & WAITERS | OWNER_DIED);
        let wakes = word::has(word, WAITERS);
        let pc = if wakes {
            Pc::Dying(Death::WakeOne)
        } else {
            Pc::Dead
        };
        turn.ends("(dead) loses its lock: OWNER_DIED", next, pc);
    } else {
        turn.ends("(dead) leaves nothing to free", next, Pc::Dead);
    }
}

fn wake_one(turn: &mut Turn) {
    for (woken, next) in kernel::wake_one(turn.plain(), turn.me, Futex::Word) {
        turn.wakes(
            "(dead) the kernel wakes one on the word",
            woken,
            next,
            Pc::Dead,
        );
    }
}
