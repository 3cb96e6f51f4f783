//! `lock`: runs a command that no other runs beside.
//!
//! The lock says who may; it is this process's, so the kernel frees it when this one is killed. The
//! token, which the command and all that it starts inherit, says that nothing of the last holder is
//! left. Both must be had before anything runs; see [`crate::segment`]'s tokens.

use clap::Args;

use super::address::{self, Address};
use super::command::{Command, CommandLine};
use super::exit_code::{self, Failure};
use super::waiting::{self, NotHeld, Wait, Waiting};
use crate::segment::{Error, Segment, SegmentOptions, Taken, Token, argument};
use crate::sync::{Lock as SharedLock, LockError, LockGuard};
use crate::sys::ward::End;

/// Run a command that no other runs beside
#[derive(Args)]
#[command(
    args_override_self = true,
    override_usage = "shmcount lock [OPTIONS] NAME [--] COMMAND [ARGS]...",
    after_help = "\
The options are those of flock(1). When this process is killed, the lock is
free, COMMAND is killed too, and what COMMAND had started keeps others out until
it ends. SIGTERM, SIGINT, SIGHUP, SIGQUIT and SIGUSR1/2 are sent on to COMMAND.

Exit status: COMMAND's, or 128+n if signal n killed it; -E's if the lock was
not had; 126 COMMAND cannot be run, 127 is not found; 2 wrong usage; 4 the
system or the segment refused.

Example: shmcount lock -n backup rsync -a src/ dst/ || echo 'another one runs'"
)]
pub(super) struct Lock {
    /// Segment, or SEGMENT/OBJECT, of the lock; made when missing
    #[arg(value_parser = address::whole)]
    name: Address,
    #[command(flatten)]
    waiting: Waiting,
    /// Become COMMAND instead of waiting for it
    #[arg(short = 'F', long, conflicts_with = "close")]
    no_fork: bool,
    /// The only kind there is
    #[arg(short = 'x', short_alias = 'e', long, hide = true)]
    exclusive: bool,
    #[arg(short, long, hide = true)]
    shared: bool,
    #[arg(short, long, hide = true)]
    unlock: bool,
    #[command(flatten)]
    command: CommandLine,
}

impl Lock {
    pub(super) fn run(self) -> u8 {
        match self.run_locked() {
            Ok(status) => status,
            Err(failure) => exit_code::of(Err(failure)),
        }
    }

    fn run_locked(self) -> Result<u8, Failure> {
        self.check()?;
        let command = self.command.command()?;
        let wait = self.waiting.begin();
        let ended = loop {
            match held(&self.name, &wait, &command, self.no_fork) {
                Ok(None) => {}
                Ok(Some(end)) => break end,
                Err(not_held) => return wait.settle(not_held),
            }
        };
        Ok(ended.pass_on())
    }

    fn check(&self) -> Result<(), Failure> {
        let (error, help) = if self.shared {
            (
                "there is no shared kind of this lock",
                "let N commands run at once: `shmcount sem NAME --permits N COMMAND`",
            )
        } else if self.unlock {
            (
                "there is nothing to unlock: a lock is held while its COMMAND runs",
                "end COMMAND, or start what shall not keep the lock with -o",
            )
        } else {
            return Ok(());
        };
        Err(Failure::Error {
            code: exit_code::USAGE,
            error: error.into(),
            help: Some(help.to_owned()),
        })
    }
}

/// Runs the command when lock and token are had; nothing when the segment was removed meanwhile.
fn held(
    name: &Address,
    wait: &Wait,
    command: &Command,
    no_fork: bool,
) -> Result<Option<End>, NotHeld> {
    let segment = waiting::open_or_create(&SegmentOptions::new(), name)?;
    let lock = open(&segment, &name.object)?;
    let guard = guard_of(&lock, wait)?;
    let Some(token) = token_of(&segment, &name.object, wait)? else {
        return Ok(None);
    };
    if guard.owner_died() {
        wait.say(|| "the last holder died with the lock".to_owned());
    }
    wait.say_it_is_over("lock");
    wait.say(|| format!("executing {}", command.name()));
    if no_fork {
        // Its process will not be this thread's for the kernel any more: the token alone stays.
        drop(guard);
        return Err(command.replace_this_process(token.file()).into());
    }
    let ended = command.run(Some(&token));
    // Before the lock, so that the next holder finds it free.
    drop(token);
    drop(guard);
    Ok(Some(ended?))
}

fn open(segment: &Segment, object: &str) -> Result<SharedLock, Failure> {
    segment.lock(object).map_err(|error| match error {
        Error::OtherShape { ref name, .. } => {
            let lock = argument(&format!("{name}/lock"));
            let help =
                format!("lock another object of the segment: `shmcount lock {lock} COMMAND`");
            Failure::Error {
                code: exit_code::REFUSED,
                error: error.into(),
                help: Some(help),
            }
        }
        error => error.into(),
    })
}

fn guard_of<'a>(lock: &'a SharedLock, wait: &Wait) -> Result<LockGuard<'a>, NotHeld> {
    let guard = match wait.deadline() {
        None => lock.lock(),
        Some(deadline) if deadline.has_passed() => lock.try_lock(),
        Some(deadline) => lock.lock_timeout(deadline.remaining()),
    };
    guard.map_err(|error| match error {
        LockError::WouldBlock(_) => {
            let help = error.help();
            wait.conflict(error, help)
        }
        LockError::TimedOut { holder, .. } => {
            let (timeout, help) = (wait.timeout(), error.help());
            wait.conflict(LockError::TimedOut { holder, timeout }, help)
        }
        error => error.into(),
    })
}

/// Takes the token; nothing when the segment has lost its name, and others lock another one.
fn token_of(segment: &Segment, object: &str, wait: &Wait) -> Result<Option<Token>, NotHeld> {
    match segment.take_token(object, 1, wait.deadline())? {
        Taken::Token(token) => Ok(Some(token)),
        Taken::Removed => Ok(None),
        Taken::TooLate => Err(wait.kept(segment, "the lock")),
    }
}
