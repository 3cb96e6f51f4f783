//! Runs a test as a process, with its own process group, and kills the group
//! when it is late.
//!
//! The test and its children are forked, so a lock that hangs hangs none of the
//! test program's threads. A test dies with the thread that watches it, and its
//! children with it, also when the test program itself is killed.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, FromRawFd, OwnedFd};
use std::panic;
use std::process;
use std::sync::{Once, OnceLock};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork, pipe2, setpgid};

use crate::process::exit_after;

/// The slowest test needs under a second alone; this is for a machine that is
/// busy with others.
const LIMIT: Duration = Duration::from_secs(60);

/// Set in a watched test and its children.
static REPORTS: OnceLock<File> = OnceLock::new();

/// Runs `test`, and fails if it panics or is not done in time.
pub fn watched(test: impl FnOnce()) {
    watched_for(LIMIT, test).unwrap();
}

/// As [`watched`], with a limit, and the failure's text returned.
pub fn watched_for(limit: Duration, test: impl FnOnce()) -> Result<(), String> {
    divert_panics();
    let (reader, writer) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK).unwrap();
    // SAFETY: the child of this program of several threads relies on nothing that
    // another thread may hold but the allocator, which glibc makes usable.
    match unsafe { fork() }.unwrap() {
        ForkResult::Child => exit_after(|| {
            set_pdeathsig(Signal::SIGKILL).unwrap();
            setpgid(Pid::from_raw(0), Pid::from_raw(0)).unwrap();
            REPORTS.set(File::from(writer)).unwrap();
            test();
        }),
        ForkResult::Parent { child } => {
            // Both sides set it, so that it is set whoever comes first.
            setpgid(child, child).unwrap();
            let in_time = ends_within(child, limit);
            // Everybody: a test that ended may have left children.
            killpg(child, Signal::SIGKILL).unwrap();
            let end = waitpid(child, None).unwrap();
            match end {
                WaitStatus::Exited(_, 0) if in_time => Ok(()),
                _ => Err(format!(
                    "in time: {in_time}, {end:?}\n{}",
                    reported(reader.into())
                )),
            }
        }
    }
}

fn ends_within(child: Pid, limit: Duration) -> bool {
    // SAFETY: the call touches no memory; the child is not reaped yet, so the
    // number is its own.
    let raw = unsafe { libc::syscall(libc::SYS_pidfd_open, child.as_raw(), 0) };
    let raw = i32::try_from(Errno::result(raw).unwrap()).unwrap();
    // SAFETY: the call returned a new descriptor, which nobody else owns.
    let ended = unsafe { OwnedFd::from_raw_fd(raw) };
    let mut readable = [PollFd::new(ended.as_fd(), PollFlags::POLLIN)];
    poll(&mut readable, PollTimeout::try_from(limit).unwrap()).unwrap() > 0
}

/// Sends the panic messages of watched tests to who watches: what a forked child
/// writes to the test program's captured output is lost.
///
/// Installed once, before the first fork. A child that installed it would wait
/// for ever if another thread was panicking when it was forked.
fn divert_panics() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |what| match REPORTS.get() {
            // A full pipe holds enough of them.
            Some(mut pipe) => {
                let _ = writeln!(pipe, "{what} (pid {})", process::id());
            }
            None => usual(what),
        }));
    });
}

/// What stands in the pipe; it does not block, for others may have copies of the
/// writing end.
fn reported(mut pipe: File) -> String {
    let mut text = Vec::new();
    if let Err(error) = pipe.read_to_end(&mut text) {
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    }
    String::from_utf8_lossy(&text).into_owned()
}

#[test]
fn watchdog_kills_a_test_that_hangs() {
    let failure = watched_for(Duration::from_millis(50), || {
        crate::process::wait_to_be_killed();
    });
    assert!(failure.unwrap_err().starts_with("in time: false"));
}

#[test]
fn watchdog_passes_on_what_a_test_panics_with() {
    let failure = watched_for(LIMIT, || panic!("seven is odd"));
    assert!(failure.unwrap_err().contains("seven is odd"));
}
