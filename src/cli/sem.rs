//! `sem`: runs a command beside no more than N - 1 others.
//!
//! As `lock`: a permit is this process's, and the kernel gives it back when this one is killed; the
//! token, one of N, is inherited by the command and all that it starts.

use clap::Args;

use super::address::{self, Address};
use super::command::{Command, CommandLine};
use super::exit_code::{self, Failure, REFUSED};
use super::object::Object;
use super::waiting::{self, NotHeld, Wait, Waiting};
use crate::segment::{Error, Kind, Segment, SegmentOptions, Taken, Token};
use crate::sync::{AcquireError, Permit, Semaphore};
use crate::sys::ward::End;

/// What tells a command which of the N it is.
const VARIABLE: &str = "SHMCOUNT_PERMIT";

/// Run a command, no more than N at once
#[derive(Args)]
#[command(
    args_override_self = true,
    override_usage = "shmcount sem [OPTIONS] NAME [--permits N] [--] COMMAND [ARGS]...",
    after_help = "\
COMMAND finds in SHMCOUNT_PERMIT a number from 0 to N-1 that no other has at
the same time, to choose a port or a device by. When this process is killed,
COMMAND is killed too, and what COMMAND had started counts as one of the N
until it ends. Signals are sent on as by `shmcount lock`.

Exit status: COMMAND's, or 128+n if signal n killed it; -E's if no permit was
had; 126 COMMAND cannot be run, 127 is not found; 2 wrong usage; 4 the system
or the segment refused.

Example: ls *.wav | xargs -P 99 -I{} shmcount sem encoders --permits 4 flac {}"
)]
pub(super) struct Sem {
    /// Segment, or SEGMENT/OBJECT, of the semaphore
    #[arg(value_parser = address::whole)]
    name: Address,
    /// Make it for N at once, and its segment, when they are missing
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    permits: Option<u32>,
    #[command(flatten)]
    waiting: Waiting,
    #[command(flatten)]
    command: CommandLine,
}

impl Sem {
    pub(super) fn run(self) -> u8 {
        match self.run_permitted() {
            Ok(status) => status,
            Err(failure) => exit_code::of(Err(failure)),
        }
    }

    fn run_permitted(self) -> Result<u8, Failure> {
        let mut command = self.command.command()?;
        let wait = self.waiting.begin();
        let ended = loop {
            match permitted(&self.name, self.permits, &wait, &mut command) {
                Ok(None) => {}
                Ok(Some(end)) => break end,
                Err(not_held) => return wait.settle(not_held),
            }
        };
        Ok(ended.pass_on())
    }
}

/// Runs the command when permit and token are had; nothing when the segment was removed meanwhile.
fn permitted(
    name: &Address,
    permits: Option<u32>,
    wait: &Wait,
    command: &mut Command,
) -> Result<Option<End>, NotHeld> {
    let (segment, permits) = match permits {
        Some(permits) => {
            let options = SegmentOptions::new().capacity(capacity_for(permits));
            let segment = waiting::open_or_create(&options, name)?;
            (segment, permits)
        }
        None => there(name)?,
    };
    let semaphore = open(&segment, name, permits)?;
    let permit = permit_of(&semaphore, wait)?;
    let Some(token) = token_of(&segment, &name.object, permits, wait)? else {
        return Ok(None);
    };
    if permit.previous_holder_died() {
        wait.say(|| "the last holder of the permit died with it".to_owned());
    }
    wait.say_it_is_over("permit");
    wait.say(|| format!("executing {}", command.name()));
    command.set_variable(VARIABLE, token.index().to_string());
    let ended = command.run(Some(&token));
    // Before the permit: who gets one finds a token.
    drop(token);
    drop(permit);
    Ok(Some(ended?))
}

/// Finds the semaphore that is there, and how many permits it has.
fn there(name: &Address) -> Result<(Segment, u32), Failure> {
    let object = Object::at(name).map_err(|failure| {
        failure.or_made_by(|| format!("shmcount sem --permits N {} COMMAND", name.quoted()))
    })?;
    object.expect(Kind::Semaphore, "a semaphore")?;
    Ok((object.segment().clone(), object.length()))
}

/// Room for the permits, of a slot each, and for as many other objects as usual.
fn capacity_for(permits: u32) -> usize {
    (permits as usize).saturating_mul(64) + SegmentOptions::DEFAULT_CAPACITY
}

fn open(segment: &Segment, name: &Address, permits: u32) -> Result<Semaphore, Failure> {
    segment
        .semaphore(&name.object, permits)
        .map_err(|error| match error {
            Error::OtherShape {
                what: "length",
                ref found,
                ..
            } => Failure::Error {
                code: REFUSED,
                error: format!(
                    "semaphore '{}/{}' has {found} permits, expected {permits}",
                    name.segment, name.object
                )
                .into(),
                help: Some(format!(
                    "say --permits {found}, or remove it with `shmcount rm {}` when nobody uses it",
                    name.segment
                )),
            },
            Error::OtherShape { .. } => Failure::Error {
                code: REFUSED,
                error: error.into(),
                help: Some(format!(
                    "use another object of the segment: `shmcount sem {}/sem`",
                    name.segment
                )),
            },
            error => error.into(),
        })
}

fn permit_of<'a>(semaphore: &'a Semaphore, wait: &Wait) -> Result<Permit<'a>, NotHeld> {
    let permit = match wait.deadline() {
        None => semaphore.acquire(),
        Some(deadline) if deadline.has_passed() => semaphore.try_acquire(),
        Some(deadline) => semaphore.acquire_timeout(deadline.remaining()),
    };
    permit.map_err(|error| match error {
        AcquireError::NoPermit => wait.conflict(error, holders_of(semaphore)),
        AcquireError::TimedOut { permits, .. } => {
            let timeout = wait.timeout();
            let error = AcquireError::TimedOut { permits, timeout };
            wait.conflict(error, holders_of(semaphore))
        }
        error => NotHeld::Failed(Failure::Error {
            code: REFUSED,
            error: error.into(),
            help: None,
        }),
    })
}

fn holders_of(semaphore: &Semaphore) -> Option<String> {
    let pids = semaphore.holders().into_iter().filter_map(|h| h.pid);
    let pids: Vec<String> = pids.map(|pid| pid.to_string()).collect();
    (!pids.is_empty()).then(|| format!("look at who holds them with `ps -p {}`", pids.join(",")))
}

/// Takes a token; nothing when the segment has lost its name, and others use another one.
fn token_of(
    segment: &Segment,
    object: &str,
    permits: u32,
    wait: &Wait,
) -> Result<Option<Token>, NotHeld> {
    match segment.take_token(object, permits, wait.deadline())? {
        Taken::Token(token) => Ok(Some(token)),
        Taken::Removed => Ok(None),
        Taken::TooLate => Err(wait.kept(segment, "a permit")),
    }
}
