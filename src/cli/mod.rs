//! Floor 6: the command line. One file a verb; results go to standard output, all else to standard
//! error.
#![forbid(unsafe_code)]

mod address;
mod args;
mod bench;
mod command;
mod exit_code;
mod lock;
mod output;
mod run;
mod sem;
mod value;
mod waiting;
mod worker;
mod worker_program;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};

pub use worker_program::main as worker_main;

/// Counters, values and locks that processes share, and that stay right when a process is killed
#[derive(Parser)]
#[command(name = "shmcount", version, max_term_width = 100)]
#[command(
    after_help = "A segment NAME is /dev/shm/shmcount.NAME; a bare NAME means its object \
    'main', NAME/OBJECT another.\nExit status: 0 done, 2 wrong usage, 4 the system or the segment \
    refused; `shmcount run --help` lists its own."
)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    Run(run::Run),
    Bench(bench::Bench),
    Create(value::Create),
    Get(value::Get),
    Add(value::Add),
    Set(value::Set),
    Rm(value::Rm),
    Lock(lock::Lock),
    Sem(sem::Sem),
}

/// Runs the program with the arguments of this process.
pub fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    if let Some(worker) = worker::WorkerOf::from_arguments(&arguments) {
        return exit_code::of(worker.run());
    }
    let Cli { verb } = match parse::<Cli>(arguments) {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    let done = match verb {
        Verb::Run(run) => run.run(),
        Verb::Bench(bench) => bench.run(),
        Verb::Create(create) => create.run(),
        Verb::Get(get) => get.run(),
        Verb::Add(add) => add.run(),
        Verb::Set(set) => set.run(),
        Verb::Rm(rm) => rm.run(),
        // Their exit status is the command's.
        Verb::Lock(lock) => return lock.run(),
        Verb::Sem(sem) => return sem.run(),
    };
    exit_code::of(done)
}

/// Reads the arguments, or says what is wrong with them.
fn parse<P: Parser>(arguments: impl IntoIterator<Item = OsString>) -> Result<P, ExitCode> {
    P::try_parse_from(arguments).map_err(|error| {
        // Help and version are results.
        let is_result = matches!(
            error.kind(),
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
        );
        let text = error.render();
        match is_result {
            true => exit_code::of(output::text(text)),
            false => {
                output::complain(text);
                ExitCode::from(exit_code::USAGE)
            }
        }
    })
}
