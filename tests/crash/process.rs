//! Processes that a test starts: they end with it, and one can be known to sleep in the kernel.
//!
//! The program forks only while it has one thread (see `main`), so a child may do anything.

use std::fs;
use std::os::fd::{AsFd, FromRawFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::{ForkResult, Pid, fork};
use shmcount::sys::process::die_with;

static PATIENCE_MS: AtomicU64 = AtomicU64::new(1_000);

/// Returns how long to wait for what takes microseconds, before it counts as hung: a second.
pub fn patience() -> Duration {
    // Relaxed: set before anything is waited for.
    Duration::from_millis(PATIENCE_MS.load(Relaxed))
}

/// Waits less for what is known to hang at dozens of points.
pub fn expect_to_hang() {
    PATIENCE_MS.store(100, Relaxed);
}

/// A child process, killed and waited for when this is dropped.
pub struct Child {
    pid: Pid,
    reaped: bool,
}

impl Child {
    /// Forks a child that does `work` and ends, with code 0 unless `work` panics.
    pub fn start(work: impl FnOnce()) -> Self {
        let parent = process::id();
        // SAFETY: this process has one thread, so nothing is locked for ever in the child.
        match unsafe { fork() }.expect("fork") {
            ForkResult::Parent { child } => Self {
                pid: child,
                reaped: false,
            },
            ForkResult::Child => {
                die_with(parent).expect("prctl is allowed");
                let outcome = catch_unwind(AssertUnwindSafe(work));
                process::exit(i32::from(outcome.is_err()))
            }
        }
    }

    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Tells whether the child sleeps on a futex at this moment. The kernel answers with the
    /// number of the system call only for a process that is off the processor.
    pub fn is_asleep(&self) -> bool {
        let call = fs::read_to_string(format!("/proc/{}/syscall", self.pid)).unwrap_or_default();
        let number = call.split(' ').next().and_then(|first| first.parse().ok());
        matches!(number, Some(libc::SYS_futex | libc::SYS_futex_waitv))
    }

    /// Tells whether the child is on a processor, or would be if one were free.
    pub fn is_running(&self) -> bool {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid)).unwrap_or_default();
        // Behind the name, which may hold anything.
        let state = stat
            .rsplit_once(") ")
            .and_then(|(_, state)| state.chars().next());
        state == Some('R')
    }

    /// Waits until the child sleeps on a futex.
    pub fn wait_until_asleep(&self) {
        let end = Instant::now() + 10 * patience();
        while !self.is_asleep() {
            assert!(Instant::now() < end, "process {} never slept", self.pid);
            thread::yield_now();
        }
    }

    /// Tells whether the child ends well within a second.
    pub fn ends(mut self) -> bool {
        if !self.comes_to_an_end() {
            return false;
        }
        self.reaped = true;
        waitpid(self.pid, None) == Ok(WaitStatus::Exited(self.pid, 0))
    }

    /// Tells whether the child ends within a second, well or not.
    pub fn comes_to_an_end(&self) -> bool {
        // SAFETY: pidfd_open takes two numbers and returns a new descriptor or -1.
        let opened = unsafe { libc::syscall(libc::SYS_pidfd_open, self.pid.as_raw(), 0) };
        let opened = i32::try_from(opened).expect("a descriptor is an int");
        assert!(opened >= 0, "pidfd_open of an own child");
        // SAFETY: it was just opened and belongs to nobody else.
        let descriptor = unsafe { OwnedFd::from_raw_fd(opened) };
        let mut polled = [PollFd::new(descriptor.as_fd(), PollFlags::POLLIN)];
        let timeout = PollTimeout::from(patience().as_millis() as u16);
        // Who does not sleep is not hung: a busy machine has not let it run.
        let end = Instant::now() + 10 * patience();
        while poll(&mut polled, timeout).expect("poll") == 0 {
            if self.is_asleep() || Instant::now() >= end {
                return false;
            }
        }
        true
    }

    /// Returns how the child ended, if it did.
    pub fn poll(&mut self) -> Option<WaitStatus> {
        match waitpid(self.pid, Some(WaitPidFlag::WNOHANG)).expect("an own child") {
            WaitStatus::StillAlive => None,
            status => {
                self.reaped = true;
                Some(status)
            }
        }
    }

    /// Stops the child, so that it has no part in what comes until it [goes on](Self::go_on).
    pub fn stop(&self) {
        kill(self.pid, Signal::SIGSTOP).expect("an own child");
        let flags = WaitPidFlag::WSTOPPED | WaitPidFlag::WNOWAIT;
        waitid(Id::Pid(self.pid), flags).expect("an own child");
    }

    pub fn go_on(&self) {
        kill(self.pid, Signal::SIGCONT).expect("an own child");
    }

    /// Kills the child and waits until it is gone.
    pub fn kill(self) {}
}

impl Drop for Child {
    fn drop(&mut self) {
        if !self.reaped {
            let _ = kill(self.pid, Signal::SIGKILL);
            // A tracer is told of the stops of its child too; only the end counts.
            while !matches!(
                waitpid(self.pid, None),
                Ok(WaitStatus::Signaled(..) | WaitStatus::Exited(..)) | Err(_)
            ) {}
        }
    }
}

/// Returns how many descriptors and mappings this process has.
pub fn belongings() -> (usize, usize) {
    let descriptors = fs::read_dir("/proc/self/fd")
        .expect("/proc is mounted")
        .count();
    let mappings = fs::read_to_string("/proc/self/maps").expect("/proc is mounted");
    // Only named ones: the allocator's own come and go.
    let named = mappings
        .lines()
        .filter(|line| line.contains("shmcount"))
        .count();
    (descriptors, named)
}
