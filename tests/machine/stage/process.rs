//! The test program started again to perform an act, and the two ends of the talk with it.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};

use nix::sys::signal::{self, Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;

use super::watchdog::Groups;

/// The first argument of a program that is to perform an act.
pub(super) const ACT: &str = "--act";

/// A process that performs an act. Killed on drop, with every process it made.
pub struct Process {
    child: Child,
    /// None once it has been told that nothing more comes.
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    groups: Groups,
}

impl Process {
    /// Starts a process that performs the act of this name.
    pub fn start(act: &str, arguments: &[&str]) -> Self {
        let mut child = Command::new("/proc/self/exe")
            .args([ACT, act, &std::process::id().to_string()])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .expect("the test program can be started again");
        let groups = Groups::of_this_test();
        groups.add(Pid::from_raw(child.id() as i32));
        Self {
            input: child.stdin.take(),
            output: BufReader::new(child.stdout.take().expect("it is piped")),
            child,
            groups,
        }
    }

    /// Performs a whole act that says nothing, and requires that it ends well.
    pub fn perform(act: &str, arguments: &[&str]) {
        Self::start(act, arguments).succeed();
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the next line.
    pub fn hear(&mut self) -> String {
        self.hear_or_end()
            .unwrap_or_else(|| panic!("process {} ended, a line was expected", self.id()))
    }

    /// Waits for the next line, if there is one.
    pub fn hear_or_end(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self
            .output
            .read_line(&mut line)
            .expect("a pipe can be read");
        (read > 0).then(|| line.trim_end().to_owned())
    }

    /// Waits for the next line, which must be this one.
    pub fn expect(&mut self, line: &str) {
        assert_eq!(self.hear(), line);
    }

    pub fn tell(&mut self, line: &str) {
        let input = self.input.as_mut().expect("it was not told the end");
        // Who has ended does not listen; the test finds out when it waits for an answer.
        let _ = writeln!(input, "{line}");
    }

    pub fn signal(&self, signal: Signal) {
        signal::kill(self.pid(), signal).expect("it was not waited for");
    }

    /// Waits until it stops running because of SIGSTOP.
    pub fn stop(&self) {
        self.signal(Signal::SIGSTOP);
        let flags = WaitPidFlag::WSTOPPED | WaitPidFlag::WNOWAIT;
        waitid(Id::Pid(self.pid()), flags).expect("it is a child");
    }

    pub fn kill(self) -> ExitStatus {
        self.signal(Signal::SIGKILL);
        self.end()
    }

    /// Waits for its end, after which every process it made is killed.
    pub fn end(mut self) -> ExitStatus {
        self.reap()
    }

    /// Waits for its end, which must be a good one.
    pub fn succeed(self) {
        let status = self.end();
        assert!(status.success(), "{status}, signal {:?}", status.signal());
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id() as i32)
    }

    fn reap(&mut self) -> ExitStatus {
        self.input = None;
        // Not waited for yet, so its id is still that of its group.
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
        let _ = waitid(Id::Pid(self.pid()), flags);
        let _ = killpg(self.pid(), Signal::SIGKILL);
        self.groups.remove(self.pid());
        self.child.wait().expect("it is a child")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        self.reap();
    }
}

/// What an act has of the test that started it.
pub struct Parent {
    arguments: Vec<String>,
}

impl Parent {
    pub(super) fn of_act(mut arguments: impl Iterator<Item = String>) -> Self {
        let parent = arguments.next().and_then(|pid| pid.parse().ok());
        shmcount::sys::process::die_with(parent.expect("an act is told its parent"))
            .expect("a process may ask for a signal");
        Self {
            arguments: arguments.collect(),
        }
    }

    /// Returns an argument of the act.
    pub fn argument(&self, index: usize) -> &str {
        &self.arguments[index]
    }

    /// Returns all of them.
    pub fn arguments(&self) -> &[String] {
        &self.arguments
    }

    pub fn tell(&self, line: &str) {
        println!("{line}");
    }

    /// Waits for the next line, or ends when there is none.
    pub fn hear(&self) -> String {
        self.hear_or_end().unwrap_or_else(|| std::process::exit(0))
    }

    /// Waits for the next line, if there is one.
    pub fn hear_or_end(&self) -> Option<String> {
        let mut line = String::new();
        let read = std::io::stdin()
            .read_line(&mut line)
            .expect("a pipe can be read");
        (read > 0).then(|| line.trim_end().to_owned())
    }

    /// Says that it got here, and waits to be told to go on.
    pub fn ready(&self) {
        self.tell("ready");
        self.hear();
    }
}
