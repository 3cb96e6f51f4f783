//! `shmcount-worker`: adds to a number that `shmcount create` made.

use std::thread;
use std::time::Duration;

use clap::{CommandFactory, Parser};

use super::address::Address;
use super::exit_code::{self, Failure};
use super::{args, output};
use crate::contender::{LockKind, Seat};

/// Add to a number that `shmcount create` made, many times, and print how often
#[derive(Parser)]
#[command(name = "shmcount-worker", version, max_term_width = 100)]
#[command(
    after_help = "Example: shmcount create visits && shmcount-worker --name visits --adds 100\n\n\
    Exit status: 0 all added, 2 wrong usage, 4 the system or the segment refused."
)]
pub(super) struct Worker {
    /// Segment, or SEGMENT/OBJECT, to add to
    #[arg(long)]
    name: Address,
    /// Adds to do
    #[arg(long, value_name = "N", default_value_t = 100)]
    adds: u64,
    /// How much an add adds
    #[arg(
        long,
        value_name = "D",
        default_value_t = 1,
        allow_negative_numbers = true
    )]
    by: i64,
    /// Sleep before each add
    #[arg(long, value_name = "TIME", value_parser = args::time, default_value = "0")]
    delay: Duration,
    /// What to exclude the others with
    #[arg(long, value_name = "KIND", default_value_t = LockKind::Robust)]
    lock: LockKind,
}

/// Runs the program with the arguments of this process.
pub fn main() -> u8 {
    match super::parse::<Worker>(Worker::command(), std::env::args_os()) {
        Ok(worker) => exit_code::of(worker.run()),
        Err(code) => code,
    }
}

impl Worker {
    fn run(self) -> Result<(), Failure> {
        output::check()?;
        let contender = self.lock.open(self.name.open()?)?;
        let words = Default::default();
        let seat = Seat::alone(&words);
        for _ in 0..self.adds {
            if !self.delay.is_zero() {
                thread::sleep(self.delay);
            }
            contender.add(seat, self.by, None)?;
        }
        output::line(self.adds)
    }
}
