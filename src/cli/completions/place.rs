//! What can stand where, in the words after a verb.

use clap::builder::StyledStr;
use clap::{Arg, Command, CommandFactory};

use crate::cli::Cli;

/// The places of arguments, each called `VERB:NUMBER`, the first being 0, or `VERB:--` after those two
/// signs.
#[derive(Default)]
pub(super) struct Places {
    /// Where a segment or an object is named.
    pub(super) names: Vec<String>,
    /// Where only a segment is.
    pub(super) segments: Vec<String>,
    /// Where a command begins, of which the rest of the line is.
    pub(super) commands: Vec<String>,
    /// Those that take as many words as there are.
    pub(super) repeated: Vec<String>,
    /// Where one of some words is.
    pub(super) values: Vec<(String, Vec<Word>)>,
    /// The options of each verb that have a value after them.
    pub(super) valued: Vec<(String, Vec<String>)>,
}

/// A word, and what is said of it.
pub(super) struct Word {
    pub(super) word: String,
    pub(super) help: String,
}

impl Places {
    pub(super) fn of_all_verbs() -> Self {
        let program = Cli::command();
        let mut places = Self::default();
        for verb in program.get_subcommands() {
            let valued = valued(verb);
            if !valued.is_empty() {
                places.valued.push((verb.get_name().to_owned(), valued));
            }
            for (number, argument) in verb.get_positionals().enumerate() {
                places.add(verb, argument, number, &program);
                // What may be left out leaves its place to the next one as well.
                let may_be_missing =
                    verb.is_allow_missing_positional_set() && !argument.is_required_set();
                if may_be_missing && let Some(next) = verb.get_positionals().nth(number + 1) {
                    places.add(verb, next, number, &program);
                }
            }
        }
        places
    }

    fn add(&mut self, verb: &Command, argument: &Arg, number: usize, program: &Command) {
        let place = match argument.is_last_set() {
            true => format!("{}:--", verb.get_name()),
            false => format!("{}:{number}", verb.get_name()),
        };
        let names = argument.get_value_names().unwrap_or_default();
        let is_called = |name| names.iter().any(|found| found == name);
        let takes_many = argument
            .get_num_args()
            .is_some_and(|count| count.max_values() > 1);
        let values = argument.get_possible_values();
        if !values.is_empty() {
            let words = values
                .iter()
                .map(|value| Word::new(value.get_name(), value.get_help()));
            self.values.push((place, words.collect()));
        } else if is_called("VERB") {
            let verbs = program.get_subcommands();
            let words = verbs.map(|verb| Word::new(verb.get_name(), verb.get_about()));
            self.values.push((place, words.collect()));
        } else if is_called("COMMAND") {
            self.commands.push(place);
        } else if is_called("NAME") && takes_many {
            self.segments.push(place.clone());
            self.repeated.push(place);
        } else if is_called("NAME") {
            self.names.push(place);
        }
    }
}

impl Word {
    fn new(word: &str, help: Option<&StyledStr>) -> Self {
        Self {
            word: word.to_owned(),
            help: help.map(ToString::to_string).unwrap_or_default(),
        }
    }
}

/// Returns the options of a verb that have a value after them.
fn valued(verb: &Command) -> Vec<String> {
    let takes_value = |option: &&Arg| option.get_action().takes_values();
    let names = |option: &Arg| {
        let short = option.get_short().map(|letter| format!("-{letter}"));
        let long = option.get_long().map(|word| format!("--{word}"));
        [short, long]
    };
    let options = verb.get_opts().filter(takes_value);
    options.flat_map(names).flatten().collect()
}
