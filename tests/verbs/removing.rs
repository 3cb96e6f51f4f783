//! `rm --stale`.

use std::fs::{self, Permissions};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use shmcount::Segment;

use crate::program::{SHMCOUNT, shmcount};
use crate::shared_memory::{Name, workers_of};
use crate::watchdog::wait_until;

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

#[test]
fn what_a_killed_run_left_is_removed_and_nothing_else() {
    let (stale, kept, temporary) = (Name::new("stale"), Name::new("kept"), Name::new("living"));
    leave_stale(&stale);
    shmcount(&["create", &kept]).assert(0, "", &[]);
    let living = Segment::options().temporary().create(&temporary).unwrap();
    let line = format!("{}\n", &*stale);
    let says_it = |done: crate::program::Done| {
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
