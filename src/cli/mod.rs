//! Floor 6: the command line. One file a verb; results go to standard output, all else to standard
//! error.
#![forbid(unsafe_code)]

mod add;
mod address;
mod args;
mod attached;
mod barrier;
mod bench;
mod cas;
mod command;
mod completions;
mod condition;
mod create;
mod event;
mod exit_code;
mod get;
mod inside;
mod lock;
mod ls;
mod man;
mod nearest;
mod number;
mod object;
mod output;
mod queue;
mod rm;
mod run;
mod sem;
mod set;
mod show;
mod stale;
mod table;
mod tip;
mod verbs;
mod wait;
mod waiting;
mod watch;
mod wg;
mod worker;
mod worker_program;

use std::ffi::OsString;

use clap::error::ErrorKind;
use clap::{Arg, Command, FromArgMatches, Parser};

pub use worker_program::main as worker_main;

/// Counters, values and locks that processes share, and that stay right when a process is killed
#[derive(Parser)]
#[command(name = "shmcount", version, max_term_width = 100)]
#[command(after_help = "\
NAME is a segment, /dev/shm/shmcount.NAME; as an object it is NAME/main. NAME/OBJECT is another, and \
NAME[ELEMENT] an element of an array or a map.

Exit status: 0 done, 1 the answer is no, 2 wrong usage, 4 the system or the segment refused, 124 the \
time was over; `shmcount run --help` lists its own.")]
struct Cli {
    #[command(subcommand)]
    verb: verbs::Verb,
}

impl Cli {
    /// Describes the program without any of its verbs.
    fn without_verbs() -> Command {
        Command::new("shmcount")
            .version(env!("CARGO_PKG_VERSION"))
            .max_term_width(100)
            .subcommand_required(true)
    }
}

/// Runs the program with the arguments of this process.
pub fn main() -> u8 {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    if let Some(worker) = worker::WorkerOf::from_arguments(&arguments) {
        return exit_code::of(worker.run());
    }
    let verb = arguments.get(1).and_then(|verb| verb.to_str());
    match parse::<Cli>(verbs::command_for(verb), arguments) {
        Ok(Cli { verb }) => verb.run(),
        Err(code) => code,
    }
}

/// Reads the arguments, or says what is wrong with them.
fn parse<P: FromArgMatches>(
    command: Command,
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<P, u8> {
    // What is wrong with -1 is said by its option, which knows what it expects.
    let negative = |argument: Arg| {
        let is_valued = !argument.is_positional() && argument.get_action().takes_values();
        match is_valued {
            true => argument.allow_negative_numbers(true),
            false => argument,
        }
    };
    let mut command = command
        .mut_args(negative)
        .mut_subcommands(|verb| verb.mut_args(negative));
    let matches = command.try_get_matches_from_mut(arguments);
    let parsed = matches.and_then(|mut matches| {
        P::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))
    });
    parsed.map_err(|mut error| {
        nearest::suggest_verb(&mut error, &command);
        tip::add(&mut error, &command);
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
                exit_code::USAGE
            }
        }
    })
}
