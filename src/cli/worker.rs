//! The hidden verb by which a coordinator starts this program as a worker.

use clap::Args;

use super::exit_code::{FAILED, Failure};
use crate::run;

/// Work as a coordinator tells
#[derive(Args)]
pub(super) struct WorkerOf {
    coordinator: u32,
    number: u32,
    address: String,
}

impl WorkerOf {
    pub(super) fn run(self) -> Result<(), Failure> {
        run::work_as_told(self.coordinator, self.number, self.address).map_err(|error| {
            Failure::Error {
                code: FAILED,
                error: format!("cannot reach the coordinator: {error}").into(),
                help: Some("this verb is for `shmcount run` alone".to_owned()),
            }
        })
    }
}
