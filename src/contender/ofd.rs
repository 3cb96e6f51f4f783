//! An open-file-description lock (`F_OFD_SETLKW`) on a file, one description a
//! thread.
//!
//! The kernel keeps the lock, on the description; no byte of shared memory is
//! used. A killed holder's descriptions are closed at its death, so the lock is
//! free at once, but the next holder is not told. A killed waiter leaves
//! nothing. A thread that takes it twice gets it twice and frees it once.

use std::ffi::c_int;
use std::fs::File;
use std::io;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};

use super::thread_file::ThreadFile;
use super::{Acquired, ForeignLock, Place};

/// An exclusive OFD lock on the whole of the place's file.
pub struct Ofd {
    file: ThreadFile,
}

// SAFETY: no two threads of any processes share a description, see `ThreadFile`,
// and the kernel gives F_WRLCK to one description at a time. It takes and frees
// it under a spin lock of the file's, which orders the holders' accesses.
unsafe impl ForeignLock for Ofd {
    const NAME: &'static str = "ofd";
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
        self.file.with(|file| set(file, libc::F_WRLCK))?;
        Ok(Acquired::Clean)
    }

    #[inline]
    fn unlock(&self) -> io::Result<()> {
        self.file.with_opened(|file| set(file, libc::F_UNLCK))
    }
}

fn set(file: &File, kind: c_int) -> io::Result<()> {
    let whole = libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        // 0: to the end, wherever that comes to be.
        l_len: 0,
        // The kernel refuses any other for a lock that no process owns.
        l_pid: 0,
    };
    loop {
        match fcntl(file, FcntlArg::F_OFD_SETLKW(&whole)) {
            Ok(_) => return Ok(()),
            // A signal handler ran; the lock was not taken.
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
