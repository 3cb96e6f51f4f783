//! The machine is against us.
mod stage;
use std::process::ExitCode;
fn main() -> ExitCode {
    stage::run(&[], &[])
}
