//! How a coordinator starts this program as a worker: by a first argument that help does not show.
//!
//! Read without clap, which takes longer to describe all verbs than a worker needs to add.

use std::ffi::OsString;

use super::exit_code::{FAILED, Failure};
use crate::run::{self, WORKER_VERB};

/// What a coordinator tells the worker that it starts.
pub(super) struct WorkerOf {
    coordinator: u32,
    number: u32,
    address: String,
}

impl WorkerOf {
    /// Reads the arguments of this process, if they are a worker's.
    pub(super) fn from_arguments(arguments: &[OsString]) -> Option<Self> {
        let [_, verb, coordinator, number, address] = arguments else {
            return None;
        };
        (verb == WORKER_VERB).then_some(())?;
        Some(Self {
            coordinator: coordinator.to_str()?.parse().ok()?,
            number: number.to_str()?.parse().ok()?,
            address: address.to_str()?.to_owned(),
        })
    }

    pub(super) fn run(self) -> Result<(), Failure> {
        run::work_as_told(self.coordinator, self.number, self.address).map_err(|error| {
            Failure::Error {
                code: FAILED,
                error: format!("cannot reach the coordinator: {error}").into(),
                help: Some(format!("`{WORKER_VERB}` is for `shmcount run` alone")),
            }
        })
    }
}
