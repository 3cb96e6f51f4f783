//! Floor 1: what lies in shared memory, as plain structures that know no segment.
//!
//! They are made of atomics, are right from zeroed bytes on, and run as well on the heap, where
//! unit tests and model checkers put them.

pub mod change;
pub mod committed;
pub mod journal;
#[cfg(all(test, not(loom)))]
mod journal_tests;
pub mod patience;
pub mod protocol;
pub mod robust_lock;
pub mod shareable;
pub mod slot;
mod standing;
pub mod table;
pub mod turns;
pub mod watching;
