//! A forked child of a test.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork};

const SUCCEEDED: i32 = 0;
const PANICKED: i32 = 1;

#[must_use]
pub struct Process(Pid);

impl Process {
    /// Forks a child that does `work` and exits; it dies with its parent. The test has one thread when it
    /// calls this, so the child may do what it likes.
    pub fn start(work: impl FnOnce()) -> Self {
        // SAFETY: the calling process has one thread: no lock of another is copied.
        match unsafe { fork() }.unwrap() {
            ForkResult::Parent { child } => Self(child),
            ForkResult::Child => exit_after(|| {
                set_pdeathsig(Signal::SIGKILL).unwrap();
                work();
            }),
        }
    }

    /// Waits for the child's end; whether it came to it without a panic.
    #[must_use]
    pub fn succeeded(self) -> bool {
        matches!(
            waitpid(self.0, None).unwrap(),
            WaitStatus::Exited(_, SUCCEEDED)
        )
    }

    /// Kills the child and waits until nothing is left of it.
    pub fn kill(self) {
        kill(self.0, Signal::SIGKILL).unwrap();
        let end = waitpid(self.0, None).unwrap();
        assert_eq!(end, WaitStatus::Signaled(self.0, Signal::SIGKILL, false));
    }

    /// Waits until the child sleeps in the kernel. The caller knows that there is
    /// one place where it can, and that nobody wakes it before the caller acts.
    pub fn wait_until_asleep(&self) {
        while self.state() != 'S' {
            thread::yield_now();
        }
    }

    /// The kernel's letter for what the child does.
    fn state(&self) -> char {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0)).unwrap();
        // The program's name comes before it, in brackets, and may hold anything.
        let (_, after_name) = stat.rsplit_once(") ").unwrap();
        after_name.chars().next().unwrap()
    }
}

/// Exits without running what the parent registered for its own exit.
pub fn exit_after(work: impl FnOnce()) -> ! {
    let code = match catch_unwind(AssertUnwindSafe(work)) {
        Ok(()) => SUCCEEDED,
        Err(_) => PANICKED,
    };
    // SAFETY: ends the process; its memory is of no use to anybody after this.
    unsafe { libc::_exit(code) }
}

/// Waits for the SIGKILL that is to come.
pub fn wait_to_be_killed() -> ! {
    loop {
        nix::unistd::pause();
    }
}
