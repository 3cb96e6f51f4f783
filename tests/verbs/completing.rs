//! `completions` and `man`.

use std::process::Command;

use crate::program::{SHMCOUNT, finish, shmcount};
use crate::shared_memory::Name;

/// What bash offers for the last word of a line.
fn offered(words: &[&str]) -> Vec<String> {
    let script = r#"
        source <("$0" completions bash)
        COMP_WORDS=("$0" "$@")
        COMP_CWORD=$#
        _shmcount_or_name "$0" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        printf '%s\n' "${COMPREPLY[@]}""#;
    let mut bash = Command::new("bash");
    let done = finish(bash.args(["-c", script, SHMCOUNT]).args(words));
    assert_eq!((done.code, &*done.stderr), (Some(0), ""), "{done:#?}");
    done.stdout.lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_verbs_options_and_names() {
    let name = Name::new("completed");
    let beside = format!("{}/beside", &*name);
    shmcount(&["create", &name]).assert(0, "", &[]);
    shmcount(&["create", &beside, "lock"]).assert(0, "", &[]);
    assert_eq!(offered(&["comp"]), ["completions"]);
    assert_eq!(offered(&["rm", "--st"]), ["--stale"]);
    let begun = &name[..name.len() - 1];
    let names = offered(&["get", begun]);
    assert!(
        names.contains(&(*name).to_owned()) && names.contains(&beside),
        "{names:?}"
    );
    assert_eq!(offered(&["man", begun]), [""]);
}

#[test]
fn every_shell_has_completions_that_ask_for_names() {
    for shell in ["bash", "zsh", "fish"] {
        let done = shmcount(&["completions", shell]);
        assert_eq!((done.code, &*done.stderr), (Some(0), ""), "{done:#?}");
        assert!(done.stdout.contains("ls --names"), "{shell}");
        let mut program = Command::new(shell);
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("completions");
        std::fs::write(&file, &done.stdout).unwrap();
        match program.arg("-n").arg(&file).output() {
            Err(_) => eprintln!("skipped: there is no {shell} to read its completions"),
            Ok(read) => assert!(read.status.success(), "{shell}: {read:?}"),
        }
    }
}

#[test]
fn every_verb_has_a_page_in_the_manual() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("man1");
    shmcount(&["man", "--dir", path.to_str().unwrap()]).assert(0, "", &[]);
    let page = |name: &str| std::fs::read_to_string(path.join(format!("{name}.1"))).unwrap();
    for name in [
        "shmcount",
        "shmcount-worker",
        "shmcount-add",
        "shmcount-run",
    ] {
        let title = format!("TH {name} 1");
        assert!(page(name).contains(&title), "{name}: {}", page(name));
    }
    let done = shmcount(&["man", "add"]);
    assert_eq!((done.code, done.stdout), (Some(0), page("shmcount-add")));
    shmcount(&["man", "ad"]).assert_refused(2, &["there is no verb 'ad'"]);
}
