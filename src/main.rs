//! The `shmcount` program.
#![no_main]

shmcount::program!(shmcount::cli::main);
shmcount::mathematics!();
