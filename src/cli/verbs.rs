//! The verbs, in the order of help.

use clap::{Args, Command, CommandFactory, Subcommand};

use super::exit_code::Outcome;
use super::{
    Cli, add, barrier, bench, cas, completions, create, event, get, lock, ls, man, queue, rm, run,
    sem, set, show, wait, watch, wg,
};

macro_rules! verbs {
    ($($name:literal => $variant:ident($verb:ty),)*) => {
        #[derive(Subcommand)]
        pub(super) enum Verb {
            $(#[command(name = $name)] $variant($verb),)*
        }

        impl Verb {
            pub(super) fn run(self) -> u8 {
                match self {
                    $(Self::$variant(verb) => verb.run().end(),)*
                }
            }

            /// Describes the verb of this name alone.
            fn command(name: &str) -> Option<Command> {
                match name {
                    $($name => Some(<$verb>::augment_args(Command::new($name))),)*
                    _ => None,
                }
            }
        }
    };
}

verbs! {
    "create" => Create(create::Create),
    "get" => Get(get::Get),
    "set" => Set(set::Set),
    "add" => Add(add::Add),
    "cas" => Cas(cas::Cas),
    "wait" => Wait(wait::Wait),
    "lock" => Lock(lock::Lock),
    "sem" => Sem(sem::Sem),
    "event" => Event(event::Event),
    "barrier" => Barrier(barrier::Barrier),
    "wg" => Wg(wg::Wg),
    "push" => Push(queue::Push),
    "pop" => Pop(queue::Pop),
    "close" => Close(queue::Close),
    "ls" => Ls(ls::Ls),
    "show" => Show(show::Show),
    "watch" => Watch(watch::Watch),
    "rm" => Rm(rm::Rm),
    "run" => Run(run::Run),
    "bench" => Bench(bench::Bench),
    "completions" => Completions(completions::Completions),
    "man" => Man(man::Man),
}

/// Describes the program with the verb that is asked for and no other, when there is such a verb.
///
/// To describe all of them takes longer than to add. What is said about a verb is the same either way.
pub(super) fn command_for(verb: Option<&str>) -> Command {
    match verb.and_then(Verb::command) {
        Some(verb) => Cli::without_verbs().subcommand(verb),
        None => Cli::command(),
    }
}
