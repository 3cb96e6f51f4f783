//! `completions`: what a shell needs to know of the verbs, and how it asks for names.
//!
//! clap knows verbs and options. What can stand in the place of an argument is added to its scripts: names
//! of segments and objects, actions and kinds, and the commands that some verbs run.

mod place;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::exit_code::Failure;
use super::{Cli, output};
use place::Places;

/// Print the completions for a shell
#[derive(Args)]
#[command(after_help = "\
Names of segments and objects are completed, too, with what `shmcount ls --names` prints.

Examples:
  shmcount completions bash >~/.local/share/bash-completion/completions/shmcount
  shmcount completions zsh >~/.zfunc/_shmcount
  shmcount completions fish >~/.config/fish/completions/shmcount.fish")]
pub(super) struct Completions {
    /// Shell to print them for
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    pub(super) fn run(self) -> Result<(), Failure> {
        output::text(for_shell(self.shell))
    }
}

/// Returns the completions for a shell.
fn for_shell(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "shmcount", &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    match shell {
        Shell::Bash => script + &bash(&Places::of_all_verbs()),
        Shell::Fish => script + &fish(&Places::of_all_verbs()),
        // The last thing that the script does is to complete: the functions have to be there before.
        Shell::Zsh => match script.split_once('\n') {
            Some((head, rest)) => {
                let functions = include_str!("shmcount.zsh");
                format!("{head}\n{functions}\n{}", zsh(rest))
            }
            None => script,
        },
        _ => script,
    }
}

fn bash(places: &Places) -> String {
    let pattern = |places: &[String]| places.join(" | ");
    let valued = places.valued.iter();
    let valued = valued.map(|(verb, options)| format!("{verb}) valued='{}' ;;", options.join(" ")));
    let values = places.values.iter().map(|(place, values)| {
        let values: Vec<&str> = values.iter().map(|value| &*value.word).collect();
        format!("{place}) words='{}' ;;", values.join(" "))
    });
    include_str!("shmcount.bash")
        .replace("#VALUED", &valued.collect::<Vec<_>>().join("\n        "))
        .replace("#VALUES", &values.collect::<Vec<_>>().join("\n        "))
        .replace("#NAMES", &pattern(&places.names))
        .replace("#SEGMENTS", &pattern(&places.segments))
        .replace("#COMMANDS", &pattern(&places.commands))
        .replace("#REPEATED", &pattern(&places.repeated))
}

fn fish(places: &Places) -> String {
    let valued = places.valued.iter().map(|(verb, options)| {
        let options = options.join(" ");
        format!("case {verb}\n            set valued {options}")
    });
    let values = places.values.iter().flat_map(|(place, values)| {
        values.iter().map(move |value| {
            let word = &value.word;
            let line = format!("complete -c shmcount -n '__shmcount_is_at {place}' -a {word}");
            match value.help.replace('\'', "\\'") {
                help if help.is_empty() => line,
                help => format!("{line} -d '{help}'"),
            }
        })
    });
    include_str!("shmcount.fish")
        .replace("#VALUED", &valued.collect::<Vec<_>>().join("\n        "))
        .replace("#VALUES", &values.collect::<Vec<_>>().join("\n"))
        .replace("#NAMES", &places.names.join(" "))
        .replace("#SEGMENTS", &places.segments.join(" "))
        .replace("#COMMANDS", &places.commands.join(" "))
        .replace("#REPEATED", &places.repeated.join(" "))
}

/// Has clap's script for zsh complete what it takes for files: its lines for arguments are
/// `'MARK:ID -- HELP:ACTION'`.
fn zsh(script: &str) -> String {
    let line = |line: &str| {
        let argument = line.trim_start_matches(['\'', '*', ':']);
        let action = match argument.split(' ').next() {
            _ if argument.len() == line.len() => return Some(line.to_owned()),
            Some("name") => "_shmcount_names",
            Some("names") => "_shmcount_segments",
            Some("verb") => "_shmcount_commands",
            // With the third colon, zsh forgets what comes before the command.
            Some("program" | "command") => {
                let line = line.replace("'*::", "'*:::");
                return Some(line.replace(":_default'", ":_normal'"));
            }
            // A number, in whose place zsh would take the command behind `--`.
            Some("tasks") => return None,
            _ => return Some(line.to_owned()),
        };
        Some(line.replace(":_default'", &format!(":{action}'")))
    };
    let lines = script.lines().filter_map(line);
    lines.map(|line| line + "\n").collect()
}
