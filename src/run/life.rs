//! One life of a worker: from its start to its end.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Stdio};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use super::error::Error;
use super::handshake::{Door, Ear, Outcome};
use super::plan::{Plan, Program, Start, Work};
use super::worker::{self, Job};
use crate::sys::bell::{Ended, Ringer};
use crate::sys::process;

/// A worker process, and what it has come to.
pub(super) struct Life {
    pub(super) pid: u32,
    pub(super) ended: Ended,
    stage: Stage,
    has_group: bool,
}

enum Stage {
    /// It has not connected yet.
    Starting(Door),
    /// It has its job, or needs none.
    Working(Option<Ear>),
    /// It has said how it went.
    Told(Outcome),
}

/// How a life ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    Finished,
    Failed(String),
}

impl Life {
    /// Starts a worker.
    pub(super) fn start(plan: &Plan, job: &Job, ringer: &Ringer) -> Result<Self, Error> {
        let cannot = |source| Error::Start {
            worker: job.worker,
            source,
        };
        let (pid, stage, has_group) = match &plan.work {
            Work::Program(program) => (spawn_program(program, job)?, Stage::Working(None), true),
            work => {
                let door = Door::new().map_err(cannot)?;
                let pid = match (work, plan.start) {
                    (Work::BuiltIn(path), Start::Spawn) => {
                        spawn_self(path.as_deref(), job, &door, ringer)
                    }
                    _ => fork(work, job, &door, ringer),
                };
                (pid.map_err(cannot)?, Stage::Starting(door), false)
            }
        };
        let ended = Ended::of_child(pid).map_err(cannot);
        if ended.is_err() {
            let _ = kill(raw(pid), Signal::SIGKILL);
            let _ = waitpid(raw(pid), None);
        }
        Ok(Self {
            pid,
            ended: ended?,
            stage,
            has_group,
        })
    }

    /// Gives its job to a worker that has rung for the first time; hears one that has more to say.
    pub(super) fn attend(&mut self, job: &Job) -> io::Result<()> {
        let unchanged = Stage::Working(None);
        self.stage = match std::mem::replace(&mut self.stage, unchanged) {
            Stage::Starting(door) => Stage::Working(Some(door.admit(job.clone())?)),
            Stage::Working(Some(ear)) => match ear.heard() {
                Some(outcome) => Stage::Told(outcome),
                None => Stage::Working(Some(ear)),
            },
            stage => stage,
        };
        Ok(())
    }

    /// Tells whether it has said that it is done.
    pub(super) fn has_told(&self) -> bool {
        matches!(self.stage, Stage::Told(_))
    }

    /// Collects the process if it has ended.
    pub(super) fn try_end(&mut self, job: &Job) -> Option<End> {
        let status = wait(self.pid, WaitPidFlag::WNOHANG)?;
        // It may have said something with its last breath.
        if !matches!(self.stage, Stage::Starting(_)) {
            let _ = self.attend(job);
        }
        Some(self.end(status))
    }

    /// Kills the process, and its group if it has one, and collects it.
    pub(super) fn kill(&mut self) {
        if self.has_group {
            let _ = killpg(raw(self.pid), Signal::SIGKILL);
        }
        let _ = kill(raw(self.pid), Signal::SIGKILL);
        wait(self.pid, WaitPidFlag::empty());
    }

    fn end(&self, status: ExitStatus) -> End {
        match &self.stage {
            Stage::Told(Err(reason)) => End::Failed(reason.clone()),
            Stage::Starting(_) => End::Failed(format!("{} before it connected", describe(status))),
            Stage::Told(Ok(())) | Stage::Working(None) if status.success() => End::Finished,
            _ => End::Failed(describe(status)),
        }
    }
}

fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal().map(Signal::try_from)) {
        (_, Some(Ok(signal))) => format!("killed by {signal}"),
        (Some(code), _) => format!("exited with status {code}"),
        _ => "ended".to_owned(),
    }
}

fn spawn_self(
    path: Option<&std::path::Path>,
    job: &Job,
    door: &Door,
    ringer: &Ringer,
) -> io::Result<u32> {
    // The link and not what it leads to: the file may have been replaced since.
    let path = path.unwrap_or(std::path::Path::new("/proc/self/exe"));
    let child = Command::new(path)
        .arg("worker-of")
        .arg(std::process::id().to_string())
        .arg(job.worker.to_string())
        .arg(door.address())
        .stdin(Stdio::from(ringer.try_clone()?))
        .spawn()?;
    Ok(child.id())
}

fn fork(work: &Work, job: &Job, door: &Door, ringer: &Ringer) -> io::Result<u32> {
    let parent = std::process::id();
    let worker = job.worker as u32;
    process::fork(|| {
        let outcome = process::die_with(parent)
            .and_then(|()| worker::work(worker, door.address().to_owned(), ringer, work));
        i32::from(outcome.is_err())
    })
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
    match command.spawn() {
        Ok(child) => Ok(child.id()),
        Err(source) if source.raw_os_error() == Some(libc::EAGAIN) => Err(Error::Start {
            worker: job.worker,
            source,
        }),
        Err(source) => Err(Error::Program {
            program: program.program.to_string_lossy().into_owned(),
            source,
        }),
    }
}

/// Collects a child, if it has ended or the flags say to wait for that.
fn wait(pid: u32, flags: WaitPidFlag) -> Option<ExitStatus> {
    loop {
        return match waitpid(raw(pid), Some(flags)) {
            Err(Errno::EINTR) => continue,
            Ok(WaitStatus::Exited(_, code)) => Some(ExitStatus::from_raw(code << 8)),
            Ok(WaitStatus::Signaled(_, signal, _)) => Some(ExitStatus::from_raw(signal as i32)),
            _ => None,
        };
    }
}

fn raw(pid: u32) -> Pid {
    Pid::from_raw(pid as i32)
}
