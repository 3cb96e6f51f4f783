//! Every help text: it fits a screen, has an example, and stands in `docs/SHELL.md` as it is.
//!
//! `UPDATE=1 cargo test --test verbs help` puts the texts into that file.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::program::{SHMCOUNT, WORKER, finish};

/// Lines of a terminal window, less one for the prompt.
const SCREEN: usize = 30;
const BEGIN: &str = "<!-- what follows is made by tests/verbs/help.rs -->\n";

/// A help text, 80 columns wide.
fn text(program: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(program);
    let done = finish(command.args(arguments).env("COLUMNS", "80"));
    assert_eq!((done.code, &*done.stderr), (Some(0), ""), "{done:#?}");
    done.stdout
}

fn verbs() -> Vec<String> {
    let help = text(SHMCOUNT, &["--help"]);
    let commands = help.split("Commands:\n").nth(1).unwrap();
    let lines = commands.lines().take_while(|line| !line.is_empty());
    let names = lines.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names = names.map(|line| line.split_whitespace().next().unwrap().to_owned());
    names.filter(|name| name != "help").collect()
}

#[test]
fn help_of_every_verb_fits_a_screen_and_has_an_example() {
    for verb in verbs() {
        let help = text(SHMCOUNT, &[&verb, "-h"]);
        let lines = help.lines().count();
        assert!(lines <= SCREEN, "{verb} has {lines} lines:\n{help}");
        assert!(
            help.lines().all(|line| line.chars().count() <= 80),
            "{help}"
        );
        let example = format!("shmcount {verb} ");
        let is_example = |line: &str| line.starts_with("Example") || line.starts_with("  ");
        let has_one = help
            .lines()
            .any(|line| is_example(line) && line.contains(&example))
            || verb == "ls" && help.contains("Example: shmcount ls\n");
        assert!(has_one, "{help}");
    }
}

#[test]
fn help_is_the_same_whichever_way_it_is_asked_for() {
    for verb in verbs() {
        let help = text(SHMCOUNT, &[&verb, "--help"]);
        assert_eq!(help, text(SHMCOUNT, &["help", &verb]));
    }
}

#[test]
fn reference_says_what_the_programs_say_of_themselves() {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/SHELL.md");
    let before = fs::read_to_string(&path).unwrap();
    let (head, found) = before.split_once(BEGIN).unwrap();
    let section = |title: &str, help: String| format!("\n## {title}\n\n```text\n{help}```\n");
    let verbs = verbs().into_iter();
    let mut expected: String = verbs
        .map(|verb| section(&verb, text(SHMCOUNT, &[&verb, "--help"])))
        .collect();
    expected += &section("shmcount-worker", text(WORKER, &["--help"]));
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, format!("{head}{BEGIN}{expected}")).unwrap();
    } else {
        assert!(
            found == expected,
            "docs/SHELL.md is not what the programs say: UPDATE=1 makes it so"
        );
    }
}
