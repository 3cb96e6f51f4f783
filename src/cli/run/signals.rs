//! Ends a run in order when a signal asks for it.

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use nix::sys::signal::Signal;
use signal_hook::{flag, low_level::pipe};

use crate::cli::exit_code::{Failure, REFUSED};
use crate::run::Watch;
use crate::sys::process;

/// Has Ctrl-C, SIGTERM and the end of the terminal interrupt the run.
pub(super) fn interrupt(watch: Watch) -> Result<Watch, Failure> {
    // A parent that ignores its children's ends would keep us from hearing of ours.
    process::restore(&[Signal::SIGCHLD]);
    listen(watch).map_err(|error| Failure::Error {
        code: REFUSED,
        error: format!("cannot listen for signals: {error}").into(),
        help: None,
    })
}

fn listen(watch: Watch) -> io::Result<Watch> {
    let arrived = Arc::new(AtomicUsize::new(0));
    let (wake, waker) = UnixStream::pair()?;
    wake.set_nonblocking(true)?;
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        // nohup(1) is to work as everywhere.
        if signal == Signal::SIGHUP && process::ignores(signal) {
            continue;
        }
        // In this order: what arrived is stored before anybody is woken.
        flag::register_usize(signal as i32, Arc::clone(&arrived), signal as usize)?;
        pipe::register(signal as i32, waker.try_clone()?)?;
    }
    Ok(watch.interrupted_by(arrived, wake))
}
