//! The `shmcount` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    shmcount::cli::main()
}
