//! What is looked at with flock(1) and with `shmcount lock`: one behaviour a row.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use nix::sys::signal::Signal;

use crate::looks::{
    conflict, fate, left, left_by, nested, orphaned, removed_while_one_waits, said, signals, waits,
};
use crate::running::Running;
use crate::tool::{Tool, command, end_of, output};

/// A behaviour.
pub struct Row {
    pub what: &'static str,
    /// Returns what is seen of it.
    pub look: fn(&Tool) -> String,
    /// Why it is not the same; nothing when it is.
    pub why: &'static str,
}

const fn same(what: &'static str, look: fn(&Tool) -> String) -> Row {
    Row {
        what,
        look,
        why: "",
    }
}

const fn differs(what: &'static str, look: fn(&Tool) -> String, why: &'static str) -> Row {
    Row { what, look, why }
}

/// In the order in which the table has them.
pub const ROWS: &[Row] = &[
    // What is run.
    same("COMMAND exits with 7", |tool| {
        tool.end_under(&[], &["sh", "-c", "exit 7"])
    }),
    same("COMMAND is killed by SIGTERM", |tool| {
        tool.end_under(&[], &["sh", "-c", "kill -TERM $$"])
    }),
    same("COMMAND is killed by a real-time signal, 40", |tool| {
        tool.end_under(&[], &["sh", "-c", "kill -40 $$"])
    }),
    differs(
        "COMMAND is not found",
        |tool| tool.end_under(&[], &["/nonexistent/command"]),
        "as shells, env(1) and timeout(1); 69 may be COMMAND's own",
    ),
    differs(
        "COMMAND is not executable",
        |tool| tool.end_under(&[], &["/etc/passwd"]),
        "as above",
    ),
    same("COMMAND is a script without `#!`", |tool| {
        let script = tempfile::NamedTempFile::new().unwrap();
        fs::write(script.path(), "exit 6\n").unwrap();
        fs::set_permissions(script.path(), PermissionsExt::from_mode(0o700)).unwrap();
        let path = script.into_temp_path();
        tool.end_under(&[], &[path.to_str().unwrap()])
    }),
    same("`-c STRING` after the name", |tool| {
        tool.end_under(&[], &["-c", "exit 5; true"])
    }),
    differs(
        "`-c STRING` before the name",
        |tool| tool.end_under(&["-c", "exit 5"], &[]),
        "options may stand before and after NAME",
    ),
    differs(
        "`-c STRING` and another argument",
        |tool| tool.end_under(&[], &["-c", "true", "more"]),
        "wrong usage is 2 in all verbs",
    ),
    same("`-c` with SHELL=/bin/false", |tool| {
        let mut command = tool.command(&[&*tool.lock(), "-c", "true"]);
        command.env("SHELL", "/bin/false");
        end_of(output(command).status)
    }),
    differs(
        "`--` before COMMAND",
        |tool| tool.end_under(&[], &["--", "true"]),
        "the usual sign that options end",
    ),
    differs(
        "options after the name",
        |tool| tool.end_under(&[], &["-n", "true"]),
        "as above",
    ),
    differs(
        "a number in the place of the name, and no COMMAND",
        |tool| tool.end(&["9"]),
        "a lock in shared memory is a thread's and cannot be handed to a shell: put what it does into a script or `-c`",
    ),
    // Waiting.
    same("`-n` on a free lock", |tool| {
        tool.end_under(&["-n"], &["true"])
    }),
    same("`-n` on a taken lock", |tool| conflict(tool, &["-n"])),
    same("`--nb`, `--nonblock`", |tool| {
        conflict(tool, &["--nb"]) + "; " + &conflict(tool, &["--nonblock"])
    }),
    same("`-w 1`", |tool| waits(tool, "-w", "1", 1000)),
    same("`--wait 0.3`", |tool| waits(tool, "--wait", "0.3", 300)),
    same("`--timeout .2`", |tool| waits(tool, "--timeout", ".2", 200)),
    same("`-w 0`", |tool| conflict(tool, &["-w", "0"])),
    same("`-n -w 60`", |tool| conflict(tool, &["-n", "-w", "60"])),
    same("`-w 60`, and the lock is released", |tool| {
        let mut holder = tool.hold(&[]);
        let waiter = tool.command(&["-w", "60", &*tool.lock(), "true"]).spawn();
        let held = holder.end();
        held + "; " + &end_of(waiter.unwrap().wait().unwrap())
    }),
    same("no option, and the lock is released", |tool| {
        let mut holder = tool.hold(&[]);
        let waiter = tool.command(&[&*tool.lock(), "true"]).spawn();
        let held = holder.end();
        held + "; " + &end_of(waiter.unwrap().wait().unwrap())
    }),
    differs(
        "`-w -1`",
        |tool| tool.end_under(&["-w", "-1"], &["true"]),
        "wrong usage is 2 in all verbs",
    ),
    same("`-E 75` on a taken lock", |tool| {
        conflict(tool, &["-n", "-E", "75"])
    }),
    same("`--conflict-exit-code 0 -w 0.1`", |tool| {
        conflict(tool, &["--conflict-exit-code", "0", "-w", "0.1"])
    }),
    differs(
        "`-E 300`",
        |tool| tool.end_under(&["-E", "300"], &["true"]),
        "wrong usage is 2 in all verbs",
    ),
    same("the holder is stopped (SIGSTOP)", |tool| {
        let holder = tool.hold(&[]);
        holder.signal(Signal::SIGSTOP);
        let end = tool.end_under(&["-w", "0.2"], &["true"]);
        holder.signal(Signal::SIGCONT);
        end
    }),
    // Kinds.
    same("`-x`, `-e`, `--exclusive`", |tool| {
        let options = ["-x", "-e", "--exclusive"];
        let ends = options.map(|option| {
            let _holder = tool.hold(&[option]);
            tool.end_under(&["-n", option], &["true"])
        });
        ends.join("; ")
    }),
    differs(
        "`-s`, `--shared`, two at once",
        |tool| {
            let inner = nested(tool, &["-s", "-n", &tool.lock(), "true"]);
            tool.end(&[&["-s".to_owned(), tool.lock()], &*inner].concat())
        },
        "there is no shared kind; `shmcount sem --permits N` lets N at once",
    ),
    differs(
        "`-u`, `--unlock`",
        |tool| tool.end_under(&["-u"], &["true"]),
        "there is nothing to unlock: the lock is held while COMMAND runs",
    ),
    // Nested.
    same("the same lock within itself, with `-n`", |tool| {
        let inner = nested(tool, &["-n", &tool.lock(), "true"]);
        tool.end(&[&[tool.lock()], &*inner].concat())
    }),
    same("the same lock within itself, with `-w 0.2`", |tool| {
        let inner = nested(tool, &["-w", "0.2", &tool.lock(), "true"]);
        tool.end(&[&[tool.lock()], &*inner].concat())
    }),
    same("another lock within it", |tool| {
        let inner = nested(tool, &["-n", &tool.other(), "sh", "-c", "exit 3"]);
        tool.end(&[&[tool.lock()], &*inner].concat())
    }),
    // What COMMAND leaves running.
    same("COMMAND leaves a child running", |tool| left(tool, &[])),
    same("the same with `-o`, `--close`", |tool| {
        left(tool, &["-o"]) + "; " + &left(tool, &["--close"])
    }),
    // --no-fork.
    same("COMMAND's process", |tool| {
        let holder = tool.hold(&[]);
        (if holder.command == holder.pid() {
            "the program itself"
        } else {
            "a child"
        })
        .to_owned()
    }),
    same("the same with `-F`, `--no-fork`", |tool| {
        let holders = [tool.hold(&["-F"]), {
            let lock = tool.other();
            let what = ["--no-fork", &*lock, "sh", "-c", "echo $$; exec cat"];
            Running::start(tool.command(&what))
        }];
        let itself = holders.iter().all(|holder| holder.command == holder.pid());
        let free = if tool.is_free() { "free" } else { "taken" };
        format!(
            "{}; {free}",
            if itself {
                "the program itself"
            } else {
                "a child"
            }
        )
    }),
    same("after COMMAND of `-F` has ended", |tool| {
        let end = tool.hold(&["-F"]).end();
        end + "; " + &tool.end_under(&["-n"], &["true"])
    }),
    differs(
        "`-F -o`",
        |tool| tool.end_under(&["-F", "-o"], &["true"]),
        "refused too; wrong usage is 2 in all verbs",
    ),
    // Deaths.
    same("COMMAND is killed by SIGKILL", |tool| {
        let mut holder = tool.hold(&[]);
        nix::sys::signal::kill(holder.command, Signal::SIGKILL).unwrap();
        let end = holder.wait();
        format!("{end}; {}", if tool.is_free() { "free" } else { "taken" })
    }),
    differs(
        "the program is killed by SIGKILL",
        |tool| fate(tool, |holder| holder.signal(Signal::SIGKILL)),
        "nothing is left running that nobody waits for",
    ),
    differs(
        "the program is sent SIGTERM",
        |tool| fate(tool, |holder| holder.signal(Signal::SIGTERM)),
        "who ends the program means COMMAND",
    ),
    same("the whole group is sent SIGINT, as by Ctrl-C", |tool| {
        fate(tool, |holder| holder.signal_group(Signal::SIGINT))
    }),
    same("the program is killed, and COMMAND has a child", |tool| {
        let what = ["sh", "-c", "echo $$; cat; true"];
        let lock = tool.lock();
        let mut holder = Running::start(tool.command(&[&[&*lock], &what[..]].concat()));
        assert!(holder.answers());
        holder.signal(Signal::SIGKILL);
        let _ = holder.wait();
        let kept = if holder.answers() && !tool.is_free() {
            "kept while it runs"
        } else {
            "free"
        };
        holder.close_input();
        let _ = holder.wait_for_silence();
        tool.wait_until_free();
        kept.to_owned() + ", free afterwards"
    }),
    // What COMMAND gets.
    same("standard input and output", |tool| {
        let mut holder = tool.hold(&[]);
        (if holder.answers() {
            "COMMAND's"
        } else {
            "not COMMAND's"
        })
        .to_owned()
    }),
    differs(
        "standard input is closed",
        |tool| {
            let look = "readlink /proc/self/fd/0 || echo closed";
            let within = [&[tool.lock()], &["sh", "-c", look].map(str::to_owned)[..]].concat();
            let line = [tool.words(), within].concat();
            let script = "exec \"$@\" 0<&-";
            let start = ["sh", "-c", script, "sh"].map(str::to_owned);
            let said = String::from_utf8(output(command(&start, &line)).stdout).unwrap();
            said.trim_end()
                .replace(tool.file().to_str().unwrap(), "the lock's file")
        },
        "COMMAND finds it as it was",
    ),
    differs(
        "the descriptor that keeps the lock taken",
        |tool| {
            let look = [
                "sh",
                "-c",
                "cd /proc/$$/fd && for d in *; do readlink -v $d; echo $d; done",
            ];
            let said = tool.run(&[&[&*tool.lock()], &look[..]].concat()).stdout;
            let said = String::from_utf8(said).unwrap();
            let lines: Vec<&str> = said.lines().collect();
            let file = tool.file().display().to_string();
            let found = lines.windows(2).find(|pair| pair[0] == file);
            found.map_or("none", |pair| pair[1]).to_owned()
        },
        "scripts use those up to 9 themselves",
    ),
    differs(
        "COMMAND takes descriptor 3 for itself, and leaves a child",
        |tool| left_by(tool, &[], "echo $$; exec 3<&0; cat <&3 & exit 0"),
        "as above",
    ),
    same("environment is empty", |tool| {
        let words = [
            vec!["/usr/bin/env".to_owned(), "-i".to_owned()],
            tool.words(),
        ]
        .concat();
        let done = output(command(&words, &[&*tool.lock(), "env"]));
        format!(
            "{}; {:?}",
            end_of(done.status),
            String::from_utf8(done.stdout).unwrap()
        )
    }),
    same(
        "SIGPIPE and SIGHUP are ignored, SIGUSR2 is blocked",
        |tool| signals(tool, &["--ignore-signal=PIPE,HUP", "--block-signal=USR2"]),
    ),
    differs(
        "SIGCHLD is ignored",
        |tool| signals(tool, &["--ignore-signal=CHLD"]),
        "COMMAND finds it as it was",
    ),
    // What is said.
    differs(
        "`--verbose`",
        |tool| said(&tool.run(&["--verbose", &*tool.lock(), "true"])),
        "standard output is COMMAND's alone",
    ),
    same("`--verbose` on a taken lock", |tool| {
        let _holder = tool.hold(&[]);
        said(&tool.run(&["--verbose", "-n", &*tool.lock(), "true"]))
    }),
    // The lock itself.
    same("there is no such lock yet", |tool| {
        let end = tool.end_under(&[], &["true"]);
        format!(
            "{end}; {}",
            if tool.file().exists() {
                "made"
            } else {
                "not made"
            }
        )
    }),
    differs(
        "its name cannot be one",
        |tool| tool.end(&["/nonexistent/lock", "true"]),
        "NAME is a segment's, in `/dev/shm`, and no path",
    ),
    same("it is removed while it is held", |tool| {
        let _holder = tool.hold(&[]);
        fs::remove_file(tool.file()).unwrap();
        let end = tool.end_under(&["-n"], &["true"]);
        format!("{end}; another one takes its place")
    }),
    differs(
        "it is removed while one waits, and another has the new one",
        |tool| removed_while_one_waits(tool, tool.hold(&[])),
        "who gets a lock looks whether it is still the one of that name",
    ),
    differs(
        "the same, and what one waits for has outlived the killed program",
        |tool| removed_while_one_waits(tool, orphaned(tool)),
        "as above",
    ),
];
