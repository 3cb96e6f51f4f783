//! One life of a worker: from its start to its end.
//!
//! Each worker leads a process group: a Ctrl-C at the terminal reaches the coordinator alone, which
//! ends them in order, and what a worker has started ends with it.

use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::{Pid, setpgid};

use super::error::Error;
use super::handshake::{Complaints, Door, Ear, Outcome};
use super::plan::{Plan, Program, Start, WORKER_VERB, Work};
use super::site::Site;
use super::worker::{self, Job};
use crate::sys::bell::{Ended, Ringer};
use crate::sys::process;

/// The signals that a coordinator may have handlers for, which are not its forked workers'.
const HANDLED: [Signal; 3] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP];

/// A worker process, and what it has come to.
pub(super) struct Life {
    pub(super) pid: u32,
    pub(super) ended: Ended,
    stage: Stage,
}

enum Stage {
    /// It has not connected yet.
    Starting(Door),
    /// It has its job.
    Working(Ear),
    /// It has said how it went.
    Told(Outcome),
    /// It was forked, and complains at most.
    Forked,
    /// It is a program that counts by itself, and says nothing.
    Program,
}

/// How a life ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    Finished,
    Failed(String),
}

impl Life {
    /// Starts a worker.
    pub(super) fn start(
        plan: &Plan,
        job: &Job,
        site: &Site,
        ringer: &Ringer,
        complaints: Option<&Complaints>,
    ) -> Result<Self, Error> {
        let cannot = |source| Error::Start {
            worker: job.worker,
            source,
        };
        let (pid, stage) = match (&plan.work, plan.start) {
            (Work::Program(program), _) => (spawn_program(program, job)?, Stage::Program),
            (Work::BuiltIn(path), Start::Spawn) => {
                let door = Door::new().map_err(Error::system(
                    "make a socket in the directory for temporary files (TMPDIR)",
                ))?;
                let pid = spawn_self(path.as_deref(), job, &door, ringer).map_err(cannot)?;
                (pid, Stage::Starting(door))
            }
            (work, _) => {
                let work = || worker::work(job, site, ringer, work);
                let complain = |reason| {
                    if let Some(complaints) = complaints {
                        complaints.say(job.number, reason);
                    }
                };
                let pid = fork(|| work().map_err(complain)).map_err(cannot)?;
                (pid, Stage::Forked)
            }
        };
        match Ended::of_child(pid) {
            Ok(ended) => Ok(Self { pid, ended, stage }),
            Err(source) => {
                end(pid);
                Err(cannot(source))
            }
        }
    }

    /// Gives its job to a worker that has rung for the first time; hears one that has more to say.
    pub(super) fn attend(&mut self, job: &Job) -> io::Result<()> {
        self.stage = match std::mem::replace(&mut self.stage, Stage::Program) {
            Stage::Starting(door) => Stage::Working(door.admit(job.clone())?),
            Stage::Working(ear) => match ear.heard() {
                Some(outcome) => Stage::Told(outcome),
                None => Stage::Working(ear),
            },
            stage => stage,
        };
        Ok(())
    }

    /// Tells whether it has said that it is done, or has ended.
    pub(super) fn is_done(&self) -> bool {
        matches!(self.stage, Stage::Told(_)) || has_ended(self.pid)
    }

    /// Collects the process if it has ended, and ends what it has left running.
    pub(super) fn try_end(
        &mut self,
        job: &Job,
        site: &Site,
        complaints: Option<&mut Complaints>,
    ) -> Option<End> {
        if !has_ended(self.pid) {
            return None;
        }
        let Some(status) = end(self.pid) else {
            return Some(End::Failed(
                "ended, and the system does not say how".to_owned(),
            ));
        };
        // It may have said something with its last breath.
        if !matches!(self.stage, Stage::Starting(_)) {
            let _ = self.attend(job);
        }
        Some(match &self.stage {
            Stage::Told(Err(reason)) => End::Failed(reason.clone()),
            Stage::Starting(_) => End::Failed(format!("{} before it connected", describe(status))),
            Stage::Told(Ok(())) if status.success() => End::Finished,
            Stage::Program if status.success() => End::Finished,
            // A closure may end the process in the middle of its work.
            Stage::Forked if status.success() && site.has_finished(job.worker) => End::Finished,
            _ => {
                let complaint = complaints.and_then(|complaints| complaints.of(job.number));
                End::Failed(complaint.unwrap_or_else(|| describe(status)))
            }
        })
    }

    /// Kills the process and what it has started, and collects it.
    pub(super) fn kill(&mut self) {
        end(self.pid);
    }
}

fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal().map(Signal::try_from)) {
        (_, Some(Ok(signal))) => format!("killed by {signal}"),
        (_, Some(Err(_))) => format!("killed by signal {}", status.signal().unwrap_or_default()),
        (Some(code), _) => format!("exited with status {code}"),
        _ => "ended".to_owned(),
    }
}

fn spawn_self(path: Option<&Path>, job: &Job, door: &Door, ringer: &Ringer) -> io::Result<u32> {
    // The link and not what it leads to: the file may have been replaced since.
    let path = path.unwrap_or(Path::new("/proc/self/exe"));
    let child = Command::new(path)
        .arg(WORKER_VERB)
        .arg(std::process::id().to_string())
        .arg(job.number.to_string())
        .arg(door.address())
        .stdin(Stdio::from(ringer.try_clone()?))
        .process_group(0)
        .spawn()?;
    Ok(child.id())
}

fn fork(work: impl FnOnce() -> Result<(), ()>) -> io::Result<u32> {
    let parent = std::process::id();
    let lead_group = |pid| setpgid(pid, Pid::from_raw(0));
    let pid = process::fork(|| {
        process::restore(&HANDLED);
        let begun = process::die_with(parent).and_then(|()| Ok(lead_group(Pid::this())?));
        let done = begun.is_ok() && work().is_ok();
        i32::from(!done)
    })?;
    // Both say it, so that it is so whoever comes first.
    let _ = lead_group(raw(pid));
    Ok(pid)
}

fn spawn_program(program: &Program, job: &Job) -> Result<u32, Error> {
    let mut command = Command::new(&program.program);
    command
        .args(&program.arguments)
        .env("SHMCOUNT_NAME", &job.segment)
        .env("SHMCOUNT_WORKER", job.worker.to_string())
        .env("SHMCOUNT_PROCS", job.procs.to_string())
        .env("SHMCOUNT_ADDS", job.adds.to_string())
        .stdin(Stdio::null());
    process::tie_to_parent(&mut command);
    command
        .spawn()
        .map(|child| child.id())
        .map_err(|source| match source.raw_os_error() {
            Some(libc::EAGAIN | libc::EMFILE | libc::ENFILE | libc::ENOMEM) => Error::Start {
                worker: job.worker,
                source,
            },
            _ => Error::Program {
                program: program.program.to_string_lossy().into_owned(),
                source,
            },
        })
}

/// Tells whether a child has ended, and leaves it to be collected: until then its number is its own.
///
/// Of a death by a real-time signal nix makes an error, and it is an end like any other.
fn has_ended(pid: u32) -> bool {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    !matches!(
        waitid(Id::Pid(raw(pid)), flags),
        Ok(WaitStatus::StillAlive) | Err(Errno::EINTR)
    )
}

/// Kills what is left of a child and its group, and collects it.
fn end(pid: u32) -> Option<ExitStatus> {
    let _ = killpg(raw(pid), Signal::SIGKILL);
    // It leads no group if it was killed in the middle of its start.
    let _ = kill(raw(pid), Signal::SIGKILL);
    process::collect(pid).ok()
}

fn raw(pid: u32) -> Pid {
    Pid::from_raw(pid as i32)
}
