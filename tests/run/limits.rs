//! What the system does not give: descriptors, processes, memory, a place to write to.

use std::fs::{self, File, OpenOptions, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::program::{Done, SHMCOUNT, WORKER, finish, shmcount};
use crate::shared_memory::Name;
use crate::watchdog::Watchdog;

/// Runs a line of shell in which `$0` is the program under test.
#[track_caller]
fn sh(line: &str) -> Done {
    finish(Command::new("sh").args(["-c", line, SHMCOUNT]))
}

fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

#[test]
fn closed_standard_output_is_refused_before_anything_starts() {
    let name = Name::new("closed");
    let says = [
        "standard output is closed, and the result goes there",
        "help: leave it open, or write to /dev/null",
    ];
    shmcount(&["create", &name]).assert(0, "", &[]);
    for verb in ["run", "run --json", "--help"] {
        sh(&format!("exec \"$0\" {verb} >&-")).assert_refused(4, &says);
    }
    for verb in ["get", "add"] {
        sh(&format!("exec \"$0\" {verb} {} >&-", &*name)).assert_refused(4, &says);
    }
    let worker = format!("exec {WORKER} --name {} >&-", &*name);
    sh(&worker).assert_refused(4, &says);
    // None of them has added.
    shmcount(&["get", &name]).assert(0, "0\n", &[]);
}

#[test]
fn closed_standard_input_and_error_do_no_harm() {
    let done = sh("exec \"$0\" run <&- 2>&-");
    assert_eq!(done.code, Some(0), "{done:#?}");
    assert!(done.stdout.contains("counted   500\n"));
    let done = sh("exec \"$0\" run --start fork <&- 2>&-");
    assert_eq!(done.code, Some(0), "{done:#?}");
}

#[test]
fn full_standard_output_is_an_error() {
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = |verb: &[&str]| {
        let mut command = Command::new(SHMCOUNT);
        let child = command.args(verb).stdout(full.try_clone().unwrap());
        let child = child.stderr(std::process::Stdio::piped()).spawn().unwrap();
        let watchdog = Watchdog::of(child.id());
        let output = child.wait_with_output().unwrap();
        drop(watchdog);
        (
            output.status.code(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let name = Name::new("full");
    shmcount(&["create", &name]).assert(0, "", &[]);
    for verb in [
        &["run"][..],
        &["run", "--json"],
        &["get", &name],
        &["--help"],
    ] {
        let (code, stderr) = output(verb);
        assert_eq!(code, Some(4), "{stderr}");
        let says = "error: cannot write to standard output: No space left on device";
        assert!(stderr.starts_with(says), "{stderr}");
    }
}

#[test]
fn reader_that_has_gone_ends_it_quietly() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = Command::new(SHMCOUNT);
    let child = command.arg("run").stdout(writer);
    let child = child.stderr(std::process::Stdio::piped()).spawn().unwrap();
    let watchdog = Watchdog::of(child.id());
    let output = child.wait_with_output().unwrap();
    drop(watchdog);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(output.stderr, b"");
}

#[test]
fn too_few_descriptors_are_an_error_and_no_panic() {
    for start in ["spawn", "fork"] {
        // Below nine the loader or the runtime may not come to the program at all.
        for limit in [9, 12, 16, 24, 40, 60, 70, 80] {
            let line = format!(
                "ulimit -n {limit} && exec \"$0\" run --procs 20 --adds 10 --start {start}"
            );
            let done = sh(&line);
            if done.code == Some(0) {
                assert!(done.stdout.contains("counted   200\n"), "{done:#?}");
            } else {
                done.assert_refused(4, &["open files", "`ulimit -n`"]);
            }
        }
    }
    let says = [
        "20 workers need ",
        " open files, and 40 are allowed",
        "ulimit -n",
    ];
    sh("ulimit -n 40 && exec \"$0\" run --procs 20").assert_refused(4, &says);
}

#[test]
fn soft_limit_of_descriptors_is_raised_as_far_as_it_may() {
    let done = sh("ulimit -S -n 20 && exec \"$0\" run --procs 20 --adds 10");
    assert_eq!(done.code, Some(0), "{done:#?}");
}

#[test]
fn too_few_processes_are_an_error() {
    if !is_root() {
        eprintln!("skipped: only root can become a user who has no other processes");
        return;
    }
    // A user of this test alone, whom the limit holds for; it may not be able to reach the program.
    let user = 54_321;
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("shmcount");
    // By another process: what a test forks meanwhile would have the copy open for writing, which keeps it
    // from being run.
    let copied = Command::new("cp").arg(SHMCOUNT).arg(&program).status();
    assert!(copied.unwrap().success());
    fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
    for start in ["spawn", "fork"] {
        let limited = ["run", "--start", start];
        let mut command = Command::new("prlimit");
        command.arg("--nproc=3").arg(&program).args(limited);
        command.uid(user).gid(user).current_dir("/");
        let done = finish(&mut command);
        let says = [
            "cannot start worker ",
            "Resource temporarily unavailable",
            "`ulimit -u`",
        ];
        done.assert_refused(4, &says);
    }
}

/// Runs a line of shell with a `/dev/shm` of its own, mounted with these options.
fn with_shared_memory(options: &str, line: &str) -> Option<Done> {
    if !is_root() {
        eprintln!("skipped: only root can mount a file system");
        return None;
    }
    let mount = format!("mount -t tmpfs -o {options} tmpfs /dev/shm && {line}");
    let mut command = Command::new("unshare");
    let done = finish(command.args(["--mount", "sh", "-c", &mount, SHMCOUNT]));
    if done.stderr.contains("unshare") || done.stderr.contains("mount:") {
        eprintln!("skipped: no mount namespace here: {}", done.stderr);
        return None;
    }
    Some(done)
}

#[test]
fn full_shared_memory_is_an_error_that_leaves_nothing() {
    let line = "\"$0\" run; code=$?; ls -A /dev/shm; exit $code";
    if let Some(done) = with_shared_memory("size=4k", line) {
        let says = [
            "no room in /dev/shm for the ",
            " bytes of segment 'run-",
            "mount it larger",
        ];
        done.assert_refused(4, &says);
    }
    let line = "\"$0\" create demo; code=$?; ls -A /dev/shm; exit $code";
    if let Some(done) = with_shared_memory("size=4k", line) {
        done.assert_refused(4, &["no room in /dev/shm for the ", "segment 'demo'"]);
    }
}

#[test]
fn shared_memory_without_permission_is_an_error() {
    let line = "cp \"$0\" /tmp/shmcount-$$ && chmod 755 /tmp/shmcount-$$ && chmod 755 /dev/shm && \
                setpriv --reuid 54322 --clear-groups /tmp/shmcount-$$ run; \
                code=$?; rm -f /tmp/shmcount-$$; exit $code";
    if let Some(done) = with_shared_memory("size=1m", line) {
        let says = [
            "cannot make segment 'run-",
            "Permission denied",
            "write permission on /dev/shm",
        ];
        done.assert_refused(4, &says);
    }
}

#[test]
fn directory_for_temporary_files_that_is_not_there_is_an_error() {
    let run = |directory: &str| {
        let mut command = Command::new(SHMCOUNT);
        finish(command.arg("run").env("TMPDIR", directory))
    };
    let says = [
        "cannot make a socket in the directory for temporary files",
        "TMPDIR",
    ];
    run("/nonexistent").assert_refused(4, &says);
    run(&format!("/tmp/{}", "long".repeat(40))).assert_refused(4, &says);
}

#[test]
fn standard_output_to_a_file_holds_the_result() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("result");
    let file = File::create(&path).unwrap();
    let status = Command::new(SHMCOUNT)
        .arg("run")
        .stdout(file)
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(0));
    assert!(
        fs::read_to_string(path)
            .unwrap()
            .contains("counted   500\n")
    );
}
