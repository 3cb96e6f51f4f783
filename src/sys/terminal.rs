//! Single keys from a terminal.

use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout};
use nix::sys::signal::Signal;
use nix::sys::termios::{self, LocalFlags, SetArg, SpecialCharacterIndices, Termios};
use signal_hook::SigId;
use signal_hook::low_level;

use super::process;

/// What ends a program that does nothing about it; Ctrl-C is the caller's.
const ENDING: [Signal; 3] = [Signal::SIGHUP, Signal::SIGQUIT, Signal::SIGTERM];

/// Standard input as a terminal that gives each key at once and shows none. Ctrl-C stays a signal; Ctrl-Z
/// is none meanwhile, for whoever stopped this process would find the terminal so.
///
/// The terminal is as it was when this is dropped, or when a signal ends the process.
pub struct Keys {
    before: Termios,
    handlers: Vec<SigId>,
}

impl Keys {
    /// Has the terminal give single keys; none, if standard input is no terminal or is another's.
    pub fn of_terminal() -> Option<Self> {
        let input = io::stdin();
        // In the background, to change the terminal would stop the process.
        let is_ours = nix::unistd::tcgetpgrp(&input).ok()? == nix::unistd::getpgrp();
        if !input.is_terminal() || !is_ours {
            return None;
        }
        let before = termios::tcgetattr(&input).ok()?;
        let mut single = before.clone();
        single
            .local_flags
            .remove(LocalFlags::ICANON | LocalFlags::ECHO);
        single.control_chars[SpecialCharacterIndices::VSUSP as usize] = libc::_POSIX_VDISABLE;
        // Before the change, so that none comes between the two.
        let handlers = ENDING.map(|signal| restore_at(signal, &before));
        let keys = Self {
            handlers: handlers.into_iter().flatten().collect(),
            before,
        };
        termios::tcsetattr(&input, SetArg::TCSANOW, &single).ok()?;
        Some(keys)
    }

    /// Waits for a key, no longer than `timeout`. A signal ends the wait.
    pub fn wait(&self, timeout: Duration) -> Option<u8> {
        let input = io::stdin();
        let mut ready = [PollFd::new(input.as_fd(), PollFlags::POLLIN)];
        let timeout = PollTimeout::try_from(timeout).unwrap_or(PollTimeout::MAX);
        let mut key = [0];
        match nix::poll::poll(&mut ready, timeout) {
            Ok(1) => match nix::unistd::read(&input, &mut key) {
                Ok(1) => Some(key[0]),
                // The terminal has gone.
                _ => Some(Self::END),
            },
            _ => None,
        }
    }

    /// What is read when nothing more will come: Ctrl-D.
    pub const END: u8 = 4;
}

impl Drop for Keys {
    fn drop(&mut self) {
        // Nothing could be done about a failure.
        let _ = termios::tcsetattr(io::stdin(), SetArg::TCSANOW, &self.before);
        for handler in &self.handlers {
            low_level::unregister(*handler);
        }
    }
}

/// Has a signal restore the terminal and end the process then, unless it was ignored.
fn restore_at(signal: Signal, before: &Termios) -> Option<SigId> {
    if process::ignores(signal) {
        return None;
    }
    let before: libc::termios = before.clone().into();
    let number = signal as i32;
    let restore_and_end = move || {
        // SAFETY: it reads the settings, which live as long as the handler, and nothing else.
        unsafe { libc::tcsetattr(libc::STDIN_FILENO, libc::TCSANOW, &raw const before) };
        // There is no signal that it would not know.
        let _ = low_level::emulate_default_handler(number);
    };
    // SAFETY: both are async-signal-safe: tcsetattr by signal-safety(7), the other by its
    // documentation. Neither panics, and nothing is allocated or freed.
    unsafe { low_level::register(number, restore_and_end) }.ok()
}
