//! The two twins that keep the sleepers' flag, `WAITERS`, in the word itself.
//!
//! A thread that has slept takes the lock with the flag, since others may sleep too; sleepers set it
//! in an owned word. The twins differ in how it goes: with every release, or when nobody woke.

use crate::enter;
use crate::kernel::{self, Futex};
use crate::leave;
use crate::memory::Address;
use crate::moves::Turn;
use crate::state::Pc;
use crate::twins::Twin;
use crate::word::{self, UNLOCKED, WAITERS};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum WordFlag {
    Look,
    Queue,
    Asleep,
    Release,
    WakeSleeper,
    ClearFlag,
    WakeWhoCameBetween,
    Done,
}

pub fn step(turn: &mut Turn, step: WordFlag) {
    match step {
        WordFlag::Look => look(turn),
        WordFlag::Queue => queue(turn),
        WordFlag::Asleep => asleep(turn),
        WordFlag::Release => release(turn),
        WordFlag::WakeSleeper => wake_sleeper(turn),
        WordFlag::ClearFlag => clear_flag(turn),
        WordFlag::WakeWhoCameBetween => wake_who_came_between(turn),
        WordFlag::Done => done(turn),
    }
}

fn look(turn: &mut Turn) {
    let mut next = turn.atomic();
    let word = next.memory.get(Address::Word);
    let process = &mut next.processes[turn.me];
    if word::owner(word).is_some() {
        process.word = word | WAITERS;
        next.memory.set(Address::Word, word | WAITERS);
        return turn.ends(
            "sets the flag in the owned word",
            next,
            Pc::WordFlag(WordFlag::Queue),
        );
    }
    let flag = if std::mem::take(&mut process.slept) {
        WAITERS
    } else {
        word & WAITERS
    };
    next.memory
        .set(Address::Word, word::owned_by(turn.me) | flag);
    turn.ends(
        "takes the lock",
        next,
        enter::first_step_inside(turn.role()),
    );
}

fn queue(turn: &mut Turn) {
    let mut next = turn.plain();
    let queued = kernel::queue(&mut next, turn.me, Futex::Word, turn.process().word);
    next.processes[turn.me].word = 0;
    if queued {
        turn.ends("sleeps on the word", next, Pc::WordFlag(WordFlag::Asleep));
    } else {
        next.processes[turn.me].slept = true;
        turn.ends("the word has changed", next, Pc::WordFlag(WordFlag::Look));
    }
}

fn asleep(turn: &mut Turn) {
    if turn.process().woken != 0 {
        let mut next = turn.plain();
        next.processes[turn.me].woken = 0;
        next.processes[turn.me].slept = true;
        turn.ends("is awake", next, Pc::WordFlag(WordFlag::Look));
    }
}

fn release(turn: &mut Turn) {
    let mut next = turn.atomic();
    let flag = next.memory.get(Address::Word) & WAITERS;
    let keeps = turn.scenario.is(Twin::ClearedWaiters);
    next.memory
        .set(Address::Word, if keeps { flag } else { UNLOCKED });
    let pc = if flag == 0 {
        WordFlag::Done
    } else {
        WordFlag::WakeSleeper
    };
    turn.ends("releases", next, Pc::WordFlag(pc));
}

fn wake_sleeper(turn: &mut Turn) {
    for (woken, next) in kernel::wake_one(turn.plain(), turn.me, Futex::Word) {
        let clears = woken.is_none() && turn.scenario.is(Twin::ClearedWaiters);
        let pc = if clears {
            WordFlag::ClearFlag
        } else {
            WordFlag::Done
        };
        turn.wakes("wakes one sleeper", woken, next, Pc::WordFlag(pc));
    }
}

/// The word may have another owner by now, and that owner a sleeper who relies on the flag.
fn clear_flag(turn: &mut Turn) {
    let mut next = turn.atomic();
    let word = next.memory.get(Address::Word);
    next.memory.set(Address::Word, word & !WAITERS);
    turn.ends(
        "clears the flag",
        next,
        Pc::WordFlag(WordFlag::WakeWhoCameBetween),
    );
}

fn wake_who_came_between(turn: &mut Turn) {
    for (woken, next) in kernel::wake_one(turn.plain(), turn.me, Futex::Word) {
        turn.wakes(
            "wakes whoever came between",
            woken,
            next,
            Pc::WordFlag(WordFlag::Done),
        );
    }
}

fn done(turn: &mut Turn) {
    let next = turn.plain();
    leave::finish_round(turn, next);
}
