//! `watch` on a terminal, and what signals leave of that.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};

use nix::pty::{OpenptyResult, openpty};
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{LocalFlags, tcgetattr};
use nix::unistd::Pid;

use crate::program::{SHMCOUNT, shmcount};
use crate::shared_memory::Name;
use crate::watchdog::{Watchdog, wait_until};

/// Starts it as the leader of a session, and waits until it shows something.
fn watch(name: &Name, terminal: &OpenptyResult) -> (Child, File) {
    shmcount(&["create", name, "--value", "5"]).assert(0, "", &[]);
    let side = || Stdio::from(terminal.slave.try_clone().unwrap());
    let watch = Command::new("setsid")
        .args(["--ctty", "--wait", SHMCOUNT, "watch", name, "-i", "1h"])
        .stdin(side())
        .stdout(side())
        .stderr(side())
        .spawn()
        .unwrap();
    let mut screen = File::from(terminal.master.try_clone().unwrap());
    read_until(&mut screen, "main    value i64        5");
    (watch, screen)
}

fn read_until(screen: &mut File, text: &str) {
    let mut seen = String::new();
    while !seen.contains(text) {
        let mut bytes = [0; 256];
        let count = screen.read(&mut bytes).unwrap();
        seen += std::str::from_utf8(&bytes[..count]).unwrap();
    }
}

#[test]
fn a_signal_that_ends_it_leaves_the_terminal_as_it_was() {
    for signal in [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT] {
        let name = Name::new("signalled");
        let terminal = openpty(None, None).unwrap();
        let before = tcgetattr(&terminal.slave).unwrap();
        let (mut watch, _screen) = watch(&name, &terminal);
        let watchdog = Watchdog::of(watch.id());
        let within = tcgetattr(&terminal.slave).unwrap();
        assert!(!within.local_flags.contains(LocalFlags::ECHO), "{within:?}");
        kill(Pid::from_raw(watch.id() as i32), signal).unwrap();
        assert_eq!(watch.wait().unwrap().signal(), Some(signal as i32));
        drop(watchdog);
        assert_eq!(tcgetattr(&terminal.slave).unwrap(), before, "{signal}");
    }
}

/// Whoever stopped it would find the terminal without echo.
#[test]
fn ctrl_z_does_not_stop_it() {
    let name = Name::new("suspended");
    let terminal = openpty(None, None).unwrap();
    let before = tcgetattr(&terminal.slave).unwrap();
    let (mut watch, mut screen) = watch(&name, &terminal);
    let watchdog = Watchdog::of(watch.id());
    let suspend = nix::sys::termios::SpecialCharacterIndices::VSUSP as usize;
    let within = tcgetattr(&terminal.slave).unwrap();
    assert_eq!(within.control_chars[suspend], libc::_POSIX_VDISABLE);
    screen.write_all(b"\x1aq").unwrap();
    assert_eq!(watch.wait().unwrap().code(), Some(0));
    drop(watchdog);
    assert_eq!(tcgetattr(&terminal.slave).unwrap(), before);
}

/// Echo was left off: whoever typed at the shell saw nothing.
#[test]
fn stopped_from_outside_it_leaves_the_terminal_as_it_was_and_takes_it_again() {
    let name = Name::new("stopped");
    shmcount(&["create", &name, "--value", "5"]).assert(0, "", &[]);
    let terminal = openpty(None, None).unwrap();
    let before = tcgetattr(&terminal.slave).unwrap();
    let side = || Stdio::from(terminal.slave.try_clone().unwrap());
    // As from a prompt: a job of its own, that is stopped and put into the foreground again.
    let script = "set -m; \"$0\" watch \"$1\" -i 1h; echo stopped; read -r _; fg >/dev/null";
    let mut shell = Command::new("setsid")
        .args(["--ctty", "--wait", "bash", "-c", script, SHMCOUNT, &name])
        .stdin(side())
        .stdout(side())
        .stderr(side())
        .spawn()
        .unwrap();
    let watchdog = Watchdog::of(shell.id());
    let mut screen = File::from(terminal.master.try_clone().unwrap());
    let echoes = || {
        let now = tcgetattr(&terminal.slave).unwrap();
        now.local_flags.contains(LocalFlags::ECHO)
    };
    wait_until("it has the terminal", || !echoes());
    let watch = nix::unistd::tcgetpgrp(&terminal.master).unwrap();
    assert_ne!(watch.as_raw(), shell.id() as i32);
    kill(watch, Signal::SIGTSTP).unwrap();
    read_until(&mut screen, "stopped");
    assert_eq!(tcgetattr(&terminal.slave).unwrap(), before);
    writeln!(screen).unwrap();
    wait_until("it has the terminal again", || !echoes());
    screen.write_all(b"q").unwrap();
    assert_eq!(shell.wait().unwrap().code(), Some(0));
    drop(watchdog);
    assert_eq!(tcgetattr(&terminal.slave).unwrap(), before);
}
