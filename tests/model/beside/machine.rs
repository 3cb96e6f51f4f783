//! Futexes, and what the kernel does for the dead: as in the rest of this model, with slots.

use super::state::{
    Death, Pc, Pending, Process, SEQUENCE, State, WORD, is_living, slot_bit, slot_word,
};
use super::{Excuse, Scenario};
use crate::memory::Address;
use crate::word::{self, OWNER_DIED, WAITERS};

/// A step: what happens, who is woken by it, and the state behind it.
pub type Step = (&'static str, Option<usize>, State);

/// One word of a futex wait: queues `me` if the word still is `expected`.
pub fn queue(state: &mut State, me: usize, (bit, address): (u8, Address), expected: u8) -> bool {
    state.drain(me);
    let is_equal = state.shared.memory.get(address) == expected;
    if is_equal {
        state.processes[me].queued |= bit;
    }
    is_equal
}

/// Wakes everybody there; tells whether there was one.
pub fn wake_all(state: &mut State, me: usize, futex: u8) -> bool {
    state.drain(me);
    let mut is_any = false;
    for process in &mut state.processes {
        if process.queued & futex != 0 {
            give(process, futex);
            is_any = true;
        }
    }
    is_any
}

fn give(process: &mut Process, futex: u8) {
    process.queued &= !futex;
    process.woken |= futex;
}

/// Has the calling process go on when all that others have stored so far is in memory. A buffer that is
/// empty now need not be waited for.
pub fn start_membarrier(scenario: &Scenario, state: &mut State, me: usize) {
    state.drain(me);
    let full = (0..scenario.roles.len()).filter(|who| !state.processes[*who].buffer.is_empty());
    state.processes[me].undrained = full.fold(0, |mask, who| mask | 1 << who);
}

/// SIGKILL: nothing of the program's own remains but its stores, and what the kernel knows. A wake-up that
/// it had is kept for the question whether news went with it.
pub fn kill(process: &mut Process) {
    let has_news = matches!(
        process.pc,
        Pc::Queue | Pc::Asleep | Pc::Unqueue | Pc::CompareSlot | Pc::LookAgain | Pc::WakeOthers
    );
    *process = Process {
        pc: Pc::Dying(Death::Unqueue),
        buffer: process.buffer,
        pending: process.pending,
        linked: process.linked,
        queued: process.queued,
        woken: if has_news { process.woken } else { 0 },
        ..Process::default()
    };
}

/// The kernel's next step for a dead one, in every way it can go.
pub fn die_on(state: &State, me: usize, step: Death) -> Vec<Step> {
    let mut next = *state;
    let process = &mut next.processes[me];
    match step {
        Death::Unqueue => {
            let first = process.queued & process.queued.wrapping_neg();
            process.queued &= !first;
            if process.queued == 0 {
                process.pc = Pc::Dying(Death::MarkSlot);
            }
            vec![("(dead) is taken off a queue", None, next)]
        }
        Death::MarkSlot if !process.buffer.is_empty() => vec![],
        Death::MarkSlot => {
            process.pc = Pc::Dying(Death::LookAtPending);
            let linked = process.linked;
            let address = linked.map(slot_word);
            match address.filter(|address| is_of(me, next.shared.memory.get(*address))) {
                None => die_on(&next, me, Death::LookAtPending),
                Some(address) => {
                    next.set(address, WAITERS | OWNER_DIED);
                    next.processes[me].pc = Pc::Dying(Death::WakeOnSlot);
                    vec![("(dead) loses its slot: OWNER_DIED", None, next)]
                }
            }
        }
        Death::WakeOnSlot => {
            process.pc = Pc::Dying(Death::LookAtPending);
            let slot = process.linked.expect("it was marked");
            wake_one(
                &next,
                slot_bit(slot),
                "(dead) the kernel wakes one on the slot",
            )
        }
        Death::LookAtPending => vec![look_at_pending(next, me)],
        Death::WakeOnPending => match process.pending {
            Pending::Slot(slot) => {
                *process = Process::default();
                wake_one(
                    &next,
                    slot_bit(slot),
                    "(dead) the kernel wakes one on the slot",
                )
            }
            _ => wake_on_the_lock(next, me),
        },
    }
}

fn is_of(me: usize, word: u8) -> bool {
    word::owner(word) == Some(me)
}

fn look_at_pending(mut next: State, me: usize) -> Step {
    let Process { pending, woken, .. } = next.processes[me];
    let address = match pending {
        Pending::Nothing => None,
        Pending::Lock => Some(Address::Word),
        Pending::Slot(slot) => Some(slot_word(slot)),
    };
    let word = address.map_or(0, |address| next.shared.memory.get(address));
    if let Some(address) = address {
        if is_of(me, word) {
            next.set(address, WAITERS | OWNER_DIED);
        }
        if is_of(me, word) || !is_living(word) {
            next.processes[me].pc = Pc::Dying(Death::WakeOnPending);
            return ("(dead) has something pending that is free now", None, next);
        }
        if pending == Pending::Lock && woken & !SEQUENCE != 0 {
            next.excuse(Excuse::KilledWhileOwned, me);
        }
    }
    next.processes[me] = Process::default();
    ("(dead) leaves nothing", None, next)
}

fn wake_on_the_lock(mut next: State, me: usize) -> Vec<Step> {
    let has_news = next.processes[me].woken & !SEQUENCE != 0;
    next.processes[me] = Process::default();
    let mut steps = wake_one(&next, WORD, "(dead) the kernel wakes one on the lock");
    for (_, woken, next) in &mut steps {
        let is_locker = |who: usize| next.processes[who].pc == Pc::Held;
        if has_news && woken.is_some_and(is_locker) {
            next.excuse(Excuse::ToldALocker, me);
        }
    }
    steps
}

/// Every way to wake one. One killed in its sleep may be picked as long as it is queued.
fn wake_one(state: &State, futex: u8, what: &'static str) -> Vec<Step> {
    let asleep = |who: &usize| state.processes[*who].queued & futex != 0;
    let ways = (0..state.processes.len()).filter(asleep).map(|who| {
        let mut next = *state;
        give(&mut next.processes[who], futex);
        (what, Some(who), next)
    });
    let ways: Vec<Step> = ways.collect();
    if ways.is_empty() {
        vec![(what, None, *state)]
    } else {
        ways
    }
}
