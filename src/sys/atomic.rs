//! The atomic types that shared structures are made of.
//!
//! One door, so that a model checker can stand behind it.

pub use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
pub use std::sync::atomic::{AtomicU32, AtomicU64, compiler_fence, fence};
