//! A pipe by which processes tell one that waits that there is something to look at.
//!
//! A ring is the ringer's number, four bytes, so it arrives whole. Nothing else depends on the pipe:
//! who is killed before it rings is noticed by its end, through [`Ended`].

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::Duration;

use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// The end that is listened to.
#[derive(Debug)]
pub struct Bell {
    pipe: File,
}

/// An end that can be rung.
#[derive(Debug)]
pub struct Ringer {
    pipe: File,
}

/// Makes a bell and its first ringer.
///
/// # Errors
///
/// When there are no descriptors left.
pub fn bell() -> io::Result<(Bell, Ringer)> {
    let (read, write) = nix::unistd::pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
    let bell = Bell { pipe: read.into() };
    Ok((bell, Ringer { pipe: write.into() }))
}

impl Bell {
    /// Takes a ring, if there is one.
    pub fn take(&mut self) -> Option<u32> {
        let mut number = [0; 4];
        self.pipe.read_exact(&mut number).ok()?;
        Some(u32::from_le_bytes(number))
    }

    /// Sleeps until there is a ring, one of the processes has ended, `other` can be read, or the
    /// time is over.
    pub fn wait(&self, ended: &[&Ended], other: Option<BorrowedFd<'_>>, timeout: Duration) {
        let descriptors = ended.iter().map(|process| process.descriptor.as_fd());
        let mut descriptors: Vec<PollFd<'_>> = std::iter::once(self.pipe.as_fd())
            .chain(other)
            .chain(descriptors)
            .map(|descriptor| PollFd::new(descriptor, PollFlags::POLLIN))
            .collect();
        // Rounded up: a wait of half a millisecond must not become a busy loop.
        let milliseconds = timeout.as_micros().div_ceil(1000);
        let timeout = PollTimeout::try_from(milliseconds).unwrap_or(PollTimeout::MAX);
        // A signal that ends the wait is a reason to look, too.
        let _ = poll(&mut descriptors, timeout);
    }
}

impl Ringer {
    /// Rings. When the pipe is full there is enough to look at.
    pub fn ring(&self, number: u32) {
        let _ = (&self.pipe).write(&number.to_le_bytes());
    }

    /// Returns another end that can be rung.
    ///
    /// # Errors
    ///
    /// When there are no descriptors left.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self {
            pipe: self.pipe.try_clone()?,
        })
    }

    /// Takes the ringer that was handed to this process as its standard input.
    ///
    /// # Errors
    ///
    /// When the standard input is closed.
    pub fn from_stdin() -> io::Result<Self> {
        let pipe = io::stdin().as_fd().try_clone_to_owned()?;
        Ok(Self { pipe: pipe.into() })
    }
}

impl From<Ringer> for std::process::Stdio {
    fn from(ringer: Ringer) -> Self {
        ringer.pipe.into()
    }
}

/// A process whose end can be waited for beside other things.
#[derive(Debug)]
pub struct Ended {
    descriptor: OwnedFd,
}

impl Ended {
    /// Watches a child of this process.
    ///
    /// # Errors
    ///
    /// When there are no descriptors left, or the kernel is older than Linux 5.3.
    pub fn of_child(pid: u32) -> io::Result<Self> {
        // SAFETY: pidfd_open reads no memory.
        let descriptor = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
        if descriptor < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel has just made it for us.
        let descriptor = unsafe { OwnedFd::from_raw_fd(descriptor as i32) };
        Ok(Self { descriptor })
    }
}
