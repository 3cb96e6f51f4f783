//! What each object of the toolkit promises, between processes, one file an object.

mod barrier;
mod semaphore;
#[allow(
    dead_code,
    unused_imports,
    reason = "three suites share it, and none needs all of it"
)]
#[path = "../machine/stage/mod.rs"]
mod stage;
mod wait_group;

use std::process::ExitCode;

use stage::{Act, Test};

fn main() -> ExitCode {
    let tests: Vec<Test> = [semaphore::TESTS, barrier::TESTS, wait_group::TESTS].concat();
    let acts: Vec<Act> = [semaphore::ACTS, barrier::ACTS, wait_group::ACTS].concat();
    stage::run(&tests, &acts)
}
