//! Looking again after a while, before going to sleep.
//!
//! A sleep and its wake-up cost some 50 µs, so a contended lock is polled for about as long
//! first. The pauses double from 0.4 µs to 12 µs: short enough for a holder that adds one
//! number, long enough to leave it the cache line for a batch of adds. They are measured in
//! time because `PAUSE` takes from 4 to 45 ns, by processor.

use std::hint::spin_loop;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Instant;

/// The first pause: about as long as a contended cache line takes to come and go twice.
const FIRST_PAUSE_NS: u32 = 400;
/// No pause is more than 2^5 times the first: 12.8 µs.
const DOUBLINGS: u32 = 5;
/// 0.4 + 0.8 + 1.6 + 3.2 + 6.4 + 3 × 12.8: some 50 µs of polling, a sleep's own price.
const POLLS: u32 = 8;

/// Whether a waiter polls a while before it sleeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Spin {
    /// Polls for some 50 µs.
    #[default]
    Timed,
    /// Sleeps at once: for tests that step through a wait, and for batteries.
    Never,
}

/// The pauses of one wait.
#[derive(Debug)]
pub struct Backoff {
    spin: Spin,
    polls: u32,
}

impl Backoff {
    /// Starts with the shortest pause.
    pub fn new(spin: Spin) -> Self {
        Self { spin, polls: 0 }
    }

    /// Pauses and returns `true`, or returns `false` at once when it is time to sleep.
    pub fn pause(&mut self) -> bool {
        if self.spin == Spin::Never || self.polls == POLLS {
            return false;
        }
        for _ in 0..pauses_in_first() << self.polls.min(DOUBLINGS) {
            spin_loop();
        }
        self.polls += 1;
        true
    }

    /// Starts over.
    pub fn restart(&mut self) {
        self.polls = 0;
    }
}

/// Returns how many `PAUSE`s make the first pause, measured once in a process.
fn pauses_in_first() -> u32 {
    static PAUSES: AtomicU32 = AtomicU32::new(0);
    // Relaxed: every thread that measures gets a usable number; none is published with it.
    match PAUSES.load(Relaxed) {
        0 => {
            let pauses = measure();
            PAUSES.store(pauses, Relaxed);
            pauses
        }
        pauses => pauses,
    }
}

#[cold]
fn measure() -> u32 {
    // 64 of the slowest known PAUSE take 3 µs; the best of three forgets an interrupt.
    const SAMPLE: u32 = 64;
    let best = (0..3)
        .map(|_| {
            let start = Instant::now();
            (0..SAMPLE).for_each(|_| spin_loop());
            start.elapsed().as_nanos() as u32
        })
        .min()
        .unwrap_or(SAMPLE);
    (FIRST_PAUSE_NS * SAMPLE / best.max(1)).clamp(1, FIRST_PAUSE_NS)
}
