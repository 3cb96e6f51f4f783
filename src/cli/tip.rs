//! What to do about arguments that clap finds wrong, where it does not say so itself.

use std::error::Error as _;
use std::num::{IntErrorKind, ParseIntError};

use clap::Command;
use clap::error::{ContextKind, ContextValue, Error, ErrorKind};

/// Adds what can be done about an error.
pub(super) fn add(error: &mut Error, command: &Command) {
    let has_one = [ContextKind::Suggested, ContextKind::SuggestedArg]
        .iter()
        .any(|kind| error.get(*kind).is_some());
    if has_one {
        return;
    }
    if let Some(tip) = tip(error, command) {
        let tip = ContextValue::StyledStrs(vec![tip.into()]);
        error.insert(ContextKind::Suggested, tip);
    }
}

fn tip(error: &Error, command: &Command) -> Option<&'static str> {
    match error.kind() {
        ErrorKind::UnknownArgument if is_of_wg(command) => {
            Some("a command comes after `--`: `shmcount wg run NAME -- COMMAND`")
        }
        ErrorKind::InvalidUtf8 => {
            Some("names, options and numbers are UTF-8; only commands and texts need not be")
        }
        ErrorKind::ValueValidation => {
            let number = error.source()?.downcast_ref::<ParseIntError>()?;
            Some(match number.kind() {
                IntErrorKind::PosOverflow | IntErrorKind::NegOverflow => {
                    "numbers go from -9223372036854775808 to 9223372036854775807"
                }
                _ => "a whole number in decimal digits is expected, such as 500",
            })
        }
        _ => None,
    }
}

/// Tells whether the verb is `wg`: all are described only where none was meant.
fn is_of_wg(command: &Command) -> bool {
    let mut verbs = command.get_subcommands().map(Command::get_name);
    verbs.all(|verb| matches!(verb, "wg" | "help"))
}
