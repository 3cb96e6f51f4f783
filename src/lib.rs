//! Counters, values and locks that the processes of one Linux host share, and that stay right
//! when a process is killed.
//!
//! A [`Segment`] is a named piece of shared memory; in it lie objects that any process of the same
//! user finds by name. A [`Value`] is a number or a structure with a lock of its own: what a holder
//! changes becomes true in one store when it lets go, so a holder that is killed, or panics, leaves
//! the last committed value and a free lock. Reading takes no lock.
//!
//! ```
//! use shmcount::Segment;
//!
//! let segment = Segment::open_or_create("doc-visits")?;
//! let visits = segment.value("main", 0i64)?;
//! visits.fetch_add(1)?;
//! assert_eq!(visits.load(), 1);
//! segment.remove()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The house has floors, and imports go downward only: [`sys`] talks to the kernel, [`raw`] is what
//! lies in shared memory, [`segment`] gives it a name, [`sync`] are the handles a user holds. With the
//! feature `run` come `contender`, ways of adding to one number side by side, and `run`, the harness
//! of `shmcount run`; with `cli` come the program, and beside `run` its measurements, `bench`. Under
//! `--cfg loom` there are only `raw` and a modelled `sys`, for `tests/loom`.

#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod bench;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;
#[cfg(feature = "run")]
pub mod contender;
pub mod raw;
#[cfg(feature = "run")]
pub mod run;
#[cfg(not(loom))]
pub mod segment;
#[cfg(not(loom))]
pub mod sync;
pub mod sys;

pub use raw::shareable::Shareable;
#[cfg(not(loom))]
pub use segment::{Error, Foreign, Release, Segment, SegmentOptions, Spin};
#[cfg(not(loom))]
pub use sync::{
    AcquireError, AddError, Barrier, BarrierError, BarrierWaitResult, BrokenBy, Finished, Holder,
    Integer, Lock, LockError, LockGuard, Party, Permit, Semaphore, Task, Value, ValueGuard,
    WaitError, WaitGroup, WaitGroupError,
};
#[cfg(not(loom))]
pub use sys::process::Identity;

/// The examples of the README, compiled and run by the tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
