//! What this program was started with and Rust's runtime has changed since, for the programs that it
//! starts in turn.
//!
//! Before `main` the runtime opens `/dev/null` in the place of a standard descriptor that is closed, and
//! has SIGPIPE ignored. What was found is noted before that.

use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use nix::sys::signal::{SigHandler, Signal};

use super::process;

/// Whether the descriptors 0, 1 and 2 were closed.
static WERE_CLOSED: [AtomicBool; 3] = [const { AtomicBool::new(false) }; 3];
/// Whether SIGPIPE was ignored.
static PIPE_WAS_IGNORED: AtomicBool = AtomicBool::new(false);

/// Makes it as it was: for a process that is about to become another program.
pub fn restore() {
    for (descriptor, was_closed) in WERE_CLOSED.iter().enumerate() {
        // Relaxed: written before `main`, when there was one thread.
        if was_closed.load(Relaxed) {
            // It is open since the runtime started; if not, it is as it was.
            let _ = nix::unistd::close(descriptor as i32);
        }
    }
    if !PIPE_WAS_IGNORED.load(Relaxed) {
        process::restore(&[Signal::SIGPIPE]);
    }
}

/// Has SIGCHLD do nothing special, so that children can be waited for; tells whether it was ignored.
pub fn attend_children() -> bool {
    let was_ignored = process::ignores(Signal::SIGCHLD);
    process::restore(&[Signal::SIGCHLD]);
    was_ignored
}

/// Has SIGCHLD ignored again: for a process that is about to become another program.
pub fn ignore_children() {
    // SAFETY: to ignore a signal runs no code of this process.
    let ignored = unsafe { nix::sys::signal::signal(Signal::SIGCHLD, SigHandler::SigIgn) };
    debug_assert!(ignored.is_ok(), "SIGCHLD can be ignored");
}

/// Has the loader call [`note`] before the runtime starts.
// SAFETY: `.init_array` holds pointers to C functions that are called before `main`; this is one,
// and it takes fewer of the arguments than it is given, which the C calling conventions of x86-64
// and aarch64 allow.
#[unsafe(link_section = ".init_array")]
#[used]
static NOTE: extern "C" fn() = note;

extern "C" fn note() {
    for (descriptor, was_closed) in WERE_CLOSED.iter().enumerate() {
        // SAFETY: F_GETFD reads and writes no memory of the caller, and nothing here needs Rust's
        // runtime: an atomic of static storage, and a call that is a system call.
        let flags = unsafe { libc::fcntl(descriptor as i32, libc::F_GETFD) };
        was_closed.store(flags == -1, Relaxed);
    }
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: with no new action, sigaction only writes the old one, which there is room for.
    let asked = unsafe { libc::sigaction(libc::SIGPIPE, ptr::null(), action.as_mut_ptr()) };
    // SAFETY: zeroes are a valid one, and sigaction wrote another if it succeeded.
    let action = unsafe { action.assume_init() };
    let is_ignored = asked == 0 && action.sa_sigaction == libc::SIG_IGN;
    PIPE_WAS_IGNORED.store(is_ignored, Relaxed);
}
