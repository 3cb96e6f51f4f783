//! The verbs as a user and a script see them: exit code, standard output and standard error of the
//! real program, and every text it has.

mod completing;
mod errors;
mod help;
mod interactive;
mod looking;
mod making;
mod numbers;
mod objects;
mod parties;
#[path = "../run/program.rs"]
#[expect(dead_code, reason = "runs are started by the tests of `run` alone")]
mod program;
mod removing;
#[path = "../run/shared_memory.rs"]
mod shared_memory;
mod shells;
mod showing;
mod waiting;
#[path = "../run/watchdog.rs"]
mod watchdog;
mod watching;
