//! `completions` and `man`.

use std::process::Command;

use crate::interactive::Shell;
use crate::program::shmcount;
use crate::shared_memory::Name;

#[test]
fn names_of_segments_and_objects_are_offered_where_they_can_stand() {
    let name = Name::new("completed");
    let (beside, spaced) = (format!("{}/beside", &*name), Name::new("com pleted"));
    shmcount(&["create", &name]).assert(0, "", &[]);
    shmcount(&["create", &beside, "lock"]).assert(0, "", &[]);
    shmcount(&["create", &spaced]).assert(0, "", &[]);
    let (segment, both) = (vec![&*name], vec![&*name, &*beside]);
    let begun = &name[..name.len() - 1];
    for shell in Shell::all() {
        for (line, expected) in [
            ("get BEGUN", &both),
            ("get NAME/", &vec![&*beside]),
            ("add --create BEGUN", &both),
            ("wait --until 5 BEGUN", &both),
            ("lock -n BEGUN", &both),
            ("lock -w 5 BEGUN", &both),
            ("lock --timeout=5 BEGUN", &both),
            ("sem --permits=4 BEGUN", &both),
            ("event set BEGUN", &both),
            ("barrier BEGUN", &both),
            ("barrier wait BEGUN", &both),
            ("wg wait BEGUN", &both),
            // What rm takes, and more than one of it.
            ("rm BEGUN", &segment),
            ("rm other BEGUN", &segment),
            // Where a number is, or nothing.
            ("set NAME BEGUN", &vec![]),
            ("ls BEGUN", &vec![]),
            ("man BEGUN", &vec![]),
        ] {
            let line = line.replace("BEGUN", begun).replace("NAME", &name);
            let offered = shell.offers(&format!("shmcount {line}"));
            assert_eq!(offered, **expected, "{shell:?}: {line}");
        }
        // Quoted, as far as the shell does not do that itself.
        let quoted = match shell {
            Shell::Fish => spaced.to_string(),
            _ => spaced.replace(' ', "\\ "),
        };
        let offered = shell.offers(&format!("shmcount get {}", &spaced[..8]));
        assert!(offered.contains(&quoted), "{shell:?}: {offered:?}");
    }
}

/// What bash replaces begins behind the colon.
#[test]
fn names_with_colons_are_one_word_to_bash() {
    let name = Name::new("a:colon");
    shmcount(&["create", &name]).assert(0, "", &[]);
    let (before, behind) = name.split_once(':').unwrap();
    for shell in Shell::all()
        .into_iter()
        .filter(|shell| *shell == Shell::Bash)
    {
        for line in [format!("get {before}:"), format!("get {before}:col")] {
            assert_eq!(
                shell.offers(&format!("shmcount {line}")),
                [behind],
                "{line}"
            );
        }
        assert_eq!(shell.offers(&format!("shmcount set {} ", &*name)), [""; 0]);
        assert_eq!(shell.offers("shmcount sem --permits="), [""; 0]);
    }
}

#[test]
fn verbs_options_actions_and_commands_are_offered() {
    for shell in Shell::all() {
        for (line, expected) in [
            ("comp", &["completions"][..]),
            ("rm --", &["--dry-run", "--help", "--stale"]),
            ("wg ", &["add", "done", "run", "wait"]),
            ("event ", &["clear", "set", "test", "wait"]),
            ("create NAME fifo", &["fifo-lock"]),
            ("man ad", &["add"]),
            ("completions z", &["zsh"]),
            ("bench --plot a", &["a-file"]),
            ("lock NAME basenam", &["basename"]),
            ("sem NAME -- basenam", &["basename"]),
            ("wg run NAME -- basenam", &["basename"]),
            ("run --procs 3 -- basenam", &["basename"]),
        ] {
            let offered = shell.offers(&format!("shmcount {line}"));
            assert_eq!(offered, expected, "{shell:?}: {line}");
        }
        // What follows a command is its own: bash is given nothing, and offers files.
        let expected: &[&str] = if shell == Shell::Bash {
            &[]
        } else {
            &["a-file"]
        };
        assert_eq!(
            shell.offers("shmcount lock NAME ls a"),
            expected,
            "{shell:?}"
        );
        let options = shell.offers("shmcount lock NAME ls --");
        assert!(
            !options.contains(&"--close".to_owned()),
            "{shell:?}: {options:?}"
        );
    }
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
