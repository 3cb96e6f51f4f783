//! What shells offer to who types a line and presses the tabulator.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use nix::pty::openpty;

use crate::program::{SHMCOUNT, finish, shmcount};
use crate::watchdog::{Watchdog, wait_until};

/// A shell that reads our completions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shell {
    Bash,
    Zsh,
    Fish,
}

impl Shell {
    /// All that there are here; of the others it says so.
    pub fn all() -> Vec<Self> {
        let mut all = vec![Self::Bash, Self::Zsh, Self::Fish];
        all.retain(|shell| {
            let is_there = Command::new(shell.name())
                .args(["-c", ":"])
                .status()
                .is_ok();
            if !is_there {
                eprintln!("skipped: there is no {} to complete a line", shell.name());
            }
            is_there
        });
        all
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Bash => "bash",
            Self::Zsh => "zsh",
            Self::Fish => "fish",
        }
    }

    /// Returns what it offers for the last word of a line, in a directory where `a-file` is.
    pub fn offers(self, line: &str) -> Vec<String> {
        let directory = tempfile::tempdir().unwrap();
        let completions = directory.path().join("_shmcount");
        fs::write(&completions, shmcount(&["completions", self.name()]).stdout).unwrap();
        let here = directory.path().join("here");
        fs::create_dir(&here).unwrap();
        fs::write(here.join("a-file"), "").unwrap();
        let mut shell = Command::new(self.name());
        let own = Path::new(SHMCOUNT).parent().unwrap().display();
        shell
            .env("PATH", format!("{own}:/usr/local/bin:/usr/bin:/bin"))
            .env("HOME", directory.path())
            .env("COMPLETIONS", directory.path())
            .current_dir(here);
        let offered = match self {
            Self::Zsh => by_zsh(&mut shell, directory.path(), line),
            Self::Bash => said(shell.args(["-c", BASH, line]).args(words(line))),
            Self::Fish => said(shell.args(["-N", "-c", FISH]).arg(line)),
        };
        let mut offered: Vec<String> = offered.lines().map(str::to_owned).collect();
        offered.retain(|word| !word.is_empty());
        offered.sort();
        offered.dedup();
        offered
    }
}

/// The words behind the first one, of which the last may be empty, broken at `=` and `:` as by bash.
fn words(line: &str) -> impl Iterator<Item = &str> {
    let words = line.split(' ').skip(1);
    words.flat_map(|word| {
        let mut parts = Vec::new();
        let mut rest = word;
        while let Some(at) = rest.find(['=', ':']) {
            let (before, behind) = rest.split_at(at);
            parts.extend(
                [before, &behind[..1]]
                    .into_iter()
                    .filter(|part| !part.is_empty()),
            );
            rest = &behind[1..];
        }
        if !rest.is_empty() || parts.is_empty() {
            parts.push(rest);
        }
        parts
    })
}

const BASH: &str = r#"
    source "$COMPLETIONS/_shmcount"
    COMP_LINE=$0 COMP_WORDS=(shmcount "$@") COMP_CWORD=$#
    _shmcount_words shmcount "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
    printf '%s\n' "${COMPREPLY[@]}""#;

// Behind a tabulator comes what is said of a word.
const FISH: &str = "source $COMPLETIONS/_shmcount; complete -C $argv[1] | string split -f 1 \\t";

/// Completes for a terminal alone; what is offered passes through `compadd`.
const ZSH: &str = r#"
    PS1= fpath=($COMPLETIONS $fpath)
    autoload -Uz compinit && compinit -D -u
    compadd () {
        # Some calls only ask, and add nothing.
        if [[ ${@[1,(i)(-|--)]} != *-(O|A|D)\ * ]]; then
            local -a offered
            builtin compadd -A offered "$@"
            print -rl -- $offered >>$COMPLETIONS/offered
        fi
        builtin compadd "$@"
    }
    over () { : >$COMPLETIONS/over }
    comppostfuncs=(over)
    bindkey '^I' complete-word
    # What is typed before it reads the line itself may be lost.
    zle-line-init () { print -n ready }
    zle -N zle-line-init
"#;

fn said(shell: &mut Command) -> String {
    let done = finish(shell);
    assert_eq!(done.stderr, "", "{done:#?}");
    done.stdout
}

fn by_zsh(zsh: &mut Command, directory: &Path, line: &str) -> String {
    fs::write(directory.join(".zshrc"), ZSH).unwrap();
    let terminal = openpty(None, None).unwrap();
    let side = || Stdio::from(terminal.slave.try_clone().unwrap());
    let mut zsh = zsh
        .args(["-d", "-i"])
        .env("ZDOTDIR", directory)
        .env("TERM", "dumb")
        .stdin(side())
        .stdout(side())
        .stderr(side())
        .spawn()
        .unwrap();
    let watchdog = Watchdog::of(zsh.id());
    let mut screen = File::from(terminal.master.try_clone().unwrap());
    let mut seen: Vec<u8> = Vec::new();
    while !seen.windows(5).any(|part| part == b"ready") {
        let mut bytes = [0; 256];
        let count = screen.read(&mut bytes).unwrap();
        seen.extend(&bytes[..count]);
    }
    write!(screen, "{line}\t").unwrap();
    wait_until("zsh has completed", || directory.join("over").exists());
    zsh.kill().unwrap();
    drop(watchdog);
    zsh.wait().unwrap();
    fs::read_to_string(directory.join("offered")).unwrap_or_default()
}
