//! What a user reads.

use crate::running::Running;
use crate::stage::Scratch;
use crate::tool::{SHMCOUNT, Tool, command, output};

/// A small terminal's.
const COLUMNS: usize = 80;
const LINES: usize = 30;

fn shmcount(arguments: &[&str]) -> (i32, String, String) {
    let mut command = command(&[SHMCOUNT.to_owned()], arguments);
    command.env("COLUMNS", COLUMNS.to_string());
    let done = output(command);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        done.status.code().unwrap(),
        text(done.stdout),
        text(done.stderr),
    )
}

pub fn help_fits_a_screen() {
    for verb in ["lock", "sem"] {
        let (code, help, _) = shmcount(&[verb, "--help"]);
        assert_eq!(code, 0);
        assert!(help.lines().count() <= LINES, "{help}");
        assert!(
            help.lines().all(|line| line.chars().count() <= COLUMNS),
            "{help}"
        );
        assert!(
            help.contains("\nExample: shmcount ") || help.contains("\nExample: ls "),
            "{help}"
        );
    }
}

pub fn what_cannot_be_done_is_said_with_its_remedy() {
    let (name, number) = (Scratch::new("sem"), Scratch::new("number"));
    let (name, number) = (name.name(), number.name());
    assert_eq!(shmcount(&["sem", name, "--permits", "4", "true"]).0, 0);
    assert_eq!(shmcount(&["create", number]).0, 0);
    let four =
        format!("semaphore '{name}/main' has 4 permits, expected 2\n  help: say --permits 4");
    let kind = format!("object '{number}/main' has kind value, expected");
    let cases: &[(&[&str], i32, &str)] = &[
        (&["sem", name, "--permits", "2", "true"], 4, &four),
        (
            &["sem", name, "--permits", "0", "true"],
            2,
            "invalid value '0'",
        ),
        (
            &["lock", number, "true"],
            4,
            &format!("{kind} lock\n  help: "),
        ),
        (
            &["sem", number, "--permits", "2", "true"],
            4,
            &format!("{kind} semaphore\n  help: "),
        ),
        (
            &["lock", "-s", number, "true"],
            2,
            "no shared kind of this lock\n  help: ",
        ),
        (&["lock", "-u", number, "true"], 2, "nothing to unlock: "),
        (&["lock", "/tmp/lock", "true"], 2, "begins like a path"),
        (&["lock", "./lock", "true"], 2, "begins like a path"),
        (&["lock", number], 2, "required arguments"),
        (
            &["lock", name, "/nonexistent/x", "y"],
            4,
            "has kind semaphore",
        ),
    ];
    for (arguments, expected, says) in cases {
        let (code, stdout, stderr) = shmcount(arguments);
        assert_eq!((code, &*stdout), (*expected, ""), "{arguments:?}: {stderr}");
        assert!(
            stderr.starts_with("error: ") && stderr.contains(says),
            "{arguments:?}: {stderr}"
        );
    }
    let lock = format!("{name}/lock");
    let (code, _, stderr) = shmcount(&["lock", &lock, "/nonexistent/x y"]);
    assert_eq!(code, 127, "{stderr}");
    assert!(
        stderr.contains("cannot run '/nonexistent/x y': No such file"),
        "{stderr}"
    );
    assert!(
        stderr.contains("help: a whole command line is for the shell: -c"),
        "{stderr}"
    );
}

pub fn a_conflict_is_silent_unless_asked() {
    let tool = Tool::shmcount();
    let holder = tool.hold(&[]);
    let pid = holder.pid();
    let lock = tool.lock();
    assert_eq!(
        shmcount(&["lock", "-n", &lock, "true"]),
        (1, String::new(), String::new())
    );
    let (code, _, said) = shmcount(&["lock", "-n", "--verbose", &lock, "true"]);
    assert_eq!(code, 1);
    assert!(
        said.contains(&format!("the lock is held by process {pid}\n  help: ")),
        "{said}"
    );
    let (code, _, said) = shmcount(&["lock", "-w", "0.1", "-E", "5", "--verbose", &lock, "true"]);
    assert_eq!(code, 5);
    assert!(
        said.contains(&format!(
            "held by process {pid} and not released within 100ms"
        )),
        "{said}"
    );

    let name = Scratch::new("sem");
    let words = [SHMCOUNT, "sem", name.name(), "--permits", "1"].map(str::to_owned);
    let holder = Running::start(command(&words, &["sh", "-c", "echo $$; exec cat"]));
    let more = ["sem", name.name(), "--permits", "1", "-n", "true"];
    assert_eq!(shmcount(&more), (1, String::new(), String::new()));
    let (_, _, said) = shmcount(&[&more[..4], &["-w", "0.1", "--verbose", "true"]].concat());
    assert!(
        said.contains("none of the 1 permits was free within 100ms"),
        "{said}"
    );
    assert!(
        said.contains(&format!("`ps -p {}`", holder.pid())),
        "{said}"
    );
}
