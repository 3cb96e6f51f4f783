//! The program under a watchdog, in a process group of its own.

use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

/// A hundred times what the longest of these tests takes.
const WATCHDOG: Duration = Duration::from_secs(120);

/// A running `shmcount bench`, killed with all it started when dropped.
pub struct Bench {
    child: Option<Child>,
    group: Pid,
}

/// What came of it.
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Bench {
    pub fn start(arguments: &[&str]) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_shmcount"))
            .arg("bench")
            .args(arguments)
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program is built");
        let group = Pid::from_raw(child.id() as i32);
        Self {
            child: Some(child),
            group,
        }
    }

    /// Runs it to its end, and sees to it that nothing is left.
    pub fn run(arguments: &[&str]) -> Ended {
        Self::start(arguments).end()
    }

    pub fn signal(&self, signal: Signal) {
        kill(self.group, signal).expect("it has not been waited for");
    }

    pub fn end(mut self) -> Ended {
        let group = self.group;
        let (done, watched) = std::sync::mpsc::channel::<()>();
        let watchdog = thread::spawn(move || {
            if watched.recv_timeout(WATCHDOG).is_err() {
                let _ = killpg(group, Signal::SIGKILL);
            }
        });
        let child = self.child.take().expect("it ends once");
        let output: Output = child.wait_with_output().expect("it is our child");
        let _ = done.send(());
        watchdog.join().expect("the watchdog does not panic");
        assert_no_process(group);
        assert_eq!(segments_of(group), Vec::<String>::new());
        Ended {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("text"),
            stderr: String::from_utf8(output.stderr).expect("text"),
        }
    }

    /// Waits until it has made a segment, and so is measuring.
    pub fn wait_for_segment(&self) {
        let start = Instant::now();
        while segments_of(self.group).is_empty() {
            assert!(start.elapsed() < WATCHDOG, "it made no segment");
            thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = killpg(self.group, Signal::SIGKILL);
            let _ = child.wait();
        }
    }
}

/// Processes that the kernel is about to end may take a moment.
fn assert_no_process(group: Pid) {
    let start = Instant::now();
    while killpg(group, None) != Err(Errno::ESRCH) {
        assert!(start.elapsed() < WATCHDOG, "a process is left");
        thread::sleep(Duration::from_millis(1));
    }
}

fn segments_of(pid: Pid) -> Vec<String> {
    let prefix = format!("shmcount.bench-{pid}-");
    let entries = fs::read_dir("/dev/shm").expect("/dev/shm is there");
    entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with(&prefix))
        .collect()
}
