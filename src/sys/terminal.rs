//! Single keys from a terminal.

use std::io::{self, IsTerminal};
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::ptr;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout};
use nix::sys::signal::Signal;
use nix::sys::termios::{self, SetArg, Termios};
use signal_hook::SigId;
use signal_hook::low_level;

use super::process;

/// What ends a program that does nothing about it; Ctrl-C is the caller's.
const ENDING: [Signal; 3] = [Signal::SIGHUP, Signal::SIGQUIT, Signal::SIGTERM];

/// Standard input as a terminal that gives each key at once and shows none. Ctrl-C stays a signal; Ctrl-Z
/// is none meanwhile, for whoever stopped this process would find the terminal so.
///
/// The terminal is as it was when this is dropped, when a signal ends the process, and while one that somebody
/// sent has it stopped. SIGSTOP alone comes unseen; shells set their terminal right themselves then.
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
        // What nix keeps beside them would not follow changes of its own fields.
        let mut single: libc::termios = before.clone().into();
        single.c_lflag &= !(libc::ICANON | libc::ECHO);
        single.c_cc[libc::VSUSP] = libc::_POSIX_VDISABLE;
        // Before the change, so that none comes between the two.
        let handlers = ENDING.map(|signal| restore_at(signal, &before)).into_iter();
        let handlers = handlers.chain([restore_while_stopped(&before, single), set_again(single)]);
        let keys = Self {
            handlers: handlers.flatten().collect(),
            before,
        };
        termios::tcsetattr(&input, SetArg::TCSANOW, &single.into()).ok()?;
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
        set(&before);
        // There is no signal that it would not know.
        let _ = low_level::emulate_default_handler(number);
    };
    // SAFETY: both are async-signal-safe: tcsetattr by signal-safety(7), the other by its
    // documentation. Neither panics, and nothing is allocated or freed.
    unsafe { low_level::register(number, restore_and_end) }.ok()
}

/// Has the signal that Ctrl-Z is elsewhere restore the terminal before it stops the process.
fn restore_while_stopped(before: &Termios, single: libc::termios) -> Option<SigId> {
    if process::ignores(Signal::SIGTSTP) {
        return None;
    }
    let before: libc::termios = before.clone().into();
    let stop = move || {
        if !is_in_foreground() {
            return stop_as_if_unhandled();
        }
        set(&before);
        stop_as_if_unhandled();
        // The kernel stops none for which there is no shell to continue it.
        set_in_foreground(&single);
    };
    // SAFETY: what it calls is async-signal-safe by signal-safety(7); nothing panics, allocates or frees.
    unsafe { low_level::register(Signal::SIGTSTP as i32, stop) }.ok()
}

/// Has single keys again when the process goes on in the foreground, however it was stopped.
fn set_again(single: libc::termios) -> Option<SigId> {
    let go_on = move || set_in_foreground(&single);
    // SAFETY: as above.
    unsafe { low_level::register(Signal::SIGCONT as i32, go_on) }.ok()
}

/// Does what SIGTSTP does without a handler; returns when the process goes on.
fn stop_as_if_unhandled() {
    let number = Signal::SIGTSTP as i32;
    let mut handled = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: no flags, no signals and no function is what all zeros mean.
    let mut default: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
    default.sa_sigaction = libc::SIG_DFL;
    // SAFETY: it reads the one action and writes the other, which there is room for.
    if unsafe { libc::sigaction(number, &raw const default, handled.as_mut_ptr()) } != 0 {
        return;
    }
    // SAFETY: sends a signal to this thread, and touches no memory. It waits: its handler runs.
    unsafe { libc::raise(number) };
    let mut only = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: writes an empty set into the room for one.
    unsafe { libc::sigemptyset(only.as_mut_ptr()) };
    // SAFETY: the set was made by the line above.
    unsafe { libc::sigaddset(only.as_mut_ptr(), number) };
    // SAFETY: reads the set. The signal that waits stops the process here.
    unsafe { libc::pthread_sigmask(libc::SIG_UNBLOCK, only.as_ptr(), ptr::null_mut()) };
    // SAFETY: reads the action that was there before.
    unsafe { libc::sigaction(number, handled.as_ptr(), ptr::null_mut()) };
}

/// In the background, to change the terminal would stop the process, and it is another's.
fn set_in_foreground(settings: &libc::termios) {
    if is_in_foreground() {
        set(settings);
    }
}

fn is_in_foreground() -> bool {
    // SAFETY: asks the kernel, and touches no memory.
    let foreground = unsafe { libc::tcgetpgrp(libc::STDIN_FILENO) };
    // SAFETY: as above.
    foreground == unsafe { libc::getpgrp() }
}

fn set(settings: &libc::termios) {
    // SAFETY: it reads the settings, and nothing else.
    unsafe { libc::tcsetattr(libc::STDIN_FILENO, libc::TCSANOW, ptr::from_ref(settings)) };
}
