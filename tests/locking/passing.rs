//! What COMMAND gets, and what it gives back.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::pty::openpty;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use shmcount::Segment;

use crate::interrupts;
use crate::running::{Running, lives};
use crate::stage::{Scratch, Skipped};
use crate::tool::{SHMCOUNT, Tool, command, end_of, needs_program, output};

/// They end within milliseconds; this is for a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(20);

/// Lists its own descriptors.
const LIST: [&str; 3] = ["sh", "-c", "cd /proc/$$/fd && echo *"];

fn descriptors_of(done: std::process::Output) -> Vec<String> {
    let said = String::from_utf8(done.stdout).unwrap();
    said.split_whitespace().map(str::to_owned).collect()
}

pub fn a_signal_to_the_lock_alone_reaches_its_command() {
    let signals = [
        ("HUP", Signal::SIGHUP),
        ("INT", Signal::SIGINT),
        ("QUIT", Signal::SIGQUIT),
    ];
    let more = [
        ("TERM", Signal::SIGTERM),
        ("USR1", Signal::SIGUSR1),
        ("USR2", Signal::SIGUSR2),
    ];
    for (name, signal) in signals.into_iter().chain(more) {
        let tool = Tool::shmcount();
        let script = format!("trap 'echo got {name}; exit 3' {name}; echo $$; while :; do :; done");
        let mut holder = Running::start(tool.command(&[&*tool.lock(), "sh", "-c", &script]));
        holder.signal(signal);
        assert_eq!(holder.line(), format!("got {name}"));
        // Who handles the signal decides how it ends.
        assert_eq!(holder.wait(), "3");
        // Who does not dies of it, and its parent sees the same.
        let mut holder = tool.hold(&[]);
        holder.signal(signal);
        assert_eq!(holder.wait(), format!("by signal {}", signal as i32));
        assert!(tool.is_free());
    }
}

/// It sends to the whole group; were it sent on as well, a command would get it twice. Two that come at
/// once are one to who gets them, so this command leaves the group.
pub fn what_a_terminal_sends_is_not_sent_on() -> Result<(), Skipped> {
    let script = needs_program("script", "to have a terminal")?;
    let tool = Tool::shmcount();
    let what = interrupts::words().join(" ");
    // Not under a shell: it would be interrupted, too.
    let line = format!("exec {SHMCOUNT} lock {} {what}", tool.lock());
    let words = [&*script.display().to_string(), "-qec", &line, "/dev/null"].map(str::to_owned);
    let mut terminal = command(&words, &[""; 0])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    let mut output = BufReader::new(terminal.stdout.take().unwrap());
    output.read_line(&mut said).unwrap();
    assert_eq!(said.trim(), "ready");
    let mut keyboard = terminal.stdin.take().unwrap();
    keyboard.write_all(b"\x03").unwrap();
    assert_eq!(end_of(terminal.wait().unwrap()), "0");
    Ok(())
}

/// The kernel tells only the leader of the session, which is the lock where it was started in place of a
/// shell.
pub fn a_terminal_that_hangs_up_ends_command_and_lock() -> Result<(), Skipped> {
    let setsid = needs_program("setsid", "to begin a session")?;
    let tool = Tool::shmcount();
    let terminal = openpty(None, None).unwrap();
    // Nobody else may have it, or closing it were no hang-up.
    fcntl(&terminal.master, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).unwrap();
    let side = || Stdio::from(terminal.slave.try_clone().unwrap());
    let script = "echo $PPID; echo $$; exec sleep 1000";
    let lock = tool.lock();
    let line = [
        "--ctty", "--wait", SHMCOUNT, "lock", &*lock, "sh", "-c", script,
    ];
    let mut setsid = command(&[setsid.display().to_string()], &line)
        .stdin(side())
        .stdout(side())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut screen = BufReader::new(File::from(terminal.master)).lines();
    let mut pid = || Pid::from_raw(screen.next().unwrap().unwrap().trim().parse().unwrap());
    let both = [pid(), pid()];
    assert!(both.into_iter().all(lives));
    drop(screen);
    let begun = Instant::now();
    while both.into_iter().any(lives) && begun.elapsed() < PATIENCE {
        std::thread::yield_now();
    }
    let left = both.into_iter().any(lives);
    if left {
        kill(both[0], Signal::SIGKILL).unwrap();
    }
    setsid.wait().unwrap();
    assert!(!left && tool.is_free());
    Ok(())
}

pub fn a_command_gets_signals_and_descriptors_as_they_were() {
    let tool = Tool::shmcount();
    // Closed descriptors stay closed, whichever.
    for (redirection, descriptor) in [("0<&-", "0"), ("2>&-", "2")] {
        let look = format!("[ -e /proc/self/fd/{descriptor} ] && echo open || echo closed");
        let script = format!("exec \"$@\" {redirection}");
        let words = ["sh", "-c", &script, "sh", SHMCOUNT, "lock"].map(str::to_owned);
        let done = output(command(&words, &[&*tool.lock(), "sh", "-c", &look]));
        assert_eq!(
            String::from_utf8(done.stdout).unwrap(),
            "closed\n",
            "{redirection}"
        );
    }
    // Nothing else is open, and with -o not even the lock's.
    let passed = descriptors_of(output(command(&LIST.map(str::to_owned), &[""; 0])));
    let under = |options: &[&str]| {
        let lock = tool.lock();
        let line = [options, &[&*lock], &LIST].concat();
        let mut found = descriptors_of(tool.run(&line));
        found.retain(|descriptor| !passed.contains(descriptor));
        found
    };
    assert_eq!(under(&[]), ["100"]);
    assert_eq!(under(&["-o"]), [""; 0]);
}

pub fn a_write_to_the_inherited_descriptor_does_no_harm() {
    let tool = Tool::shmcount();
    let before = {
        assert_eq!(tool.end_under(&[], &["true"]), "0");
        std::fs::read(tool.file()).unwrap()
    };
    // dash knows descriptors of one digit only.
    let script = "exec 9>&100; echo harm >&9";
    let script = ["bash", "-c", script];
    let done = tool.run(&[&[&*tool.lock()], &script[..]].concat());
    let said = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(1), "{said}");
    assert!(said.contains("write error: Invalid argument"), "{said}");
    assert_eq!(std::fs::read(tool.file()).unwrap().len(), before.len());
    assert!(tool.is_free());
}

pub fn each_command_of_a_sem_has_a_number_of_its_own() {
    let name = Scratch::new("numbers");
    let words = [SHMCOUNT, "sem", name.name(), "--permits", "3"].map(str::to_owned);
    let what = ["sh", "-c", "echo $$; echo $SHMCOUNT_PERMIT; exec cat"];
    let mut running: Vec<_> = (0..3)
        .map(|_| Running::start(command(&words, &what)))
        .collect();
    let numbers: BTreeSet<String> = running.iter_mut().map(Running::line).collect();
    assert_eq!(Vec::from_iter(numbers), ["0", "1", "2"]);
    let more = command(&words, &["-n", "-E", "7", "true"]);
    assert_eq!(end_of(output(more).status), "7");
    for running in &mut running {
        assert_eq!(running.end(), "0");
    }
    let other = [SHMCOUNT, "sem", name.name(), "--permits", "3"].map(str::to_owned);
    let status = output(command(&other, &["sh", "-c", "kill -9 $$"])).status;
    assert_eq!((status.code(), status.signal()), (Some(137), None));
}

pub fn a_rust_program_and_a_command_exclude_each_other() {
    let tool = Tool::shmcount();
    let mut holder = tool.hold(&[]);
    let segment = Segment::open(&tool.lock()).unwrap();
    let lock = segment.lock("main").unwrap();
    assert!(lock.try_lock().is_err());
    let pid = holder.pid().as_raw() as u32;
    assert_eq!(lock.holder().and_then(|holder| holder.pid), Some(pid));
    assert_eq!(holder.end(), "0");
    let guard = lock.try_lock().unwrap();
    assert!(!guard.owner_died());
    assert!(!tool.is_free());
    drop(guard);
    assert!(tool.is_free());
}
