//! Processes that this one forked, none of which outlives the handle.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::error::Error;
use crate::sys::process;

/// How often ends are looked for: short beside a round, and not in its way.
const TICK: Duration = Duration::from_millis(1);

/// Forked processes that have not been waited for.
#[derive(Debug, Default)]
pub(super) struct Children {
    running: Vec<Pid>,
}

impl Children {
    /// Forks a process for `work`, which returns what it ends with. It ends with this one.
    pub(super) fn fork(&mut self, work: impl FnOnce() -> i32) -> Result<Pid, Error> {
        let parent = std::process::id();
        let tied = || match process::die_with(parent) {
            Ok(()) => work(),
            Err(_) => 1,
        };
        let pid = Pid::from_raw(process::fork(tied).map_err(Error::Start)? as i32);
        self.running.push(pid);
        Ok(pid)
    }

    /// Waits until all have ended, for so long; tells whether they have.
    ///
    /// # Errors
    ///
    /// How one ended, if otherwise than with 0.
    pub(super) fn join(&mut self, timeout: Duration) -> Result<bool, String> {
        let start = Instant::now();
        loop {
            self.collect()?;
            if self.running.is_empty() {
                return Ok(true);
            }
            if start.elapsed() >= timeout {
                return Ok(false);
            }
            thread::sleep(TICK);
        }
    }

    /// Forgets those that have ended.
    ///
    /// # Errors
    ///
    /// How one ended, if otherwise than with 0.
    pub(super) fn collect(&mut self) -> Result<(), String> {
        let mut bad = None;
        self.running
            .retain(|pid| match process::try_collect(raw(*pid)) {
                Ok(None) => true,
                Ok(Some(status)) => {
                    bad = bad.take().or_else(|| bad_end(status));
                    false
                }
                // Somebody else took the status, and with it the news of a bad end.
                Err(_) => false,
            });
        bad.map_or(Ok(()), Err)
    }

    /// Kills one with SIGKILL, and returns when it is gone.
    pub(super) fn kill(&mut self, pid: Pid) {
        self.running.retain(|running| *running != pid);
        end(pid);
    }
}

impl Drop for Children {
    fn drop(&mut self) {
        for pid in self.running.drain(..) {
            end(pid);
        }
    }
}

fn end(pid: Pid) {
    // Not waited for yet, so the id is still its own.
    let _ = kill(pid, Signal::SIGKILL);
    let _ = process::collect(raw(pid));
}

/// Returns how one ended, if otherwise than with 0.
fn bad_end(status: ExitStatus) -> Option<String> {
    match (status.code(), status.signal()) {
        (Some(0), _) => None,
        (Some(code), _) => Some(format!("exited with status {code}")),
        (None, signal) => Some(match Signal::try_from(signal.unwrap_or_default()) {
            Ok(signal) => format!("was killed by {signal}"),
            Err(_) => format!("was killed by signal {}", signal.unwrap_or_default()),
        }),
    }
}

fn raw(pid: Pid) -> u32 {
    pid.as_raw() as u32
}
