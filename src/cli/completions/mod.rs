//! `completions`: what a shell needs to know of the verbs, and how it asks for names.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::exit_code::Failure;
use super::{Cli, output};

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
    let verbs = verbs_with_names().join(match shell {
        Shell::Bash => "|",
        _ => " ",
    });
    match shell {
        Shell::Bash => script + &BASH.replace("VERBS", &verbs),
        Shell::Fish => script + &FISH.replace("VERBS", &verbs),
        // The last thing that the script does is to complete: the function has to be there before.
        Shell::Zsh => match script.split_once('\n') {
            Some((head, rest)) => format!("{head}\n{ZSH}{}", with_names(rest)),
            None => script,
        },
        _ => script,
    }
}

/// Returns the verbs that take a name.
fn verbs_with_names() -> Vec<String> {
    let takes_name = |verb: &clap::Command| {
        let names = verb
            .get_positionals()
            .filter_map(|argument| argument.get_value_names());
        names.flatten().any(|name| name == "NAME")
    };
    let command = Cli::command();
    let verbs = command.get_subcommands().filter(|verb| takes_name(verb));
    verbs.map(|verb| verb.get_name().to_owned()).collect()
}

/// Has zsh complete names where the argument is called so.
fn with_names(script: &str) -> String {
    let line = |line: &str| match line.trim_start().trim_start_matches(['\'', '*', ':']) {
        argument if argument.starts_with("name") => line.replace(":_default'", ":_shmcount_names'"),
        _ => line.to_owned(),
    };
    script.lines().map(|text| line(text) + "\n").collect()
}

const BASH: &str = r#"
_shmcount_or_name() {
    _shmcount "$@"
    case ${COMP_WORDS[1]} in
        VERBS) ;;
        *) return 0 ;;
    esac
    if [[ $COMP_CWORD -ge 2 && ${COMP_WORDS[COMP_CWORD]} != -* ]]; then
        local name
        while IFS= read -r name; do
            [[ $name == "${COMP_WORDS[COMP_CWORD]}"* ]] && COMPREPLY+=("$(printf %q "$name")")
        done < <("${COMP_WORDS[0]}" ls --names 2>/dev/null)
    fi
    return 0
}
complete -F _shmcount_or_name -o nosort -o bashdefault shmcount
"#;

const FISH: &str = r#"
complete -c shmcount -n "__fish_seen_subcommand_from VERBS" -f -a "(shmcount ls --names 2>/dev/null)"
"#;

const ZSH: &str = r#"
_shmcount_names() {
    local -a names
    names=("${(@f)$(shmcount ls --names 2>/dev/null)}")
    compadd -a names
}
"#;
