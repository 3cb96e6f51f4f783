//! Whether standard output was closed when the program started.
//!
//! Rust's runtime opens `/dev/null` in the place of a standard descriptor that is closed, before
//! `main`. A result written there is lost without an error, so what was found is noted before that.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

static WAS_CLOSED: AtomicBool = AtomicBool::new(false);

/// Tells whether standard output was closed when the program started.
pub fn was_closed() -> bool {
    // Relaxed: written before `main`, when there was one thread.
    WAS_CLOSED.load(Relaxed)
}

/// Has the loader call [`note`] before the runtime starts.
// SAFETY: `.init_array` holds pointers to C functions that are called before `main`; this is one,
// and it takes fewer of the arguments than it is given, which the C calling conventions of x86-64
// and aarch64 allow.
#[unsafe(link_section = ".init_array")]
#[used]
static NOTE: extern "C" fn() = note;

extern "C" fn note() {
    // SAFETY: F_GETFD reads and writes no memory of the caller, and nothing here needs Rust's
    // runtime: an atomic of static storage, and a call that is a system call.
    let flags = unsafe { libc::fcntl(libc::STDOUT_FILENO, libc::F_GETFD) };
    WAS_CLOSED.store(flags == -1, Relaxed);
}
