//! The COMMAND that leaves its process group and counts how often it is interrupted.

use std::os::fd::AsFd;
use std::process::ExitCode;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::SignalFd;
use nix::unistd::{Pid, setpgid};

const INTERRUPTS: &str = "--interrupts";
/// What is sent on comes within microseconds; this is for a machine that is busy.
const PATIENCE: u16 = 1_000;

/// The words that start it.
pub fn words() -> Vec<String> {
    let program = std::env::current_exe().unwrap().display().to_string();
    vec![program, INTERRUPTS.to_owned()]
}

/// Is it, if the arguments say so: it ends with how many SIGINT came.
pub fn of_arguments() -> Option<ExitCode> {
    (std::env::args().nth(1)? == INTERRUPTS).then(|| ExitCode::from(count()))
}

fn count() -> u8 {
    let interrupt = SigSet::from(Signal::SIGINT);
    interrupt.thread_block().unwrap();
    let signals = SignalFd::new(&interrupt).unwrap();
    setpgid(Pid::from_raw(0), Pid::from_raw(0)).unwrap();
    println!("ready");
    let mut count = 0;
    let mut more = [PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
    while poll(&mut more, PollTimeout::from(PATIENCE)).unwrap() > 0 {
        signals.read_signal().unwrap();
        count += 1;
    }
    count
}
