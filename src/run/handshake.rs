//! How coordinator and worker come to talk: job one way, report the other, over `ipc-channel`.
//!
//! The crate's one-shot server waits for ever when its client dies first. So it is not asked before
//! the worker has rung the bell, which it does when it has connected and sent its first message;
//! and a worker that ends before is noticed by its end.

use std::io;

use ipc_channel::ipc::{self, IpcOneShotServer, IpcReceiver, IpcSender};
use serde::{Deserialize, Serialize};

use super::worker::Job;

/// What a worker says when it is done, or cannot go on.
pub(super) type Outcome = Result<(), String>;

/// A worker's first message: where it listens and where it will speak.
#[derive(Serialize, Deserialize)]
struct Hello {
    job: IpcSender<Job>,
    outcome: IpcReceiver<Outcome>,
}

/// The coordinator's door for one worker.
pub(super) struct Door {
    server: IpcOneShotServer<Hello>,
    address: String,
}

/// The worker's end.
pub(super) struct Line {
    job: IpcReceiver<Job>,
    outcome: IpcSender<Outcome>,
}

/// The coordinator's ear for one worker's outcome.
pub(super) struct Ear {
    outcome: IpcReceiver<Outcome>,
}

impl Door {
    pub(super) fn new() -> io::Result<Self> {
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
        let (outcome, hears_outcome) = ipc::channel()?;
        let hello = Hello {
            job,
            outcome: hears_outcome,
        };
        door.send(hello).map_err(io::Error::other)?;
        Ok(Self {
            job: receives_job,
            outcome,
        })
    }

    pub(super) fn receive_job(&self) -> io::Result<Job> {
        self.job.recv().map_err(io::Error::other)
    }

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
