//! The system calls of the lock: futex wait on several words, futex wake, membarrier.
//!
//! **Barriers.** Entering the kernel is no barrier on x86 and none is assumed. The futex code
//! itself is one: `futex_wake` runs `smp_mb` before it looks for waiters
//! (`futex_hb_waiters_pending`), and a wait raises the waiters' count atomically and takes the
//! bucket's spinlock before it reads the word. So both empty the caller's buffer, and checking and
//! queueing are one step, under that spinlock.
//!
//! **Waking.** Wake-ups pick any sleeper: the kernel keeps an order, the model does not rely on it.
//! A wake-up takes a sleeper off the one futex it was sent to. It stays queued on the other one
//! until it runs again, and may swallow a wake-up there; this is what Linux does, and it is more
//! hostile than taking it off both.

use crate::memory::Address;
use crate::moves::Turn;
use crate::state::{Pc, State};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Futex {
    Generation,
    Sequence,
    Word,
}

impl Futex {
    pub const ALL: [Self; 3] = [Self::Generation, Self::Sequence, Self::Word];

    pub fn bit(self) -> u8 {
        1 << self as u8
    }

    fn address(self) -> Address {
        match self {
            Self::Generation => Address::Generation,
            Self::Sequence => Address::Sequence,
            Self::Word => Address::Word,
        }
    }
}

/// One word of a futex wait: queues `me` if the word still is `expected`, else returns false.
pub fn queue(state: &mut State, me: usize, futex: Futex, expected: u8) -> bool {
    state.drain(me);
    let equal = state.memory.get(futex.address()) == expected;
    if equal {
        state.processes[me].queued |= futex.bit();
    }
    equal
}

pub fn unqueue(state: &mut State, me: usize, futex: Futex) {
    state.processes[me].queued &= !futex.bit();
}

/// Every way to wake one: the state afterwards and who it was, or nobody if nobody is queued.
/// Someone killed in his sleep may be picked as long as the kernel has not taken him off.
pub fn wake_one(
    state: State,
    me: usize,
    futex: Futex,
) -> impl Iterator<Item = (Option<usize>, State)> {
    let mut drained = state;
    drained.drain(me);
    let asleep = move |who: &usize| drained.processes[*who].queued & futex.bit() != 0;
    let nobody = (0..drained.processes.len()).all(|who| !asleep(&who));
    let woken = (0..drained.processes.len()).filter(asleep).map(move |who| {
        let mut next = drained;
        wake(&mut next, who, futex);
        (Some(who), next)
    });
    nobody.then_some((None, drained)).into_iter().chain(woken)
}

/// Wakes everybody at once: the kernel walks the queue under the bucket's spinlock.
pub fn wake_all(state: &mut State, me: usize, futex: Futex) {
    state.drain(me);
    for who in 0..state.processes.len() {
        if state.processes[who].queued & futex.bit() != 0 {
            wake(state, who, futex);
        }
    }
}

fn wake(state: &mut State, who: usize, futex: Futex) {
    unqueue(state, who, futex);
    state.processes[who].woken |= futex.bit();
}

/// Starts a membarrier, after which the process goes on at `resume`. Who can store no more need
/// not be interrupted.
pub fn start_membarrier(state: &mut State, me: usize, resume: Pc) {
    state.drain(me);
    let others = (0..state.processes.len()).filter(|&who| {
        let other = &state.processes[who];
        who != me && !(matches!(other.pc, Pc::Dead | Pc::Finished) && other.buffer.is_empty())
    });
    let undrained = others.fold(0, |mask, who| mask | 1 << who);
    let process = &mut state.processes[me];
    process.undrained = undrained;
    process.goto(if undrained == 0 {
        resume
    } else {
        Pc::Membarrier
    });
    process.resume = if undrained == 0 {
        Pc::default()
    } else {
        resume
    };
}

/// Interrupts one more process, in any order, and with it empties that one's buffer.
pub fn membarrier(turn: &mut Turn) {
    let undrained = turn.process().undrained;
    for who in (0..turn.scenario.roles.len()).filter(|who| undrained >> who & 1 == 1) {
        let mut next = turn.plain();
        next.drain(who);
        let process = &mut next.processes[turn.me];
        process.undrained &= !(1 << who);
        if process.undrained == 0 {
            process.go_on();
        }
        turn.ends_as_it_is("membarrier empties one more buffer", next);
    }
}
