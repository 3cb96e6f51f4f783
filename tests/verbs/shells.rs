//! Scripts: in pipes, loops and poor surroundings, under more than one shell.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::program::{Done, SHMCOUNT, finish, shmcount};
use crate::shared_memory::Name;

/// Runs a script with `shmcount` in its path, under every shell there is; `$1` is a new segment's name.
#[track_caller]
fn in_every_shell(script: &str, check: impl Fn(&str, Done)) {
    for shell in ["bash", "dash"] {
        let name = Name::new(shell);
        let there = Command::new(shell).args(["-c", ":"]).status();
        if !there.is_ok_and(|status| status.success()) {
            eprintln!("skipped: there is no {shell}");
            continue;
        }
        let mut command = Command::new(shell);
        command
            .args(["-c", script, shell, &name])
            .env("PATH", path());
        check(shell, finish(&mut command));
    }
}

/// The directory of the program, before those of the others.
fn path() -> String {
    let own = Path::new(SHMCOUNT).parent().unwrap().display();
    format!("{own}:/usr/sbin:/usr/bin:/sbin:/bin")
}

#[test]
fn ten_thousand_adds_by_eight_at_once_are_ten_thousand() {
    let script = "set -e
        shmcount create \"$1\"
        seq 10000 | xargs -P 8 -n 1 sh -c 'shmcount add \"$0\" >/dev/null' \"$1\"
        shmcount get \"$1\"";
    let name = Name::new("xargs");
    let mut command = Command::new("sh");
    command
        .args(["-c", script, "sh", &name])
        .env("PATH", path());
    finish(&mut command).assert(0, "10000\n", &[]);
}

#[test]
fn reader_that_leaves_ends_it_quietly() {
    // yes(1) is told by its status, we by nothing: with pipefail all is well.
    let script = "shmcount create \"$1\" && shmcount watch \"$1\" --interval 1ms | head -n 3
        shmcount --help | head -n 1 >/dev/null; shmcount show \"$1\" | :; shmcount ls --json | :";
    in_every_shell(script, |shell, done| {
        let line = "main  value i64  0\n";
        assert!(done.stdout.starts_with(line), "{shell}: {done:#?}");
        assert_eq!(
            (done.code, done.stdout.lines().count(), &*done.stderr),
            (Some(0), 3, ""),
            "{shell}"
        );
    });
}

#[test]
fn failure_ends_a_script_with_set_e() {
    let script = "set -e; shmcount create \"$1\"; shmcount cas \"$1\" 1 2; echo not reached";
    in_every_shell(script, |_, done| done.assert(1, "0\n", &[]));
    let script = "set -e; shmcount create \"$1\"
        if shmcount cas \"$1\" 1 2; then echo yes; else echo no; fi
        shmcount wait \"$1\" --until '> 0' --timeout 0 2>/dev/null || echo $?";
    in_every_shell(script, |_, done| done.assert(0, "0\nno\n124\n", &[]));
}

#[test]
fn closed_standard_descriptors_do_no_harm() {
    let script = "set -e
        shmcount create \"$1\" <&-
        shmcount add \"$1\" <&-
        shmcount add \"$1\" <&- 2>&-
        shmcount wait \"$1\" --until '== 2' <&-
        shmcount show \"$1\" <&- >/dev/null
        shmcount get \"$1\" <&-";
    in_every_shell(script, |_, done| done.assert(0, "1\n2\n2\n2\n", &[]));
    // What has nowhere to print its result does nothing.
    let script = "shmcount rm --stale >&- 2>/dev/null; echo $?";
    in_every_shell(script, |_, done| done.assert(0, "4\n", &[]));
    let script = "shmcount create \"$1\"; shmcount add \"$1\" >&- 2>/dev/null; echo $?
        shmcount cas \"$1\" 0 5 >&- 2>/dev/null; echo $?; shmcount get \"$1\"";
    in_every_shell(script, |_, done| done.assert(0, "4\n4\n0\n", &[]));
}

#[test]
fn push_without_an_input_pushes_nothing_and_says_so() {
    let script = "shmcount push \"$1\" --create <&-; echo $?
        shmcount ls --names | grep -x \"$1\"
        shmcount push \"$1\" --create text <&-; echo $?; shmcount pop \"$1\"";
    in_every_shell(script, |_, done| {
        done.assert(0, "4\n0\ntext\n", &["standard input is closed"]);
    });
}

#[test]
fn full_disk_is_a_failure_and_not_silence() {
    let script = "shmcount create \"$1\"; shmcount get \"$1\" >/dev/full; echo $?";
    in_every_shell(script, |_, done| {
        done.assert(
            0,
            "4\n",
            &[
                "cannot write to standard output: No space left",
                "help: what was asked for is done",
            ],
        );
    });
    let script = "shmcount push \"$1\" --create text; shmcount pop \"$1\" >/dev/full; echo $?";
    in_every_shell(script, |_, done| {
        let says = ["No space left", "the text that was taken out is lost"];
        done.assert(0, "4\n", &says);
    });
}

#[test]
fn empty_environment_is_enough() {
    let name = Name::new("environment");
    let bare = |arguments: &[&str]| {
        let mut command = Command::new(SHMCOUNT);
        finish(command.args(arguments).env_clear().current_dir("/"))
    };
    bare(&["create", &name]).assert(0, "", &[]);
    bare(&["add", &name]).assert(0, "1\n", &[]);
    assert_eq!(bare(&["ls"]).code, Some(0));
    assert_eq!(bare(&["rm", "--stale", "--dry-run"]).code, Some(0));
    bare(&["rm", &name]).assert(0, "", &[]);
}

#[test]
fn user_without_a_home_can_do_everything() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("skipped: only root can become another user");
        return;
    }
    // Where everybody may read it.
    let directory = tempfile::tempdir_in("/tmp").unwrap();
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(directory.path(), open).unwrap();
    let program = directory.path().join("shmcount");
    // By another process: what a test forks meanwhile would have the copy open for writing, which keeps it
    // from being run.
    let copied = Command::new("cp").arg(SHMCOUNT).arg(&program).status();
    assert!(copied.unwrap().success());
    let name = Name::new("nobody");
    let script = "set -e; \"$0\" create \"$1\"; \"$0\" add \"$1\"; \"$0\" show \"$1\" >/dev/null
        \"$0\" ls --names | grep -x \"$1\" >/dev/null; \"$0\" get \"$1\"";
    let mut command = Command::new("setpriv");
    command.args([
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        "sh",
        "-c",
        script,
    ]);
    command
        .arg(&program)
        .arg(&*name)
        .env_remove("HOME")
        .current_dir("/");
    if Command::new("setpriv")
        .arg("--version")
        .stdout(Stdio::null())
        .status()
        .is_err()
    {
        eprintln!("skipped: there is no setpriv");
        return;
    }
    finish(&mut command).assert(0, "1\n1\n", &[]);
    // It is that user's, and not in our list.
    assert!(!shmcount(&["ls", "--names"]).stdout.contains(&*name));
    shmcount(&["get", &name]).assert_refused(4, &["belongs to user 65534"]);
}

#[test]
fn recipe_without_a_program_says_so() {
    let recipes = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/recipes");
    // Where nothing was built.
    let directory = tempfile::tempdir().unwrap();
    let copies = directory.path().join("scripts/recipes");
    std::fs::create_dir_all(&copies).unwrap();
    // Whatever is installed here.
    let tools = directory.path().join("tools");
    std::fs::create_dir(&tools).unwrap();
    for tool in ["basename", "dirname"] {
        let there = Path::new("/usr/bin").join(tool);
        std::os::unix::fs::symlink(there, tools.join(tool)).unwrap();
    }
    let mut tried = 0;
    for recipe in std::fs::read_dir(recipes).unwrap() {
        let recipe = recipe.unwrap();
        std::fs::copy(recipe.path(), copies.join(recipe.file_name())).unwrap();
    }
    for recipe in std::fs::read_dir(&copies).unwrap() {
        let recipe = recipe.unwrap();
        if recipe.file_name() == "program.sh" {
            continue;
        }
        let mut command = Command::new("/bin/sh");
        command.arg(recipe.path()).env("PATH", &tools);
        finish(&mut command).assert(127, "", &["no shmcount here: run 'cargo build"]);
        tried += 1;
    }
    assert_ne!(tried, 0);
    // What is in the working directory is not taken for it.
    let bait = directory.path().join("shmcount");
    std::fs::copy("/bin/true", bait).unwrap();
    let mut command = Command::new("/bin/sh");
    command.arg(copies.join("leader.sh")).env("PATH", &tools);
    let done = finish(command.current_dir(&directory));
    assert_eq!((done.code, &*done.stdout), (Some(127), ""), "{done:#?}");
}

/// Each library is loaded at each start, which takes longer than to add.
#[test]
fn the_program_loads_no_library_but_that_of_c() {
    let traced = finish(Command::new(SHMCOUNT).env("LD_TRACE_LOADED_OBJECTS", "1"));
    let is_another = |line: &&str| {
        let own = ["linux-vdso", "libc.so", "ld-linux"];
        line.contains(" (0x") && !own.iter().any(|library| line.contains(library))
    };
    let others: Vec<&str> = traced.stdout.lines().filter(is_another).collect();
    assert_eq!(others, [""; 0]);
}
