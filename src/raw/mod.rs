//! Floor 1: what lies in shared memory, as plain structures that know no segment.
//!
//! They are made of atomics, are right from zeroed bytes on, and run as well on the heap, where
//! unit tests and model checkers put them.

pub mod committed;
pub mod patience;
pub mod protocol;
pub mod robust_lock;
pub mod shareable;
pub mod slot;
pub mod watching;
