//! A watcher's sleep, on the word and on the sequence.
//!
//! On the word, because the kernel may wake it for a dead process, and then it does what the dead
//! one left undone. First on the word, because there is no telling from a free word that it was
//! taken and let go again since; a commit of that time shows in the sequence, which is checked
//! afterwards.

use crate::enter::{self, Enter};
use crate::kernel::{self, Futex};
use crate::leave::Leave;
use crate::memory::Address;
use crate::moves::Turn;
use crate::state::{Pc, Process, State};
use crate::twins::Twin;
use crate::watch::{Watch, forget_what_it_saw};
use crate::word::{self, OWNER_DIED};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Doze {
    QueueFirst,
    QueueSecond,
    /// In the kernel, until woken; then off the first futex.
    Asleep,
    /// Awake, still queued on the second futex.
    UnqueueSecond,
    /// Woken: does what a dead releaser may have left undone.
    StandIn,
}

pub fn step(turn: &mut Turn, step: Doze) {
    match step {
        Doze::QueueFirst => queue_first(turn),
        Doze::QueueSecond => queue_second(turn),
        Doze::Asleep => asleep(turn),
        Doze::UnqueueSecond => unqueue_second(turn),
        Doze::StandIn => stand_in(turn),
    }
}

/// Which futex is queued on first decides whether a whole turn of the lock between the two steps is
/// noticed.
fn futexes(turn: &Turn) -> [Futex; 2] {
    let right = [Futex::Word, Futex::Sequence];
    if turn.scenario.is(Twin::WatcherQueuesOnWordLast) {
        [right[1], right[0]]
    } else {
        right
    }
}

fn expected(process: &Process, futex: Futex) -> u8 {
    if futex == Futex::Word {
        process.word
    } else {
        process.sequence
    }
}

fn queue_first(turn: &mut Turn) {
    let mut next = turn.plain();
    let [first, _] = futexes(turn);
    if kernel::queue(&mut next, turn.me, first, expected(turn.process(), first)) {
        turn.ends(
            "queues on its first futex",
            next,
            Pc::Doze(Doze::QueueSecond),
        );
    } else {
        forget_what_it_saw(&mut next.processes[turn.me]);
        turn.ends(
            "its first futex has changed",
            next,
            Pc::Watch(Watch::LookForDeath),
        );
    }
}

fn queue_second(turn: &mut Turn) {
    let mut next = turn.plain();
    let [first, second] = futexes(turn);
    let queued = kernel::queue(&mut next, turn.me, second, expected(turn.process(), second));
    forget_what_it_saw(&mut next.processes[turn.me]);
    if queued {
        return turn.ends(
            "queues on its second futex and sleeps",
            next,
            Pc::Doze(Doze::Asleep),
        );
    }
    kernel::unqueue(&mut next, turn.me, first);
    wait_returns(turn, "its second futex has changed", next);
}

fn asleep(turn: &mut Turn) {
    let mut next = turn.plain();
    let [first, _] = futexes(turn);
    kernel::unqueue(&mut next, turn.me, first);
    let pc = Pc::Doze(Doze::UnqueueSecond);
    if turn.process().woken != 0 {
        turn.ends("is awake", next, pc);
    } else if turn.role().timed {
        turn.times_out("wakes by itself", next, pc);
    }
}

fn unqueue_second(turn: &mut Turn) {
    let mut next = turn.plain();
    let [_, second] = futexes(turn);
    kernel::unqueue(&mut next, turn.me, second);
    if turn.role().timed && next.processes[turn.me].woken == 0 {
        let mut gone = next;
        enter::next_round(&mut gone.processes[turn.me]);
        let finished = gone.processes[turn.me].pc;
        turn.times_out("pending = none, and gives up", gone, finished);
    }
    wait_returns(turn, "is off both futexes", next);
}

/// A wait that was woken says so, even if the other futex has changed meanwhile.
fn wait_returns(turn: &mut Turn, what: &'static str, mut next: State) {
    let woken = std::mem::take(&mut next.processes[turn.me].woken);
    let stands_in = stands_in(turn, woken);
    let pc = if stands_in {
        Pc::Doze(Doze::StandIn)
    } else {
        Pc::Watch(Watch::LookForDeath)
    };
    turn.ends(what, next, pc);
}

/// The kernel names the last futex of the wait through which it was woken. A wake-up on the word
/// may hide behind one on the sequence, so every wake-up counts as one for a death.
fn stands_in(turn: &Turn, woken: u8) -> bool {
    let named = futexes(turn)
        .into_iter()
        .rfind(|futex| woken & futex.bit() != 0);
    match turn.scenario.twin {
        Some(Twin::WatcherKeepsDeath) => false,
        Some(Twin::WatcherTrustsIndex | Twin::WatcherQueuesOnWordLast) => {
            named == Some(Futex::Word)
        }
        _ => named.is_some(),
    }
}

/// Owned by somebody: his release wakes whoever has to be. Died: take it, recover, leave. Free:
/// look for sleepers and watchers as a releaser does.
fn stand_in(turn: &mut Turn) {
    let next = turn.plain();
    let word = next.load(turn.me, Address::Word);
    if word::owner(word).is_some() {
        turn.ends(
            "finds the lock taken again",
            next,
            Pc::Watch(Watch::LookForDeath),
        );
    } else if word::has(word, OWNER_DIED) {
        turn.ends("sees a dead owner", next, Pc::Enter(Enter::Take));
    } else {
        turn.ends(
            "stands in for a dead releaser",
            next,
            Pc::Leave(Leave::ReadCount),
        );
    }
}
