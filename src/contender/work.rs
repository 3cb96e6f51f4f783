//! Work outside the lock, of a given length: what a program does between two adds.
//!
//! Counted turns of a loop and not looks at a clock, which are too coarse for ten nanoseconds.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// Some work that shares no memory with anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work {
    turns: u64,
}

impl Work {
    /// No work at all.
    pub const NONE: Self = Self { turns: 0 };

    /// Measures how much work takes this long on this machine, alone on its processor.
    pub fn taking(time: Duration) -> Self {
        // Some 30 µs, long beside a look at the clock, and short enough that some of fifty are not
        // interrupted on a busy machine.
        const SAMPLE: Work = Work { turns: 20_000 };
        if time.is_zero() {
            return Self::NONE;
        }
        let measure = || {
            let start = Instant::now();
            SAMPLE.carry_out();
            start.elapsed()
        };
        let best = (0..50).map(|_| measure()).min().unwrap_or_default();
        let turns = time.as_nanos() * u128::from(SAMPLE.turns) / best.as_nanos().max(1);
        Self {
            turns: turns.clamp(1, u128::from(u64::MAX)) as u64,
        }
    }

    /// Tells whether there is nothing to do.
    #[inline]
    pub fn is_none(self) -> bool {
        self.turns == 0
    }

    /// Does it.
    ///
    /// Never inlined: the loop was up to twice as long in one contender's code as in another's, and
    /// the difference was taken for the lock's.
    #[inline(never)]
    pub fn carry_out(self) {
        let mut turn = 0u64;
        while turn < self.turns {
            // Opaque to the compiler: neither removed nor folded into one addition.
            turn = black_box(turn) + 1;
        }
    }
}
