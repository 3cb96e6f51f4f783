//! Floor 5: the harness of `shmcount run`.
//!
//! A [`Plan`] says how many workers add how often and under which lock. [`Plan::run`] makes the
//! segment, starts the workers, opens the gate for all of them at once, kills and replaces some if
//! asked, waits, and returns a [`Report`] with the total that was counted and the one expected.
//!
//! ```
//! use shmcount::run::Plan;
//!
//! let report = Plan::new().procs(5).adds(100).run()?;
//! assert!(report.verified);
//! assert_eq!(report.r#final, 500);
//! # Ok::<(), shmcount::run::Error>(())
//! ```
#![forbid(unsafe_code)]

mod check;
mod coordinator;
mod error;
mod gate;
mod handshake;
mod kills;
mod life;
mod limits;
mod plan;
mod report;
mod site;
mod temporary;
mod watch;
mod worker;

pub use error::{Error, Invalid};
#[cfg(feature = "cli")]
pub(crate) use gate::Gate;
pub use plan::{Plan, Program, Start, WORKER_VERB};
pub use report::{Killed, Outcome, Report, WorkerReport};
pub use watch::Watch;
pub use worker::{Turn, work_as_told};
