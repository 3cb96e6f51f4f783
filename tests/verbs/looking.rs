//! `ls`, `show` and `watch`.

use std::fs::{self, File, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::pty::openpty;
use nix::sys::termios::{LocalFlags, tcgetattr};
use serde_json::{Value as Json, json};
use shmcount::Segment;

use crate::program::{Done, SHMCOUNT, finish, shmcount};
use crate::shared_memory::Name;
use crate::watchdog::Watchdog;

fn parsed(done: &Done) -> Json {
    assert_eq!((done.code, &*done.stderr), (Some(0), ""), "{done:#?}");
    serde_json::from_str(&done.stdout).unwrap()
}

fn keys(object: &Json) -> Vec<&str> {
    let mut keys: Vec<&str> = object.as_object().unwrap().keys().map(|k| &**k).collect();
    keys.sort_unstable();
    keys
}

/// The entry of one segment in `ls --json`.
fn listed(name: &Name) -> Json {
    let all = parsed(&shmcount(&["ls", "--json"]));
    let mut all = all.as_array().unwrap().iter();
    all.find(|entry| entry["name"] == **name).unwrap().clone()
}

#[test]
fn segments_are_listed_with_size_age_and_objects() {
    let name = Name::new("listed");
    shmcount(&["create", &name]).assert(0, "", &[]);
    let entry = listed(&name);
    let expected = [
        "age_s",
        "attached",
        "bytes",
        "created",
        "error",
        "name",
        "objects",
        "stale",
        "temporary",
    ];
    assert_eq!(keys(&entry), expected);
    let facts = ["bytes", "error", "objects", "stale", "temporary"].map(|key| entry[key].clone());
    assert_eq!(json!(facts), json!([65536, null, 1, false, false]));
    let text = shmcount(&["ls"]).stdout;
    assert!(text.starts_with("NAME "), "{text}");
    let line = text.lines().find(|line| line.contains(&*name)).unwrap();
    let cells: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(cells[..3], [&*name, "64", "KiB"], "{line}");
}

#[test]
fn damaged_and_foreign_segments_are_listed_with_what_is_wrong() {
    let private = || Permissions::from_mode(0o600);
    let (foreign, cut, damaged, socket) = (
        Name::new("foreign"),
        Name::new("cut"),
        Name::new("damaged"),
        Name::new("socket"),
    );
    fs::write(foreign.path(), [b'x'; 70_000]).unwrap();
    fs::set_permissions(foreign.path(), private()).unwrap();
    shmcount(&["create", &damaged]).assert(0, "", &[]);
    let mut bytes = fs::read(damaged.path()).unwrap();
    // No file is cut that another test may have mapped: SIGBUS would end that.
    let aside = Path::new("/dev/shm").join(cut.replace("test-", "aside-"));
    fs::write(&aside, &bytes[..100]).unwrap();
    fs::set_permissions(&aside, private()).unwrap();
    fs::rename(&aside, cut.path()).unwrap();
    // Everything behind the header, directory and all.
    bytes[256..].fill(0xa5);
    let file = File::options().write(true).open(damaged.path()).unwrap();
    file.write_all_at(&bytes, 0).unwrap();
    let _listener = UnixListener::bind(socket.path()).unwrap();
    for (name, wrong) in [
        (&foreign, "was not made by shmcount"),
        (&cut, "has 100 bytes, expected "),
        (&damaged, "has a damaged directory at byte "),
        (&socket, "is not a segment but a socket"),
    ] {
        let entry = listed(name);
        let error = entry["error"].as_str().unwrap();
        assert!(error.starts_with(wrong), "{entry}");
        assert_eq!(entry["objects"], Json::Null);
        let text = shmcount(&["ls"]).stdout;
        assert!(
            text.lines()
                .any(|line| line.contains(&**name) && line.contains(wrong)),
            "{text}"
        );
        shmcount(&["show", name]).assert_refused(4, &[wrong]);
    }
}

#[test]
fn show_tells_of_values_locks_and_permits_and_who_holds_them() {
    let name = Name::new("shown");
    let segment = Segment::create(&name).unwrap();
    segment.value("main", -7i64).unwrap();
    segment.value("ratio", 0.5f64).unwrap();
    segment.value("structure", [1u64; 4]).unwrap();
    let lock = segment.lock("lock").unwrap();
    let slots = segment.semaphore("slots", 3).unwrap();
    let _held = lock.lock().unwrap();
    let _permit = slots.acquire().unwrap();
    let shown = parsed(&shmcount(&["show", "--json", &name]));
    let expected = [
        "age_s",
        "attached",
        "bytes",
        "created",
        "creator",
        "name",
        "objects",
        "path",
        "release",
        "stale",
        "temporary",
    ];
    assert_eq!(keys(&shown), expected);
    let me = std::process::id();
    assert_eq!(
        (&shown["creator"]["pid"], &shown["creator"]["alive"]),
        (&json!(me), &json!(true))
    );
    let objects = shown["objects"].as_array().unwrap();
    let facts: Vec<Json> = objects
        .iter()
        .map(|o| {
            json!([
                o["object"],
                o["kind"],
                o["type"],
                o["value"],
                o["available"],
                o["holders"][0]["pid"]
            ])
        })
        .collect();
    let expected = json!([
        ["main", "value", "i64", -7, null, null],
        ["ratio", "value", "f64", 0.5, null, null],
        ["structure", "value", "record of 32 bytes", null, null, null],
        ["lock", "lock", "u64", null, null, me],
        ["slots", "semaphore", "u64", null, 2, me],
    ]);
    assert_eq!(Json::from(facts), expected);
    let text = shmcount(&["show", &name]).stdout;
    for says in [
        "main       value i64",
        "-7",
        "2 of 3 free; held by ",
        &format!("held by {me} ("),
    ] {
        assert!(text.contains(says), "{says} in {text}");
    }
    let one = parsed(&shmcount(&["show", "--json", &format!("{}/lock", &*name)]));
    assert_eq!(one["objects"].as_array().unwrap().len(), 1);
}

/// A process without rights over files, for which `/proc` has its own entries and cannot be read.
#[test]
fn who_is_attached_is_null_where_proc_does_not_tell() {
    let name = Name::new("untold");
    shmcount(&["create", &name]).assert(0, "", &[]);
    let there = tempfile::tempdir().unwrap();
    let script = r#"
        mount --rbind /proc "$1" && mount -t tmpfs none /proc || exit 99
        ln -s "$1/self" /proc/self; ln -s "$1/sys" /proc/sys; chmod 111 /proc
        shift; exec setpriv --bounding-set=-all --inh-caps=-all "$@""#;
    let without_proc = |arguments: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(["-m", "sh", "-c", script, "sh"]);
        command.arg(there.path()).arg(SHMCOUNT).args(arguments);
        finish(&mut command)
    };
    let shown = without_proc(&["show", "--json", &name]);
    if shown.code != Some(0) {
        println!("skipped: no mounts here: {shown:?}");
        return;
    }
    assert_eq!(parsed(&shown)["attached"], Json::Null);
    let all = parsed(&without_proc(&["ls", "--json"]));
    let mut all = all.as_array().unwrap().iter();
    let entry = all.find(|entry| entry["name"] == *name).unwrap();
    assert_eq!(entry["attached"], Json::Null);
}

#[test]
fn watch_tells_values_and_rates() {
    let name = Name::new("watched");
    shmcount(&["create", &name, "--value", "5"]).assert(0, "", &[]);
    let watched = ["watch", &name, "--times", "2", "--interval", "1ms"];
    shmcount(&watched).assert(0, "main  value i64  5\nmain  value i64  +0.0/s  5\n", &[]);
    let done = shmcount(&[&watched[..], &["--json"]].concat());
    let looks: Vec<Json> = done
        .stdout
        .lines()
        .map(|look| serde_json::from_str(look).unwrap())
        .collect();
    let look =
        |rate: Json| json!([{"object": "main", "value": 5, "other_keys": [], "per_second": rate}]);
    assert_eq!(looks, [look(Json::Null), look(json!(0.0))]);
}

#[test]
fn watch_on_a_terminal_ends_with_q_and_leaves_the_terminal_as_it_was() {
    let name = Name::new("terminal");
    shmcount(&["create", &name, "--value", "5"]).assert(0, "", &[]);
    let terminal = openpty(None, None).unwrap();
    let before = tcgetattr(&terminal.slave).unwrap();
    let side = || Stdio::from(terminal.slave.try_clone().unwrap());
    let mut watch = Command::new("setsid")
        .args(["--ctty", "--wait", SHMCOUNT, "watch", &name, "-i", "1h"])
        .stdin(side())
        .stdout(side())
        .stderr(side())
        .spawn()
        .unwrap();
    let watchdog = Watchdog::of(watch.id());
    let mut screen = File::from(terminal.master.try_clone().unwrap());
    let mut seen = String::new();
    while !seen.contains("main    value i64        5") {
        let mut bytes = [0; 256];
        let count = screen.read(&mut bytes).unwrap();
        seen += std::str::from_utf8(&bytes[..count]).unwrap();
    }
    let within = tcgetattr(&terminal.slave).unwrap();
    assert!(
        !within.local_flags.contains(LocalFlags::ICANON),
        "{within:?}"
    );
    screen.write_all(b"q").unwrap();
    assert_eq!(watch.wait().unwrap().code(), Some(0));
    drop(watchdog);
    assert_eq!(tcgetattr(&terminal.slave).unwrap(), before);
}

#[test]
fn off_a_terminal_nothing_is_coloured() {
    let name = Name::new("plain");
    shmcount(&["create", &name]).assert(0, "", &[]);
    for verb in [
        &["ls"][..],
        &["show", &name],
        &["watch", &name, "-n", "1"],
        &["--help"],
        &["gte"],
    ] {
        let done = shmcount(verb);
        assert!(!(done.stdout + &done.stderr).contains('\x1b'), "{verb:?}");
    }
}
