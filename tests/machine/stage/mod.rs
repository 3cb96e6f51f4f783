//! What the suites `hostile` and `machine` stand on.
//!
//! A test runs on a thread of the test program. Whatever may crash, hang, be killed or change its
//! namespaces runs in an *act*: a function that the test program, started again, runs on its only
//! thread. Both sides talk in lines over pipes, so nothing waits by sleeping. Every test has a
//! watchdog that kills the test's processes, after which the test fails by itself and cleans up.

mod namespace;
mod process;
mod scratch;
mod suite;
mod watchdog;

pub use namespace::{needs_own_shm, needs_root, own_shm, own_shm_at_all};
pub use process::{Parent, Process};
pub use scratch::Scratch;
pub use suite::{Act, Outcome, Skipped, Test, run};

/// Pairs each test with its path.
macro_rules! tests {
    ($($test:path),* $(,)?) => {
        &[$((stringify!($test), || $crate::stage::Outcome::from($test()))),*]
    };
}

/// Pairs each act with its path.
macro_rules! acts {
    ($($act:path),* $(,)?) => { &[$((stringify!($act), $act)),*] };
}

pub(crate) use {acts, tests};
