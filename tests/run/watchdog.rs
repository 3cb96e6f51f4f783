//! Kills a process that is late, so that a test that hangs fails instead.

use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// The slowest test needs some seconds alone; this is for a machine that is busy with others.
pub const LIMIT: Duration = Duration::from_secs(120);

/// Kills a child of this process after [`LIMIT`], unless dropped before, which must be before the
/// child is collected.
pub struct Watchdog {
    _called_off: Sender<()>,
}

impl Watchdog {
    pub fn of(pid: u32) -> Self {
        let (called_off, wait) = mpsc::channel::<()>();
        thread::spawn(move || {
            if wait.recv_timeout(LIMIT) == Err(mpsc::RecvTimeoutError::Timeout) {
                let _ = kill(Pid::from_raw(pid as i32), Signal::SIGKILL);
            }
        });
        Self {
            _called_off: called_off,
        }
    }
}

/// Looks again and again until it is so; fails when that takes too long.
pub fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let begun = std::time::Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < LIMIT, "never: {what}");
        thread::yield_now();
    }
}
