//! A byte of a file, locked for an open file description: a lock that a program shares with whatever
//! it starts.
//!
//! The kernel keeps it (`F_OFD_SETLK`, fcntl(2)), not for a process but for the description. Who
//! inherits a descriptor of it holds the lock too, through fork and exec, and it is free once the last
//! of them has closed it or has ended. A process that is killed closes its descriptors after the
//! last of its threads has left the program for good, so who gets the byte then runs beside nobody.

use std::ffi::c_int;
use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};

use super::clock::Deadline;

/// Descriptors that scripts and shells choose by number are smaller, but for the 200 of flock(1)'s
/// manual: what is moved to one of theirs would be closed with it.
const OUT_OF_THE_WAY: RawFd = 100;
/// What a process has that may open no more than that.
const NOT_STANDARD: RawFd = 3;

/// An open file description for which bytes can be locked.
#[derive(Debug)]
pub struct ByteLock {
    file: File,
}

impl ByteLock {
    /// Opens the file of this name, if it is the one with this inode number. No byte is locked yet.
    ///
    /// Only who may write may lock so that others are kept out, and what is open is inherited by programs
    /// that know nothing of it. So what one of them writes to it by mistake is refused: its
    /// position is the last one there is, behind which nothing can be written.
    ///
    /// # Errors
    ///
    /// `NotFound` when the name is none or another file's; whatever the system answers.
    pub fn open(path: &Path, inode: u64) -> io::Result<Self> {
        let mut options = File::options();
        options
            .read(true)
            .write(true)
            .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
        let mut file = move_away(options.open(path)?)?;
        if file.metadata()?.ino() != inode {
            return Err(io::ErrorKind::NotFound.into());
        }
        file.seek(SeekFrom::Start(i64::MAX as u64))?;
        Ok(Self { file })
    }

    /// Locks a byte if no other description has it locked.
    ///
    /// # Errors
    ///
    /// Whatever the system answers.
    pub fn try_lock(&self, byte: u64) -> io::Result<bool> {
        match fcntl(&self.file, FcntlArg::F_OFD_SETLK(&exclusive(byte))) {
            Ok(_) => Ok(true),
            Err(Errno::EAGAIN | Errno::EACCES) => Ok(false),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Tells whether another description has any byte locked.
    ///
    /// # Errors
    ///
    /// Whatever the system answers.
    pub fn is_locked_elsewhere(&self) -> io::Result<bool> {
        // No length is all that comes after.
        let mut found = libc::flock {
            l_len: 0,
            ..exclusive(0)
        };
        fcntl(&self.file, FcntlArg::F_OFD_GETLK(&mut found))?;
        Ok(found.l_type != libc::F_UNLCK as libc::c_short)
    }

    /// Sleeps until it has locked a byte, or the deadline has passed; returns nothing then.
    ///
    /// The system call knows no deadline. With one, a thread makes the call; it sleeps on when the
    /// time is over, and what it gets later is free again at once.
    ///
    /// # Errors
    ///
    /// Whatever the system answers.
    pub fn lock(self, byte: u64, deadline: Option<Deadline>) -> io::Result<Option<Self>> {
        if self.try_lock(byte)? {
            return Ok(Some(self));
        }
        let Some(deadline) = deadline else {
            self.sleep_until_locked(byte)?;
            return Ok(Some(self));
        };
        let (locked, outcome) = mpsc::channel();
        let sleeper = thread::Builder::new().spawn(move || {
            let done = self.sleep_until_locked(byte);
            // Nobody listens any more: the lock goes with the description.
            let _ = locked.send(done.map(|()| self));
        })?;
        match outcome.recv_timeout(deadline.remaining()) {
            Ok(done) => {
                // The caller may want to fork, alone.
                let _ = sleeper.join();
                done.map(Some)
            }
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(io::Error::other("a thread panicked")),
        }
    }

    /// Has programs inherit the description that this process becomes.
    ///
    /// # Errors
    ///
    /// None that the kernel has a reason for.
    pub fn keep_through_exec(&self) -> io::Result<()> {
        fcntl(&self.file, FcntlArg::F_SETFD(FdFlag::empty()))?;
        Ok(())
    }

    fn sleep_until_locked(&self, byte: u64) -> io::Result<()> {
        loop {
            match fcntl(&self.file, FcntlArg::F_OFD_SETLKW(&exclusive(byte))) {
                Ok(_) => return Ok(()),
                // A signal handler ran; the lock was not taken.
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }
}

fn exclusive(byte: u64) -> libc::flock {
    libc::flock {
        l_type: libc::F_WRLCK as c_int as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: byte as libc::off_t,
        l_len: 1,
        // The kernel refuses any other for a lock that no process owns.
        l_pid: 0,
    }
}

/// Gives the file a descriptor that nobody else wants.
fn move_away(file: File) -> io::Result<File> {
    let duplicate = |least| fcntl(&file, FcntlArg::F_DUPFD_CLOEXEC(least));
    let descriptor = match duplicate(OUT_OF_THE_WAY) {
        Err(Errno::EINVAL | Errno::EMFILE) => duplicate(NOT_STANDARD)?,
        moved => moved?,
    };
    debug_assert_ne!(descriptor, file.as_raw_fd());
    // SAFETY: the kernel has just made it for us.
    let moved = unsafe { OwnedFd::from_raw_fd(descriptor) };
    Ok(moved.into())
}
