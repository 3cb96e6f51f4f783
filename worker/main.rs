//! The `shmcount-worker` program.
#![no_main]

shmcount::program!(shmcount::cli::worker_main);
