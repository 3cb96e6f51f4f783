//! Taking the lock: announce, try, look, register, look again, sleep.
//!
//! Three merges, each of which leaves out no behaviour that others or the kernel could tell apart:
//! - A load and the private branches that follow it are one step. The kill points before and after
//!   the branch are the same one, because the kernel reads neither locals nor the program counter.
//! - A loop of load and compare-and-swap that ends when nothing came between is one atomic step;
//!   a failed swap changes nothing but the own buffer, which may empty itself at any time anyway.
//! - Spinning is left out: looking again before sleeping is looking later.

use crate::inside::Inside;
use crate::leave::Leave;
use crate::memory::Address;
use crate::moves::Turn;
use crate::recover;
use crate::scenario::{Kind, Role};
use crate::sleep::Sleep;
use crate::state::{Pc, Process, State};
use crate::twins::Twin;
use crate::word::{self, OWNER_DIED, UNLOCKED, WAITERS};
use crate::word_flag::WordFlag;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Enter {
    /// pending = lock
    Announce,
    /// The fast path: one compare-and-swap.
    Take,
    Look,
    /// A timed wait ran out: pending = none.
    GiveUp,
}

pub fn step(turn: &mut Turn, step: Enter) {
    match step {
        Enter::Announce => announce(turn),
        Enter::Take => take(turn),
        Enter::Look => look(turn),
        Enter::GiveUp => give_up(turn),
    }
}

fn announce(turn: &mut Turn) {
    let mut next = turn.plain();
    next.processes[turn.me].pending = !turn.scenario.is(Twin::NoPending);
    let word_flag = turn.scenario.twin.is_some_and(Twin::keeps_flag_in_word);
    let pc = if word_flag {
        Pc::WordFlag(WordFlag::Look)
    } else {
        Pc::Enter(Enter::Take)
    };
    turn.ends("pending = lock", next, pc);
}

fn take(turn: &mut Turn) {
    let mut next = turn.atomic();
    let word = next.memory.get(Address::Word);
    if word == UNLOCKED || turn.scenario.is(Twin::LocksNothing) {
        acquire(turn, &mut next);
        turn.ends_as_it_is("takes the lock", next);
    } else {
        turn.ends("finds the lock taken", next, Pc::Enter(Enter::Look));
    }
}

fn look(turn: &mut Turn) {
    let word = turn.state.load(turn.me, Address::Word);
    if word::owner(word).is_none() {
        let mut next = turn.atomic();
        acquire(turn, &mut next);
        return turn.ends_as_it_is("looks, and takes the free lock", next);
    }
    let mut next = turn.plain();
    let registered = turn.process().registered.is_some();
    if turn.role().timed {
        run_out(turn);
    }
    if registered {
        next.processes[turn.me].word = word;
        turn.ends("looks: taken", next, Pc::Sleep(Sleep::CheckGeneration));
    } else {
        turn.ends("looks: taken", next, Pc::Sleep(Sleep::Register));
    }
}

/// The deadline is a clock, not a state: it may have passed whenever the lock is seen taken.
fn run_out(turn: &mut Turn) {
    let mut next = turn.plain();
    let process = &mut next.processes[turn.me];
    let give_up = Pc::Enter(Enter::GiveUp);
    if process.registered.is_some() {
        process.resume = give_up;
        turn.times_out(
            "looks: taken, and the time is up",
            next,
            Pc::Sleep(Sleep::Unregister),
        );
    } else {
        turn.times_out("looks: taken, and the time is up", next, give_up);
    }
}

/// Takes the free word in `next` and says where its new owner goes on.
pub fn acquire(turn: &Turn, next: &mut State) {
    let died = word::has(next.memory.get(Address::Word), OWNER_DIED);
    next.memory
        .set(Address::Word, word::owned_by(turn.me) | WAITERS);
    let inside = if died {
        recover::first_step(turn.scenario)
    } else {
        first_step_inside(turn.role())
    };
    let process = &mut next.processes[turn.me];
    process.owner_died = died;
    if process.registered.is_some() {
        process.resume = inside;
        process.goto(Pc::Sleep(Sleep::Unregister));
    } else {
        process.goto(inside);
    }
}

/// A watcher that got the lock passes it on; it has nothing to commit.
pub fn first_step_inside(role: Role) -> Pc {
    match role.kind {
        Kind::Watcher { .. } => Pc::Leave(Leave::Release),
        Kind::Locker { .. } if role.holds_by_list() => Pc::Inside(Inside::Link),
        Kind::Locker { .. } => Pc::Inside(Inside::Commit),
    }
}

fn give_up(turn: &mut Turn) {
    let mut next = turn.plain();
    next_round(&mut next.processes[turn.me]);
    turn.ends_as_it_is("pending = none, and gives up", next);
}

/// pending = none, and once more from the start if there is a round left.
pub fn next_round(process: &mut Process) {
    let Process { buffer, rounds, .. } = *process;
    let rounds = rounds - 1;
    let pc = if rounds == 0 {
        Pc::Finished
    } else {
        Pc::Enter(Enter::Announce)
    };
    *process = Process {
        pc,
        buffer,
        rounds,
        ..Process::default()
    };
}
