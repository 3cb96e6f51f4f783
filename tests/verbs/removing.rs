//! `rm --stale`.

use std::fs::{self, Permissions};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use serde_json::Value as Json;
use shmcount::Segment;

use crate::program::{Done, SHMCOUNT, shmcount};
use crate::shared_memory::{Name, workers_of};
use crate::watchdog::wait_until;

/// What one test removes is what another has just left.
static ALONE: Mutex<()> = Mutex::new(());

/// Leaves behind what a killed coordinator leaves.
fn leave_stale(name: &Name) {
    let mut run = Command::new(SHMCOUNT)
        .args([
            "run", "--procs", "1", "--adds", "1000000", "--hold", "1ms", "--trace", "--name",
        ])
        .arg(&**name)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // Its first line: the run has begun.
    run.stdout.take().unwrap().read_exact(&mut [0]).unwrap();
    run.kill().unwrap();
    run.wait().unwrap();
    wait_until("its workers are gone", || {
        workers_of(run.id(), name).is_empty()
    });
    assert!(name.exists());
}

/// A program that goes on until it is killed, which it is when dropped.
struct Going(Child);

impl Going {
    /// Starts it, and waits until it says something.
    fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(SHMCOUNT);
        command.args(arguments).stdin(Stdio::null());
        let mut going = Self(command.stdout(Stdio::piped()).spawn().unwrap());
        let output = going.0.stdout.as_mut().unwrap();
        output.read_exact(&mut [0]).unwrap();
        going
    }
}

impl Drop for Going {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Tells whether `ls`, `show` and `rm --stale --dry-run` call a segment stale.
fn are_called_stale(name: &str) -> [bool; 3] {
    let parsed = |done: Done| serde_json::from_str::<Json>(&done.stdout).unwrap();
    let listed = parsed(shmcount(&["ls", "--json"]));
    let mut listed = listed.as_array().unwrap().iter();
    let listed = listed.find(|entry| entry["name"] == name).unwrap();
    let shown = parsed(shmcount(&["show", name, "--json"]));
    let told = shmcount(&["rm", "--stale", "--dry-run"]);
    let is_stale = |entry: &Json| entry["stale"].as_bool().unwrap();
    [is_stale(listed), is_stale(&shown), is_in(&told, name)]
}

fn is_in(told: &Done, name: &str) -> bool {
    assert_eq!((told.code, &*told.stderr), (Some(0), ""), "{told:#?}");
    told.stdout.lines().any(|line| line == name)
}

#[track_caller]
fn assert_kept(name: &str) {
    assert_eq!(are_called_stale(name), [false; 3]);
    assert!(!is_in(&shmcount(&["rm", "--stale"]), name));
    assert!(Segment::open(name).is_ok());
}

/// Another test that lists all segments has it open for a moment.
#[track_caller]
fn assert_taken(name: &str) {
    wait_until("it is stale", || are_called_stale(name) == [true; 3]);
    wait_until("it is removed", || {
        is_in(&shmcount(&["rm", "--stale"]), name)
    });
    assert!(Segment::open(name).is_err());
}

/// A segment that a program made for itself, and could not remove: those of `bench` are no run's.
struct Left(String);

impl Left {
    fn by_a_killed_program() -> Self {
        let mut bench = Command::new(SHMCOUNT)
            .args([
                "bench",
                "--contenders",
                "robust",
                "--procs",
                "1",
                "--time",
                "10m",
            ])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let begin = format!("bench-{}-", bench.id());
        let made = || {
            let names = shmcount(&["ls", "--names"]).stdout;
            let mut names = names.lines().map(str::to_owned);
            names.find(|name| name.starts_with(&begin) && !name.contains('/'))
        };
        wait_until("it has made a segment", || made().is_some());
        let left = Self(made().unwrap());
        bench.kill().unwrap();
        bench.wait().unwrap();
        let segment = Segment::open(&left.0).unwrap();
        let own = [std::process::id()];
        wait_until("its children are gone", || {
            segment.attached().unwrap() == own
        });
        left
    }
}

impl Drop for Left {
    fn drop(&mut self) {
        let _ = Segment::remove_named(&self.0);
    }
}

#[test]
fn temporary_segment_whose_maker_lives_is_kept_even_if_nobody_has_it_open() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let name = Name::new("maker");
    let opened = Segment::options().temporary().create(&name).unwrap();
    opened.value("main", 5i64).unwrap();
    assert_kept(&name);
    drop(opened);
    let mapped = Segment::open(&name).unwrap();
    let own = [std::process::id()];
    wait_until("this look alone has it open", || {
        mapped.attached().unwrap() == own
    });
    drop(mapped);
    assert_kept(&name);
}

#[test]
fn temporary_segment_of_a_dead_maker_is_kept_while_others_use_it() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let left = Left::by_a_killed_program();
    let name = &*left.0;
    // Mapped by somebody.
    let watch = Going::start(&["watch", name, "-i", "1h"]);
    assert_kept(name);
    drop(watch);
    // Mapped by nobody, and a command runs under a lock in it.
    let lock = format!("{name}/lock");
    let command = [
        "lock",
        "-F",
        &lock,
        "sh",
        "-c",
        "echo held; exec sleep 1000",
    ];
    let holder = Going::start(&command);
    let this = Segment::open(name).unwrap();
    let own = [std::process::id()];
    wait_until("nobody has it mapped", || this.attached().unwrap() == own);
    drop(this);
    assert_kept(name);
    drop(holder);
    assert_taken(name);
}

/// Nothing will come of it: its workers are dead as well.
#[test]
fn segment_of_a_killed_run_is_removed_even_if_somebody_looks_on() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let name = Name::new("looked-at");
    leave_stale(&name);
    let mut watch = Going::start(&["watch", &name, "-i", "1h"]);
    assert_taken(&name);
    assert_eq!(watch.0.try_wait().unwrap(), None);
    drop(watch);
}

#[test]
fn segment_that_a_killed_run_was_to_keep_is_kept() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let name = Name::new("kept-run");
    let endless = ["--adds", "1000000", "--hold", "1ms", "--trace"];
    let run = Going::start(
        &[
            &["run", "--procs", "1", "--keep", "--name", &name],
            &endless[..],
        ]
        .concat(),
    );
    let coordinator = run.0.id();
    drop(run);
    wait_until("its workers are gone", || {
        workers_of(coordinator, &name).is_empty()
    });
    assert_kept(&name);
}

#[test]
fn what_a_killed_run_left_is_removed_and_nothing_else() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let (stale, kept, temporary) = (Name::new("stale"), Name::new("kept"), Name::new("living"));
    leave_stale(&stale);
    shmcount(&["create", &kept]).assert(0, "", &[]);
    let living = Segment::options().temporary().create(&temporary).unwrap();
    let line = format!("{}\n", &*stale);
    let says_it = |done: Done| {
        assert_eq!((done.code, &*done.stderr), (Some(0), ""), "{done:#?}");
        let others = [&kept, &temporary].map(|name| done.stdout.contains(&**name));
        assert_eq!(others, [false; 2], "{done:#?}");
        done.stdout.contains(&line)
    };
    let state = |name: &Name| {
        let listed = shmcount(&["ls"]).stdout;
        let line = listed.lines().find(|line| line.contains(&**name)).unwrap();
        line.split_whitespace().last().unwrap().to_owned()
    };
    assert_eq!([state(&stale), state(&temporary)], ["stale", "temporary"]);
    assert!(says_it(shmcount(&["rm", "--stale", "--dry-run"])));
    assert!(stale.exists());
    assert!(says_it(shmcount(&["rm", "--stale"])));
    assert!(!stale.exists() && kept.exists() && temporary.exists());
    assert!(!says_it(shmcount(&["rm", "--stale"])));
    drop(living);
}

#[test]
fn a_segment_of_any_mode_is_removed_or_said_how_to_be() {
    for mode in [0o644, 0o400, 0o666, 0o000] {
        let name = Name::new("mode");
        shmcount(&["create", &name]).assert(0, "", &[]);
        fs::set_permissions(name.path(), Permissions::from_mode(mode)).unwrap();
        let removed = shmcount(&["rm", &name]);
        // Root may open what nobody may.
        if mode & 0o400 == 0 && !nix::unistd::geteuid().is_root() {
            let help = format!("help: remove it with `rm {}`", name.path().display());
            removed.assert_refused(4, &["has mode 0000, expected 0600", &help]);
            continue;
        }
        removed.assert(0, "", &[]);
        assert!(!name.exists());
    }
}

#[test]
fn dry_run_never_removes_what_is_named() {
    let name = Name::new("named");
    shmcount(&["create", &name]).assert(0, "", &[]);
    // This once removed it: clap lets go of what an option requires if it conflicts with another.
    assert_eq!(shmcount(&["rm", "--dry-run", &name]).code, Some(2));
    shmcount(&["rm", "--dry-run"]).assert_refused(2, &["--dry-run goes with --stale alone"]);
    assert!(name.exists());
}
