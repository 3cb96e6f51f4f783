//! Every object keeps its promises between real processes.

mod counter;
mod fifo_lock;
#[path = "../contender/process.rs"]
#[allow(dead_code, reason = "two suites share it, and neither needs all of it")]
mod process;
#[path = "../contender/signal.rs"]
#[allow(dead_code, reason = "two suites share it, and neither needs all of it")]
mod signal;
mod stage;
#[path = "../contender/watchdog.rs"]
mod watchdog;
