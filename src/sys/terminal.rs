//! Single keys from a terminal.

use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout};
use nix::sys::termios::{self, LocalFlags, SetArg, Termios};

/// Standard input as a terminal that gives each key at once and shows none. Ctrl-C stays a signal.
///
/// The terminal is as it was when this is dropped.
pub struct Keys {
    before: Termios,
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
        termios::tcsetattr(&input, SetArg::TCSANOW, &single).ok()?;
        Some(Self { before })
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
    }
}
