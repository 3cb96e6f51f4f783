//! The programs under test.

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::shared_memory::{made_up_by, workers_of};
use crate::watchdog::{Watchdog, wait_until};

pub const SHMCOUNT: &str = env!("CARGO_BIN_EXE_shmcount");
pub const WORKER: &str = env!("CARGO_BIN_EXE_shmcount-worker");

/// What came of a program.
#[derive(Debug, PartialEq, Eq)]
pub struct Done {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Done {
    /// Asserts exit code, standard output and what standard error contains, all at once.
    #[track_caller]
    pub fn assert(&self, code: i32, stdout: &str, stderr: &[&str]) {
        let says_it = stderr.iter().all(|part| self.stderr.contains(part));
        let is_silent = !stderr.is_empty() || self.stderr.is_empty();
        let is_so = self.code == Some(code) && self.stdout == stdout && says_it && is_silent;
        assert!(
            is_so,
            "expected {code}, {stdout:?} and {stderr:?}, found {self:#?}"
        );
    }

    /// Asserts that the program refused, said all this, and printed no result.
    #[track_caller]
    pub fn assert_refused(&self, code: i32, stderr: &[&str]) {
        assert!(self.stderr.starts_with("error: "), "{self:#?}");
        assert!(!self.stderr.contains("panicked"), "{self:#?}");
        self.assert(code, "", stderr);
    }
}

/// Runs a command to its end, and asserts that it left neither segments nor workers.
#[track_caller]
pub fn finish(command: &mut Command) -> Done {
    command.stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let pid = child.id();
    let watchdog = Watchdog::of(pid);
    let output = child.wait_with_output().unwrap();
    drop(watchdog);
    assert_eq!(made_up_by(pid), [""; 0], "{output:?}");
    assert_eq!(workers_of(pid, ""), [0; 0], "{output:?}");
    done(output)
}

fn done(output: Output) -> Done {
    Done {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Runs `shmcount` with these arguments.
#[track_caller]
pub fn shmcount(arguments: &[&str]) -> Done {
    finish(Command::new(SHMCOUNT).args(arguments))
}

/// Runs `shmcount run` with these arguments, which must verify, and returns its summary.
#[track_caller]
pub fn verified(arguments: &[&str], total: i64) -> String {
    let done = shmcount(&[&["run"], arguments].concat());
    let says = |line: String| done.stdout.lines().any(|found| found == line);
    assert_eq!((done.code, &*done.stderr), (Some(0), ""), "{done:#?}");
    assert!(says(format!("counted   {total}")), "{done:#?}");
    assert!(says(format!("expected  {total}")), "{done:#?}");
    assert!(says("lost      0".to_owned()), "{done:#?}");
    assert!(
        says("verified  every add counted exactly once".to_owned()),
        "{done:#?}"
    );
    done.stdout
}

/// A run whose workers have begun to add, as its trace shows.
pub struct Running {
    child: Child,
    trace: Lines<BufReader<ChildStdout>>,
    first: String,
    watchdog: Watchdog,
}

impl Running {
    /// Starts a run with `--trace`, and waits for the first line.
    pub fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(SHMCOUNT)
            .args(["run", "--trace"])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let watchdog = Watchdog::of(child.id());
        let trace = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut running = Self {
            child,
            trace,
            first: String::new(),
            watchdog,
        };
        running.first = running.line();
        running
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Returns which worker was the first in the lock.
    pub fn holder(&self) -> String {
        let mut words = self.first.split(' ');
        words.nth(1).unwrap().to_owned()
    }

    /// Returns the next line of standard output.
    pub fn line(&mut self) -> String {
        self.trace.next().expect("it says more").unwrap()
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid() as i32), signal).unwrap();
    }

    /// Waits for the end, and returns how it ended and what it said on standard error.
    pub fn finish(self) -> (ExitStatus, String) {
        drop(self.trace);
        let output = self.child.wait_with_output().unwrap();
        drop(self.watchdog);
        (output.status, String::from_utf8(output.stderr).unwrap())
    }
}

/// Waits until no worker of this run is alive.
pub fn wait_for_workers(coordinator: u32, segment: &str) {
    wait_until("no worker is left", || {
        workers_of(coordinator, segment).is_empty()
    });
}
