//! What is left when a process is killed with SIGKILL: at every instruction of an operation, and
//! at random moments of a storm.
//!
//! Each test runs in a process of its own with one thread, which forks the processes it kills;
//! this program starts them, ends those that take too long, and removes what they leave. It ends
//! with the table of all kill points. `SHMCOUNT_CRASH_EVERY=1` leaves out no point of long paths.

#![cfg(target_arch = "x86_64")]

mod catalogue;
mod condvar_storm;
mod death_notice;
mod event_storm;
mod interleaving;
mod making;
mod of_array;
mod of_barrier;
mod of_bytes_queue;
mod of_condvar;
mod of_counter;
mod of_event;
mod of_fifo_lock;
mod of_map;
mod of_queue;
mod of_semaphore;
mod of_wait_group;
mod of_waiting;
mod peers;
mod process;
mod queue_ledger;
mod queue_storm;
mod run;
mod scenario;
mod shared;
mod situations;
mod small_storm;
mod storm;
mod subject;
mod supervisor;
mod twins;
mod victim;
mod watching;

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    match (arguments.next().as_deref(), arguments.next()) {
        (Some(supervisor::PLAY), Some(name)) => supervisor::play(&name),
        _ => supervisor::run_tests(),
    }
}
