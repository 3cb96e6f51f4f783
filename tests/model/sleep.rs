//! Sleeping for the lock: register, make that visible, look again, wait on two futexes, unregister.
//!
//! A sleeper is counted in the present generation. It queues on the generation, then on the word,
//! so that a release between the two shows in the word.

use crate::enter::Enter;
use crate::kernel::{self, Futex};
use crate::memory::Address;
use crate::moves::Turn;
use crate::state::{Pc, Process, State};
use crate::twins::Twin;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Sleep {
    CheckGeneration,
    Register,
    QueueFirst,
    QueueSecond,
    /// In the kernel, until woken; then off the first futex.
    Asleep,
    /// Awake, still queued on the second futex.
    UnqueueSecond,
    Unregister,
}

pub fn step(turn: &mut Turn, step: Sleep) {
    match step {
        Sleep::CheckGeneration => check_generation(turn),
        Sleep::Register => register(turn),
        Sleep::QueueFirst => queue_first(turn),
        Sleep::QueueSecond => queue_second(turn),
        Sleep::Asleep => asleep(turn),
        Sleep::UnqueueSecond => unqueue_second(turn),
        Sleep::Unregister => unregister(turn),
    }
}

/// One load of `sleepers`: has a repair ended the generation this process is registered in?
fn check_generation(turn: &mut Turn) {
    let mut next = turn.plain();
    if turn.process().registered == Some(next.memory.get(Address::Generation)) {
        turn.ends("its generation goes on", next, Pc::Sleep(Sleep::QueueFirst));
    } else {
        next.processes[turn.me].word = 0;
        next.processes[turn.me].registered = None;
        turn.ends("its generation has ended", next, Pc::Sleep(Sleep::Register));
    }
}

fn register(turn: &mut Turn) {
    let mut next = turn.atomic();
    let count = next.memory.get(Address::Count);
    let raised = if turn.scenario.is(Twin::FlagClearedByReleaser) {
        1
    } else {
        count + 1
    };
    next.memory.set(Address::Count, raised);
    next.processes[turn.me].registered = Some(next.memory.get(Address::Generation));
    next.processes[turn.me].goto(Pc::Enter(Enter::Look));
    if turn.scenario.sleepers_need_membarrier() {
        kernel::start_membarrier(&mut next, turn.me, Pc::Enter(Enter::Look));
    }
    turn.ends_as_it_is("registers", next);
}

/// Which futex is queued on first decides whether a release between the two steps is noticed.
fn futexes(turn: &Turn) -> [Futex; 2] {
    let right = [Futex::Generation, Futex::Word];
    if turn.scenario.is(Twin::QueuesOnWordFirst) {
        [right[1], right[0]]
    } else {
        right
    }
}

fn expected(process: &Process, futex: Futex) -> u8 {
    match futex {
        Futex::Word => process.word,
        _ => process.registered.expect("only the registered sleep"),
    }
}

fn queue_first(turn: &mut Turn) {
    let mut next = turn.plain();
    let [first, _] = futexes(turn);
    if kernel::queue(&mut next, turn.me, first, expected(turn.process(), first)) {
        turn.ends(
            "queues on its first futex",
            next,
            Pc::Sleep(Sleep::QueueSecond),
        );
    } else {
        wait_returns(turn, "its first futex has changed", next);
    }
}

fn queue_second(turn: &mut Turn) {
    let mut next = turn.plain();
    let [_, second] = futexes(turn);
    if kernel::queue(&mut next, turn.me, second, expected(turn.process(), second)) {
        next.processes[turn.me].word = 0;
        turn.ends(
            "queues on its second futex and sleeps",
            next,
            Pc::Sleep(Sleep::Asleep),
        );
    } else {
        let [first, _] = futexes(turn);
        kernel::unqueue(&mut next, turn.me, first);
        wait_returns(turn, "its second futex has changed", next);
    }
}

fn asleep(turn: &mut Turn) {
    let mut next = turn.plain();
    let [first, _] = futexes(turn);
    kernel::unqueue(&mut next, turn.me, first);
    let pc = Pc::Sleep(Sleep::UnqueueSecond);
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
    wait_returns(turn, "is off both futexes", next);
}

fn wait_returns(turn: &mut Turn, what: &'static str, mut next: State) {
    let process = &mut next.processes[turn.me];
    process.woken = 0;
    process.word = 0;
    process.resume = Pc::Enter(Enter::Look);
    turn.ends(what, next, Pc::Sleep(Sleep::Unregister));
}

/// Takes one off the count, unless a repair has zeroed it and so ended this registration.
fn unregister(turn: &mut Turn) {
    let mut next = turn.atomic();
    let count = next.memory.get(Address::Count);
    let valid = turn.process().registered == Some(next.memory.get(Address::Generation));
    if valid && !turn.scenario.is(Twin::FlagClearedByReleaser) {
        next.memory.set(Address::Count, count.saturating_sub(1));
    }
    let process = &mut next.processes[turn.me];
    process.registered = None;
    process.go_on();
    turn.ends_as_it_is("unregisters", next);
}
