//! Runs a command and passes its status through.

use std::ffi::OsString;
use std::io;

use clap::Args;

use super::exit_code::{CANNOT_RUN, Failure, NOT_FOUND, REFUSED};
use crate::segment::Token;
use crate::sys::byte_lock::ByteLock;
use crate::sys::ward::{End, NotRun, Program};

#[derive(Args)]
pub(super) struct CommandLine {
    /// Keep it from what COMMAND leaves running
    #[arg(short = 'o', long)]
    close: bool,
    /// Run STRING by the shell: $SHELL, or else /bin/sh
    #[arg(
        short,
        long,
        value_name = "STRING",
        allow_hyphen_values = true,
        conflicts_with = "program"
    )]
    command: Option<OsString>,
    /// What to run; all that follows is its own
    #[arg(
        value_name = "COMMAND",
        trailing_var_arg = true,
        required_unless_present = "command"
    )]
    program: Vec<OsString>,
}

/// A command that can be run.
pub(super) struct Command {
    program: Program,
    closes: bool,
}

impl CommandLine {
    pub(super) fn command(self) -> Result<Command, Failure> {
        let arguments = match self.command {
            Some(string) => vec![shell(), "-c".into(), string],
            None => self.program,
        };
        let closes = self.close;
        Ok(Command {
            closes,
            ..Command::of(arguments)?
        })
    }
}

impl Command {
    /// Makes one of a program and its arguments.
    pub(super) fn of(arguments: Vec<OsString>) -> Result<Self, Failure> {
        Ok(Self {
            program: Program::new(arguments).map_err(Failure::usage)?,
            closes: false,
        })
    }

    pub(super) fn set_variable(&mut self, name: &'static str, value: String) {
        self.program.set_variable(name, value);
    }

    /// Returns its path or name.
    pub(super) fn name(&self) -> String {
        self.program.name().to_string_lossy().into_owned()
    }

    /// Runs it to its end, with a token or without.
    pub(super) fn run(&self, token: Option<&Token>) -> Result<End, Failure> {
        let inherits = token.filter(|_| !self.closes).map(Token::file);
        self.program.run(inherits).map_err(|error| match error {
            NotRun::Exec(error) => self.cannot_execute(error),
            NotRun::System(error) => Failure::Error {
                code: REFUSED,
                error: format!("cannot make a process for '{}': {error}", self.name()).into(),
                help: None,
            },
        })
    }

    /// Becomes it.
    pub(super) fn replace_this_process(&self, inherits: &ByteLock) -> Failure {
        let error = self.program.replace_this_process(Some(inherits));
        self.cannot_execute(error)
    }

    fn cannot_execute(&self, error: io::Error) -> Failure {
        let name = self.name();
        let is_missing = error.kind() == io::ErrorKind::NotFound;
        let help = if is_missing && name.contains(' ') {
            format!("a whole command line is for the shell: -c '{name}'")
        } else if is_missing {
            "a program is expected, by its path or in one of the directories of PATH".to_owned()
        } else {
            "a program is expected, or a script that `chmod +x` made one".to_owned()
        };
        Failure::Error {
            code: if is_missing { NOT_FOUND } else { CANNOT_RUN },
            error: format!("cannot run '{name}': {error}").into(),
            help: Some(help),
        }
    }
}

/// As flock(1) does.
fn shell() -> OsString {
    let shell = std::env::var_os("SHELL").filter(|shell| !shell.is_empty());
    shell.unwrap_or_else(|| "/bin/sh".into())
}
