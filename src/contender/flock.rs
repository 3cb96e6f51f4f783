//! `flock(2)` on a file, one open file description a thread.
//!
//! The kernel keeps the lock, on the description; no byte of shared memory is
//! used. A killed holder's descriptions are closed at its death, so the lock is
//! free at once, but the next holder is not told. A killed waiter leaves
//! nothing. A thread that takes it twice gets it twice and frees it once.

use std::ffi::c_int;
use std::io;
use std::os::fd::AsRawFd;

use super::thread_file::ThreadFile;
use super::{Acquired, ForeignLock, Place};

/// An exclusive `flock` on the place's file.
pub struct Flock {
    file: ThreadFile,
}

// SAFETY: no two threads of any processes share a description, see `ThreadFile`,
// and the kernel gives LOCK_EX to one description at a time. It takes and frees
// it under a spin lock of the file's, which orders the holders' accesses.
unsafe impl ForeignLock for Flock {
    const NAME: &'static str = "flock";
    const BYTES: usize = 0;

    unsafe fn create(place: &Place) -> io::Result<()> {
        ThreadFile::open(place.file).map(drop)
    }

    unsafe fn attach(place: &Place) -> io::Result<Self> {
        let file = ThreadFile::open(place.file)?;
        Ok(Self { file })
    }

    #[inline]
    fn lock(&self) -> io::Result<Acquired> {
        self.file.with(|file| flock(file, libc::LOCK_EX))?;
        Ok(Acquired::Clean)
    }

    #[inline]
    fn unlock(&self) -> io::Result<()> {
        self.file.with_opened(|file| flock(file, libc::LOCK_UN))
    }
}

fn flock(file: &impl AsRawFd, operation: c_int) -> io::Result<()> {
    loop {
        // SAFETY: the descriptor is open, for `file` is borrowed, and the call
        // touches no memory.
        if unsafe { libc::flock(file.as_raw_fd(), operation) } == 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        // A signal handler ran; the lock was not taken.
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}
