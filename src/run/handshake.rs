//! How coordinator and worker come to talk: job one way, outcome the other, over `ipc-channel`.
//!
//! A forked worker knows its job, and speaks only when it fails; that it has done its job is seen by
//! its seats and its end. A spawned one knocks at a door, which is the crate's one-shot server. That
//! waits for ever when its client dies first, so it is not asked before the worker has rung the bell,
//! which it does when it has connected and sent its first message; and a worker that ends before is
//! noticed by its end.

use std::collections::HashMap;
use std::env;
use std::io;
use std::iter;

use ipc_channel::ipc::{self, IpcOneShotServer, IpcReceiver, IpcSender};
use nix::unistd::{AccessFlags, access};
use serde::{Deserialize, Serialize};

use super::worker::Job;

/// What a worker says when it is done, or cannot go on.
pub(super) type Outcome = Result<(), String>;

/// A spawned worker's first message: where it listens and where it will speak.
#[derive(Serialize, Deserialize)]
struct Hello {
    job: IpcSender<Job>,
    outcome: IpcReceiver<Outcome>,
}

/// The coordinator's door for one spawned worker.
pub(super) struct Door {
    server: IpcOneShotServer<Hello>,
    address: String,
}

/// A spawned worker's end.
pub(super) struct Line {
    job: IpcReceiver<Job>,
    voice: Voice,
}

/// By which a worker says its outcome.
pub(super) struct Voice {
    outcome: IpcSender<Outcome>,
}

/// The coordinator's ear for one worker's outcome.
pub(super) struct Ear {
    outcome: IpcReceiver<Outcome>,
}

/// Where all forked workers of a run say what they fail with.
pub(super) struct Complaints {
    said: IpcSender<(u32, String)>,
    heard: IpcReceiver<(u32, String)>,
    /// What was heard of others than those who were asked for.
    kept: HashMap<u32, String>,
}

/// Fits one packet: of what takes several, the sender waits for a receiver that waits for its end.
const LONGEST_COMPLAINT: usize = 4096;

/// A socket's address has room for 107 bytes; the crate appends `/.tmpXXXXXX/socket` to the
/// directory, and cuts off what is longer without a word.
const LONGEST_DIRECTORY: usize = 107 - "/.tmpXXXXXX/socket".len();

impl Door {
    /// Makes a socket in the directory for temporary files.
    pub(super) fn new() -> io::Result<Self> {
        // The crate panics when it cannot make its directory there.
        let directory = env::temp_dir();
        access(&directory, AccessFlags::W_OK | AccessFlags::X_OK)?;
        if directory
            .to_str()
            .is_none_or(|path| path.len() > LONGEST_DIRECTORY)
        {
            return Err(io::ErrorKind::InvalidFilename.into());
        }
        let (server, address) = IpcOneShotServer::new()?;
        Ok(Self { server, address })
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Gives its job to the worker that has rung.
    pub(super) fn admit(self, job: Job) -> io::Result<Ear> {
        let (_, hello) = self.server.accept().map_err(io::Error::other)?;
        hello.job.send(job).map_err(io::Error::other)?;
        Ok(Ear {
            outcome: hello.outcome,
        })
    }
}

impl Line {
    /// Connects to the coordinator. Ring its bell afterwards.
    pub(super) fn connect(address: String) -> io::Result<Self> {
        let door = IpcSender::connect(address)?;
        let (job, receives_job) = ipc::channel()?;
        let (says_outcome, outcome) = ipc::channel()?;
        let hello = Hello { job, outcome };
        door.send(hello).map_err(io::Error::other)?;
        Ok(Self {
            job: receives_job,
            voice: Voice {
                outcome: says_outcome,
            },
        })
    }

    pub(super) fn receive_job(self) -> io::Result<(Job, Voice)> {
        let job = self.job.recv().map_err(io::Error::other)?;
        Ok((job, self.voice))
    }
}

impl Voice {
    /// Says how it ended. A coordinator that is gone has taken this process with it.
    pub(super) fn tell(&self, outcome: Outcome) {
        let _ = self.outcome.send(outcome);
    }
}

impl Ear {
    /// Returns what the worker has said, if it has.
    pub(super) fn heard(&self) -> Option<Outcome> {
        self.outcome.try_recv().ok()
    }
}

impl Complaints {
    /// Makes the place.
    pub(super) fn new() -> io::Result<Self> {
        let (said, heard) = ipc::channel()?;
        let kept = HashMap::new();
        Ok(Self { said, heard, kept })
    }

    /// Says what the worker with this number fails with.
    pub(super) fn say(&self, number: u32, mut reason: String) {
        let is_boundary = |end: &usize| reason.is_char_boundary(*end);
        let end = (0..=LONGEST_COMPLAINT).rev().find(is_boundary);
        reason.truncate(end.unwrap_or(0));
        let _ = self.said.send((number, reason));
    }

    /// Returns what the worker with this number has failed with, if it has said so.
    pub(super) fn of(&mut self, number: u32) -> Option<String> {
        self.kept
            .extend(iter::from_fn(|| self.heard.try_recv().ok()));
        self.kept.remove(&number)
    }
}
