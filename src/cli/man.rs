//! `man`: the manual, made of what the verbs say of themselves.

use std::io;
use std::path::PathBuf;

use clap::{Args, Command, CommandFactory};
use clap_mangen::Man as Page;

use super::exit_code::{Failure, USAGE};
use super::worker_program::Worker;
use super::{Cli, output};

/// Print a page of the manual, or write all of them
#[derive(Args)]
#[command(after_help = "\
Examples:
  shmcount man add | man -l -
  shmcount man --dir ~/.local/share/man/man1")]
pub(super) struct Man {
    /// Verb to print the page of [default: the program's own page]
    verb: Option<String>,
    /// Write all pages into DIR, which is made if it is missing
    #[arg(long, value_name = "DIR", conflicts_with = "verb")]
    dir: Option<PathBuf>,
}

impl Man {
    pub(super) fn run(self) -> Result<(), Failure> {
        let pages = pages();
        if let Some(dir) = &self.dir {
            return write(&pages, dir).map_err(|error| {
                Failure::refused(format!("cannot write to {}: {error}", dir.display()), None)
            });
        }
        let name = match &self.verb {
            Some(verb) => format!("shmcount-{verb}"),
            None => "shmcount".to_owned(),
        };
        match pages.into_iter().find(|(page, _)| *page == name) {
            Some((_, page)) => output::text(String::from_utf8_lossy(&rendered(page))),
            None => Err(Failure::Error {
                code: USAGE,
                error: format!("there is no verb '{}'", self.verb.unwrap_or_default()).into(),
                help: Some("`shmcount help` lists them".to_owned()),
            }),
        }
    }
}

/// Returns the name of each page, and the command that it is about.
fn pages() -> Vec<(String, Command)> {
    let mut program = Cli::command().disable_help_subcommand(true);
    program.build();
    let verbs: Vec<Command> = program.get_subcommands().cloned().collect();
    let verbs = verbs.into_iter().map(|verb| {
        let usage = format!("shmcount {}", verb.get_name());
        let name = format!("shmcount-{}", verb.get_name());
        (name.clone(), verb.display_name(name).bin_name(usage))
    });
    let worker = Worker::command();
    [
        ("shmcount".to_owned(), program),
        ("shmcount-worker".to_owned(), worker),
    ]
    .into_iter()
    .chain(verbs)
    .collect()
}

fn rendered(page: Command) -> Vec<u8> {
    let mut text = Vec::new();
    Page::new(page)
        .render(&mut text)
        .expect("writing to memory does not fail");
    text
}

fn write(pages: &[(String, Command)], dir: &std::path::Path) -> io::Result<()> {
    std::fs::create_dir_all(dir)?;
    for (name, page) in pages {
        let file = dir.join(format!("{name}.1"));
        std::fs::write(file, rendered(page.clone()))?;
    }
    Ok(())
}
