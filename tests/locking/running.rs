//! A program that runs a command, and says the command's process id first.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use crate::tool::end_of;

/// It leads a process group, which is killed on drop.
pub struct Running {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    /// The command's.
    pub command: Pid,
}

impl Running {
    /// Starts it, and waits until its command has said a process id.
    pub fn start(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut running = Self {
            input: child.stdin.take(),
            output: BufReader::new(child.stdout.take().unwrap()),
            child,
            command: Pid::from_raw(0),
        };
        let said = running.line();
        running.command = Pid::from_raw(said.parse().expect(&said));
        running
    }

    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id() as i32)
    }

    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Sends a signal to the program, not to its command.
    pub fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).unwrap();
    }

    pub fn signal_group(&self, signal: Signal) {
        killpg(self.pid(), signal).unwrap();
    }

    /// Lets the command end that reads to the end.
    pub fn close_input(&mut self) {
        self.input = None;
    }

    /// Tells whether a command that repeats what it reads does so.
    pub fn answers(&mut self) -> bool {
        // Who has ended does not read; that is seen below.
        let _ = writeln!(self.input.as_mut().unwrap(), "answer");
        self.line() == "answer"
    }

    /// Lets it end, and says how it did.
    pub fn end(&mut self) -> String {
        self.close_input();
        self.wait()
    }

    /// Waits for the end of the program, not of its command, and says how it ended.
    pub fn wait(&mut self) -> String {
        end_of(self.child.wait().unwrap())
    }

    /// Waits until nobody has its standard output any more.
    pub fn wait_for_silence(&mut self) -> String {
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).unwrap();
        rest
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.close_input();
        // Its id is its own until it is waited for; its group's as long as one is in it.
        let _ = killpg(self.pid(), Signal::SIGKILL);
        let _ = self.child.wait();
    }
}

/// Tells whether a process runs. One that has ended and was not waited for does not.
pub fn lives(pid: Pid) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = status.rsplit_once(") ").map(|(_, fields)| &fields[..1]);
    kill(pid, None) != Err(Errno::ESRCH) && !matches!(state, None | Some("Z" | "X"))
}

/// Looks again and again until it is so; the watchdog ends it when that never comes.
pub fn wait_until(is_so: impl Fn() -> bool) {
    while !is_so() {
        std::thread::yield_now();
    }
}
