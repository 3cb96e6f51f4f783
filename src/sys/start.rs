//! Where the programs start, and what they were started with.
//!
//! Not in Rust's runtime: before `main` that reads `/proc/self/maps` to find the end of the stack, and makes
//! a second one for a handler that names a stack overflow; 60 of the 900 µs that a `shmcount add` takes. Of
//! the rest of what it does, what matters is done here: closed standard descriptors are opened, so that
//! no segment becomes standard output, and writing to a closed pipe is an error and not the end.
//!
//! What was found before is noted: a result that is written to `/dev/null` is lost, and programs that are
//! started in turn shall find all as it was.

use std::ffi::c_int;
use std::panic::{self, AssertUnwindSafe};
use std::process;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use nix::sys::signal::Signal;

/// Whether the descriptors 0, 1 and 2 were closed.
static WERE_CLOSED: [AtomicBool; 3] = [const { AtomicBool::new(false) }; 3];
/// Whether SIGPIPE was ignored.
static PIPE_WAS_IGNORED: AtomicBool = AtomicBool::new(false);

/// The exit code of a panic, as the runtime has it.
const PANICKED: u8 = 101;

/// Makes a function that returns an exit code the `main` of a program that says `#![no_main]`.
///
/// It passes no argument count or vector on, because glibc alone gives those to `std::env::args` without
/// it, and glibc is all that this crate builds on.
#[macro_export]
#[doc(hidden)]
macro_rules! program {
    ($main:path) => {
        // SAFETY: the program's only `main`, and C's start calls it with the arguments that it leaves
        // out, which the C calling conventions of x86-64 and aarch64 allow.
        #[unsafe(no_mangle)]
        extern "C" fn main() -> ::std::ffi::c_int {
            $crate::sys::start::start($main)
        }
    };
}

/// Prepares the process, calls `main`, and ends with the exit code that it returns.
#[doc(hidden)]
pub fn start(main: fn() -> u8) -> c_int {
    open_standard_descriptors();
    PIPE_WAS_IGNORED.store(super::process::ignores(Signal::SIGPIPE), Relaxed);
    super::process::ignore(Signal::SIGPIPE);
    // A panic must not unwind into C.
    let code = panic::catch_unwind(AssertUnwindSafe(main)).unwrap_or(PANICKED);
    // SAFETY: it runs nothing of the program. Nothing is left to be done: what is written is flushed where it
    // is written, and the kernel takes back the rest.
    unsafe { libc::_exit(code.into()) }
}

/// Tells whether standard input was closed when the program started.
pub fn stdin_was_closed() -> bool {
    was_closed(libc::STDIN_FILENO)
}

/// Tells whether standard output was closed when the program started.
pub fn stdout_was_closed() -> bool {
    was_closed(libc::STDOUT_FILENO)
}

fn was_closed(descriptor: c_int) -> bool {
    // Relaxed: written before there was a second thread.
    WERE_CLOSED[descriptor as usize].load(Relaxed)
}

/// Makes it as it was: for a process that is about to become another program.
pub fn restore() {
    for (descriptor, was_closed) in WERE_CLOSED.iter().enumerate() {
        // Relaxed: as above.
        if was_closed.load(Relaxed) {
            // It is open since the start; if not, it is as it was.
            let _ = nix::unistd::close(descriptor as i32);
        }
    }
    if !PIPE_WAS_IGNORED.load(Relaxed) {
        super::process::restore(&[Signal::SIGPIPE]);
    }
}

fn open_standard_descriptors() {
    for (descriptor, was_closed) in WERE_CLOSED.iter().enumerate() {
        // SAFETY: F_GETFD reads and writes no memory of the caller.
        if unsafe { libc::fcntl(descriptor as i32, libc::F_GETFD) } != -1 {
            continue;
        }
        was_closed.store(true, Relaxed);
        // The lowest that is free, which is this one: those below are open by now.
        // SAFETY: the path is a C string, and lives as long as the program.
        let opened = unsafe { libc::open(c"/dev/null".as_ptr(), libc::O_RDWR) };
        if opened != descriptor as i32 {
            // As the runtime does: what is opened next would be taken for it.
            process::abort();
        }
    }
}
