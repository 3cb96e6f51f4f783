//! A program that runs for this process, as its child, and not longer than it.
//!
//! The kernel kills it when this process dies by any cause (`PR_SET_PDEATHSIG`), unless it is one that
//! gains rights by being executed (set-user-ID, set-group-ID, file capabilities): then the kernel forgets
//! the wish. What the program starts itself is not killed with it.
//!
//! It finds everything as this process found it: descriptors, environment, signals, working
//! directory, process group. So Ctrl-C and Ctrl-Z reach both.

use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::process::ExitStatusExt;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, kill, raise, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::{Pid, execvp, pipe2};

use super::byte_lock::ByteLock;
use super::{process, start};

/// What people and programs send to whoever they started, meaning what it does for them.
const RELAYED: [Signal; 6] = [
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGTERM,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
];

/// A program and its arguments.
#[derive(Debug)]
pub struct Program {
    arguments: Vec<CString>,
    variable: Option<(&'static str, String)>,
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// By itself, with this status.
    Exited(u8),
    /// By this signal, which was sent to this process as well, or not.
    Killed {
        /// Which one.
        signal: i32,
        /// Whether this process was sent it.
        meant_us: bool,
    },
}

/// Why a program did not run.
#[derive(Debug)]
pub enum NotRun {
    /// It could not be executed.
    Exec(io::Error),
    /// There was no process to execute it.
    System(io::Error),
}

impl Program {
    /// Makes one of the path or name of a program and its arguments.
    ///
    /// # Errors
    ///
    /// When one holds a zero byte, which none can that was an argument itself.
    pub fn new(arguments: impl IntoIterator<Item = OsString>) -> io::Result<Self> {
        let arguments = arguments.into_iter().map(|a| CString::new(a.into_vec()));
        Ok(Self {
            arguments: arguments.collect::<Result<_, _>>()?,
            variable: None,
        })
    }

    /// Sets a variable of its environment, one at most.
    pub fn set_variable(&mut self, name: &'static str, value: String) {
        self.variable = Some((name, value));
    }

    /// Runs it to its end. What programs send to this process meanwhile is sent on to it, and that the
    /// terminal has hung up; what the terminal's keys send has reached it already.
    ///
    /// The signals stay blocked afterwards: they were meant for the program.
    ///
    /// # Errors
    ///
    /// [`NotRun`].
    pub fn run(&self, inherits: Option<&ByteLock>) -> Result<End, NotRun> {
        let children_were_ignored = attend_children();
        let (mail, mask) = open_mail().map_err(NotRun::System)?;
        let (failure, cannot) =
            pipe2(OFlag::O_CLOEXEC).map_err(|errno| NotRun::System(errno.into()))?;
        let cannot = File::from(cannot);
        let parent = std::process::id();
        let child = process::fork(|| {
            let become_it = || {
                process::die_with(parent)?;
                sigprocmask(SigmaskHow::SIG_SETMASK, Some(&mask), None)?;
                if children_were_ignored {
                    // For what it becomes.
                    process::ignore(Signal::SIGCHLD);
                }
                Err(self.replace_this_process(inherits))
            };
            let error: io::Result<()> = become_it();
            let errno = error.err().and_then(|error| error.raw_os_error());
            let _ = (&cannot).write_all(&errno.unwrap_or(0).to_ne_bytes());
            0
        })
        .map_err(NotRun::System)?;
        drop(cannot);
        let child = Pid::from_raw(child as i32);
        let mut errno = [0; 4];
        match File::from(failure).read_exact(&mut errno) {
            Ok(()) => {
                let _ = process::collect(child.as_raw() as u32);
                let error = io::Error::from_raw_os_error(i32::from_ne_bytes(errno));
                Err(NotRun::Exec(error))
            }
            // Its end was closed by exec.
            Err(_) => wait_for(child, &mail).map_err(NotRun::System),
        }
    }

    /// Becomes it. Returns why that failed; standard descriptors may be closed then.
    pub fn replace_this_process(&self, inherits: Option<&ByteLock>) -> io::Error {
        start::restore();
        if let Some((name, value)) = &self.variable {
            // SAFETY: this process has one thread: it is a forked child, or its caller knows.
            unsafe { std::env::set_var(name, value) };
        }
        if let Some(Err(error)) = inherits.map(ByteLock::keep_through_exec) {
            return error;
        }
        let Err(errno) = execvp(&self.arguments[0], &self.arguments);
        errno.into()
    }

    /// Returns its path or name.
    pub fn name(&self) -> &OsStr {
        OsStr::from_bytes(self.arguments[0].as_bytes())
    }
}

impl End {
    /// Ends this process as the program ended, if that was by a signal that both were sent: whoever
    /// started this one learns of it as if there were only the program. Returns the exit status else,
    /// as shells put it.
    pub fn pass_on(self) -> u8 {
        match self {
            Self::Exited(status) => status,
            Self::Killed { signal, meant_us } => {
                if let (true, Ok(signal)) = (meant_us, Signal::try_from(signal)) {
                    // If it does not end this process, the status says the same.
                    let _ = raise(signal).and_then(|()| SigSet::from(signal).thread_unblock());
                }
                128u8.saturating_add(signal as u8)
            }
        }
    }
}

/// Has signals that are relayed, and news of children, come as mail. Returns the mask before.
fn open_mail() -> io::Result<(SignalFd, SigSet)> {
    let mut blocked: SigSet = RELAYED.into_iter().collect();
    blocked.add(Signal::SIGCHLD);
    let mut before = SigSet::empty();
    sigprocmask(SigmaskHow::SIG_BLOCK, Some(&blocked), Some(&mut before))?;
    let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
    Ok((SignalFd::with_flags(&blocked, flags)?, before))
}

fn wait_for(child: Pid, mail: &SignalFd) -> io::Result<End> {
    let mut received = SigSet::empty();
    loop {
        // Children of what this process was before exec may end, too: only this one matters.
        let ended = process::try_collect(child.as_raw() as u32)?;
        let mut is_silent = true;
        // Read afterwards: what was sent to our whole group has come before any of it can be collected.
        while let Some((signal, is_from_process)) = next_letter(mail)? {
            is_silent = false;
            received.add(signal);
            let is_ours_alone = is_from_process || is_hang_up(signal);
            // Not collected, so the id is its own.
            if is_ours_alone && ended.is_none() && signal != Signal::SIGCHLD {
                let _ = kill(child, signal);
            }
        }
        if let Some(status) = ended {
            return Ok(match status.signal() {
                None => End::Exited(status.code().unwrap_or_default() as u8),
                Some(signal) => End::Killed {
                    signal,
                    meant_us: Signal::try_from(signal).is_ok_and(|s| received.contains(s)),
                },
            });
        }
        // What was read may have been the news of its end, after the look at it.
        if is_silent {
            let mut mail = [PollFd::new(mail.as_fd(), PollFlags::POLLIN)];
            // Interrupted, it is time to look, too.
            let _ = poll(&mut mail, PollTimeout::NONE);
        }
    }
}

/// Tells whether a signal of the kernel says that the terminal has hung up. What its keys send goes to
/// the whole group, and this only to who leads the session.
fn is_hang_up(signal: Signal) -> bool {
    signal == Signal::SIGHUP && nix::unistd::getsid(None) == Ok(Pid::this())
}

/// Returns a signal that has come, and whether a process sent it, by kill(2) or the like.
fn next_letter(mail: &SignalFd) -> io::Result<Option<(Signal, bool)>> {
    loop {
        let letter = match mail.read_signal() {
            Ok(Some(letter)) => letter,
            Ok(None) => return Ok(None),
            Err(Errno::EINTR) => continue,
            Err(errno) => return Err(errno.into()),
        };
        if let Ok(signal) = Signal::try_from(letter.ssi_signo as i32) {
            return Ok(Some((signal, letter.ssi_code <= 0)));
        }
    }
}

/// Has SIGCHLD do nothing special, so that children can be waited for; tells whether it was ignored.
fn attend_children() -> bool {
    let was_ignored = process::ignores(Signal::SIGCHLD);
    process::restore(&[Signal::SIGCHLD]);
    was_ignored
}
