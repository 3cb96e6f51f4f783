//! The `shmcount-worker` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    shmcount::cli::worker_main()
}
