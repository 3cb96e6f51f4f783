//! Whom `show` names: who has the segment open, who holds its objects, who waits for them.

use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value as Json, json};
use shmcount::Segment;

use crate::program::{SHMCOUNT, shmcount};
use crate::shared_memory::Name;
use crate::watchdog::wait_until;

/// A program that goes on until it is killed, which it is when dropped.
struct Going {
    child: Child,
    command: String,
}

impl Going {
    fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(SHMCOUNT);
        command.args(arguments).stdin(Stdio::null());
        Self {
            child: command.stdout(Stdio::null()).spawn().unwrap(),
            command: format!("{SHMCOUNT} {}", arguments.join(" ")),
        }
    }

    /// As it stands in `--json`.
    fn told(&self) -> Json {
        json!({"pid": self.child.id(), "command": self.command})
    }

    /// As it stands in text, where a long command is cut.
    fn said(&self) -> String {
        let begin: String = self.command.chars().take(40).collect();
        format!("{} ({begin}…)", self.child.id())
    }

    fn end(mut self) {
        assert!(self.child.wait().unwrap().success(), "{}", self.command);
    }
}

impl Drop for Going {
    fn drop(&mut self) {
        let _ = kill(Pid::from_raw(self.child.id() as i32), Signal::SIGKILL);
        let _ = self.child.wait();
    }
}

fn shown(name: &str) -> Json {
    let done = shmcount(&["show", "--json", name]);
    assert_eq!((done.code, &*done.stderr), (Some(0), ""), "{done:#?}");
    serde_json::from_str(&done.stdout).unwrap()
}

/// One object of a segment.
fn object(name: &str, object: &str) -> Json {
    let all = shown(name)["objects"].clone();
    let mut all = all.as_array().unwrap().iter();
    all.find(|found| found["object"] == object).unwrap().clone()
}

fn sorted(mut processes: Vec<Json>) -> Json {
    processes.sort_by_key(|process| process["pid"].as_u64());
    processes.into()
}

fn list(of: &Json) -> Json {
    sorted(of.as_array().unwrap().clone())
}

/// The line of an object.
fn line(name: &str, object: &str) -> String {
    let text = shmcount(&["show", name]).stdout;
    let mut lines = text.lines().map(str::to_owned);
    let is_its = |line: &String| line.starts_with(&format!("{object} "));
    lines
        .find(is_its)
        .unwrap_or_else(|| panic!("{object} in {text}"))
}

#[test]
fn show_names_who_has_it_open_holds_it_and_waits_for_it() {
    let name = Name::new("who");
    let lock = format!("{}/lock", &*name);
    shmcount(&["create", &name, "--value", "5"]).assert(0, "", &[]);
    let holder = Going::start(&["lock", &lock, "sleep", "1000"]);
    wait_until("it is held", || {
        let objects = shown(&name)["objects"].clone();
        objects[1]["holders"] == json!([holder.told()])
    });
    let onlooker = Going::start(&["watch", &name, "-i", "1h"]);
    let waiters = [
        Going::start(&["lock", "-w", "1h", &lock, "true"]),
        Going::start(&["lock", &lock, "true"]),
    ];
    // The number is held by this process, and others wait for it.
    let segment = Segment::open(&name).unwrap();
    let value = segment.open_value::<i64>("main").unwrap();
    let held = value.lock().unwrap();
    let adders = [
        Going::start(&["add", &name, "2"]),
        Going::start(&["set", &name, "7"]),
    ];
    let waits = |object: &Json, by: &[Going]| {
        list(&object["waiters"]) == sorted(by.iter().map(Going::told).collect())
    };
    // They say so once they have waited for a tenth of a second.
    wait_until("all wait", || {
        waits(&object(&name, "lock"), &waiters) && waits(&object(&name, "main"), &adders)
    });

    let own = object(&name, "main")["holders"].clone();
    assert_eq!(own[0]["pid"], std::process::id());
    assert_eq!(object(&name, "lock")["holders"], json!([holder.told()]));
    // All that have it mapped, not the command that the holder runs, nor `show` itself.
    let mut expected = vec![own[0].clone(), holder.told(), onlooker.told()];
    expected.extend(waiters.iter().chain(&adders).map(Going::told));
    let expected = sorted(expected);
    // Once the onlooker has begun, and while no other test lists all segments or forks.
    wait_until("these and no others have it open", || {
        list(&shown(&name)["attached"]) == expected
    });

    let text = shmcount(&["show", &name]).stdout;
    let attached = text.lines().find(|line| line.starts_with("attached: "));
    for process in waiters.iter().chain(&adders).chain([&holder, &onlooker]) {
        assert!(attached.unwrap().contains(&process.said()), "{text}");
    }
    let line_of_lock = line(&name, "lock");
    assert!(line_of_lock.contains(&format!("held by {};", holder.said())));
    for waiter in &waiters {
        let (_, waiting) = line_of_lock.split_once("waited for by ").unwrap();
        assert!(waiting.contains(&waiter.said()), "{line_of_lock}");
    }

    drop(held);
    for process in adders {
        process.end();
    }
    assert_eq!(object(&name, "lock")["recoveries"], 0);
    assert!(!line(&name, "lock").contains("recovered"));
    // Killed, it is followed by one of those who wait, who takes over; then by the other.
    drop(holder);
    for process in waiters {
        process.end();
    }
    let lock = object(&name, "lock");
    let nobody = [&lock["holders"], &lock["waiters"]];
    assert_eq!(nobody, [&json!([]); 2]);
    assert_eq!(lock["recoveries"], 1);
    assert!(line(&name, "lock").ends_with("free; recovered once"));
}

#[test]
fn show_tells_who_has_permits() {
    let name = Name::new("permits");
    shmcount(&["create", &name, "semaphore", "--permits", "3"]).assert(0, "", &[]);
    let holders = [(); 2].map(|()| Going::start(&["sem", &name, "sleep", "1000"]));
    let expected = sorted(holders.iter().map(Going::told).collect());
    wait_until("both have one", || {
        list(&object(&name, "main")["holders"]) == expected
    });
    assert_eq!(object(&name, "main")["available"], 1);
    let text = line(&name, "main");
    assert!(text.contains("1 of 3 free; held by "), "{text}");
    assert!(
        holders.iter().all(|holder| text.contains(&holder.said())),
        "{text}"
    );
    drop(holders);
    assert_eq!(object(&name, "main")["holders"], json!([]));
    assert!(line(&name, "main").ends_with("3 of 3 free"));
}

#[test]
fn segment_that_nobody_has_open_is_shown_so() {
    let name = Name::new("nobody-has-it");
    shmcount(&["create", &name]).assert(0, "", &[]);
    assert_eq!(shown(&name)["attached"], json!([]));
    let text = shmcount(&["show", &name]).stdout;
    assert!(
        text.lines().next().unwrap().ends_with("which has ended"),
        "{text}"
    );
    assert!(!text.contains("attached"), "{text}");
}

#[test]
fn keys_that_are_no_text_are_shown_in_digits() {
    let name = Name::new("bytes");
    let segment = Segment::create(&name).unwrap();
    let map = segment.map::<i64>("map", 8, 16).unwrap();
    // As text, the first two would be one: lost bytes look the same.
    let keys = [&b"\xff"[..], b"\xfe", b"ab\x00", "ü".as_bytes()];
    for (value, key) in keys.iter().enumerate() {
        map.insert(key, value as i64).unwrap();
    }
    let map = object(&name, "map");
    assert_eq!(map["value"], json!({"ab\u{0}": 2, "ü": 3}));
    let mut others = map["other_keys"].as_array().unwrap().clone();
    others.sort_by_key(|key| key["value"].as_i64());
    let expected = json!([{"hex": "ff", "value": 0}, {"hex": "fe", "value": 1}]);
    assert_eq!(Json::from(others), expected);
    assert!(line(&name, "map").contains("4 of 8 keys"));
    let look = shmcount(&["watch", "--json", "-n", "1", &name]).stdout;
    let look: Json = serde_json::from_str(&look).unwrap();
    assert_eq!(look[0]["other_keys"], map["other_keys"]);
}
