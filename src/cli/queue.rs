//! `push`, `pop` and `close`: lines of text from process to process.

use std::ffi::OsString;
use std::io::{self, BufRead};
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use clap::Args;

use super::address::{self, Address};
use super::exit_code::{Failure, WRONG};
use super::object::Object;
use super::{args, output};
use crate::segment::SegmentOptions;
use crate::sync::{BytesQueue, PopError, PushBytesError};
use crate::sys::start;

/// Bytes of a queue that nobody made for anything: half of a segment of the usual size.
pub(super) const CAPACITY: u64 = 32 * 1024;

/// Put texts into a queue, or each line of standard input
#[derive(Args)]
#[command(after_help = "\
Sleeps while the queue is full. A push that returned is in the queue once; one that was killed, once or \
not at all.

Exit status: 0 all are in it; 1 the queue is closed; 124 it was full for TIME.

Examples:
  shmcount push jobs --create 'first job' 'second job'
  for file in *; do shmcount push jobs -- \"$file\"; done
  find . -name '*.png' | shmcount push jobs")]
pub(super) struct Push {
    /// Segment, or SEGMENT/OBJECT, of the queue
    #[arg(value_parser = address::whole)]
    name: Address,
    /// Texts to put into it [default: the lines of standard input]
    text: Vec<OsString>,
    /// Give up when there is no room for TIME, 0 for at once [default: never]
    #[arg(long, short = 'w', value_name = "TIME", value_parser = args::time)]
    timeout: Option<Duration>,
    /// Make the queue, with room for 32 KiB, and its segment, when they are missing
    #[arg(long)]
    create: bool,
}

impl Push {
    pub(super) fn run(self) -> Result<(), Failure> {
        self.check()?;
        let queue = match self.create {
            true => made(&self.name)?,
            false => Object::made_as("queue", &self.name)?.lines()?,
        };
        if !self.text.is_empty() {
            return self
                .text
                .iter()
                .try_for_each(|text| self.push(&queue, text.as_bytes()));
        }
        for line in io::stdin().lock().split(b'\n') {
            let line = line.map_err(|error| {
                Failure::refused(format!("cannot read standard input: {error}"), None)
            })?;
            self.push(&queue, &line)?;
        }
        Ok(())
    }

    /// Refuses to begin when there is nowhere to take the texts from.
    fn check(&self) -> Result<(), Failure> {
        if !self.text.is_empty() || !start::stdin_was_closed() {
            return Ok(());
        }
        Err(Failure::refused(
            "standard input is closed, and the texts come from there",
            Some("say them as arguments, or read /dev/null".to_owned()),
        ))
    }

    fn push(&self, queue: &BytesQueue, text: &[u8]) -> Result<(), Failure> {
        let pushed = match self.timeout {
            None => queue.push(text),
            Some(timeout) => queue.push_timeout(text, timeout),
        };
        pushed.map_err(|error| match error {
            PushBytesError::Closed => closed(&self.name),
            PushBytesError::TimedOut { .. } | PushBytesError::Full => {
                Failure::timed_out(error).about(&self.name)
            }
            PushBytesError::Locked(error) => Failure::from(error).about(&self.name),
            error => Failure::refused(error, None).about(&self.name),
        })
    }
}

/// Take a text out of a queue and print it
#[derive(Args)]
#[command(after_help = "\
Sleeps while the queue is empty. Each text goes to one who pops, in the order of pushing; it is gone when \
that one is killed with it, or has nobody left who reads what it prints. --all stops when the queue is \
closed and empty.

Exit status: 0 printed, with --all the queue is closed; 1 the queue is closed and empty; 4 a text is lost; \
124 it was empty for TIME.

Examples:
  while job=$(shmcount pop jobs); do work \"$job\"; done
  shmcount pop jobs --all | tee jobs.log")]
pub(super) struct Pop {
    /// Segment, or SEGMENT/OBJECT, of the queue
    #[arg(value_parser = address::whole)]
    name: Address,
    /// Print what comes, a line each, until the queue is closed
    #[arg(long)]
    all: bool,
    /// Give up when nothing comes for TIME, 0 for at once [default: never]
    #[arg(long, short = 'w', value_name = "TIME", value_parser = args::time)]
    timeout: Option<Duration>,
}

impl Pop {
    pub(super) fn run(self) -> Result<(), Failure> {
        // Before anything is taken out, lest it be lost.
        output::check()?;
        let queue = Object::made_as("queue", &self.name)?.lines()?;
        loop {
            let popped = match self.timeout {
                None => queue.pop(),
                Some(timeout) => queue.pop_timeout(timeout),
            };
            match popped {
                Ok(text) => print(text)?,
                Err(PopError::Closed) if self.all => return Ok(()),
                Err(PopError::Closed) => return Err(Failure::No),
                Err(error @ (PopError::TimedOut { .. } | PopError::Empty)) => {
                    return Err(Failure::timed_out(error).about(&self.name));
                }
                Err(PopError::Locked(error)) => return Err(error.into()),
                Err(error) => return Err(Failure::refused(error, None)),
            }
            if !self.all {
                return Ok(());
            }
        }
    }
}

/// Prints what was taken out. It is nowhere else any more, so that a reader who has left is a failure.
fn print(mut text: Vec<u8>) -> Result<(), Failure> {
    text.push(b'\n');
    const LOST: &str = "the text that was taken out is lost";
    match output::bytes(&text) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Failure::refused(
            format!("nobody reads standard output any more, and {LOST}"),
            None,
        )),
        Err(Failure::Error { error, .. }) => {
            Err(Failure::refused(format!("{error}, and {LOST}"), None))
        }
        Err(failure) => Err(failure),
    }
}

/// Have a queue take no more
#[derive(Args)]
#[command(after_help = "\
What is in it is still popped. Then who pops is told that nothing will come.

Example: shmcount close jobs")]
pub(super) struct Close {
    /// Segment, or SEGMENT/OBJECT, of the queue
    #[arg(value_parser = address::whole)]
    name: Address,
}

impl Close {
    pub(super) fn run(self) -> Result<(), Failure> {
        Ok(Object::made_as("queue", &self.name)?.lines()?.close()?)
    }
}

/// Opens the queue at an address, made now if it is missing.
fn made(name: &Address) -> Result<BytesQueue, Failure> {
    let segment = name.open_or_create(&SegmentOptions::new())?;
    match segment.find(&name.object)? {
        None => Ok(segment.bytes_queue(&name.object, CAPACITY)?),
        Some(_) => Object::at(name)?.lines(),
    }
}

fn closed(name: &Address) -> Failure {
    Failure::Error {
        code: WRONG,
        error: format!("queue '{name}' is closed").into(),
        help: None,
    }
}
