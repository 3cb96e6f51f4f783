//! Floor 5, beside `run`: the measurements of `shmcount bench`.
//!
//! A [`Plan`] names contenders and numbers of processes. [`Plan::measure`] has each contender added to
//! by that many forked processes for a while, round by round and contender by contender, so that
//! whatever else the machine does meets all of them alike, and returns a [`Report`].
//! [`Plan::measure_kills`] measures what it takes until somebody has the lock of a holder that was
//! killed. [`table`] and [`plot`] show reports to people.
#![forbid(unsafe_code)]

mod children;
mod entrant;
mod error;
mod machine;
mod measurement;
mod plan;
pub mod plot;
mod processors;
mod recovery;
mod report;
mod round;
mod spread;
pub mod table;
mod yard;

pub use entrant::{Entrant, UnknownEntrant};
pub use error::Error;
pub use machine::Machine;
pub use measurement::Measurement;
pub use plan::{Plan, Watch};
pub use recovery::{Outcome, Recovery};
pub use report::Report;
pub use spread::Spread;
