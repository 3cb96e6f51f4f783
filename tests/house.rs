//! The house keeps its floors, its rooms stay small, and its walls are clean.

use std::fs;
use std::path::{Path, PathBuf};

/// From the ground up.
const FLOORS: [&str; 8] = [
    "sys",
    "raw",
    "segment",
    "sync",
    "contender",
    "run",
    "bench",
    "cli",
];
/// Where `unsafe` may be written: the floors that talk to the kernel or lay out shared memory, and
/// the one that calls the locks of others.
const UNSAFE_FLOORS: [&str; 5] = ["sys", "raw", "segment", "sync", "contender"];
/// Lines of a file that one can still take in.
const MOST_LINES: usize = 400;

fn files_under(directory: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut ahead = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(directory)];
    while let Some(path) = ahead.pop() {
        if path.is_dir() {
            ahead.extend(
                fs::read_dir(path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
        } else if path.is_file() {
            found.push(path);
        }
    }
    found
}

fn sources(directory: &str) -> Vec<(PathBuf, String)> {
    let is_source = |path: &PathBuf| path.extension().is_some_and(|e| e == "rs" || e == "sh");
    let files = files_under(directory).into_iter().filter(is_source);
    files
        .map(|path| (path.clone(), fs::read_to_string(path).unwrap()))
        .collect()
}

/// Returns the floor of a file and its name within `src`.
fn floor_of(path: &Path) -> Option<usize> {
    let within = path.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let first = within.ok()?.components().next()?;
    let name = first.as_os_str().to_str()?;
    FLOORS.iter().position(|floor| *floor == name)
}

/// Returns the floors that a line of code names by a path from the crate's root.
fn floors_named(line: &str) -> Vec<usize> {
    let code = line.split("//").next().unwrap_or_default();
    let mut named = Vec::new();
    for (at, root) in code.match_indices("crate::") {
        let rest = &code[at + root.len()..];
        // `use crate::{contender, run}` names more than one.
        let group = rest.strip_prefix('{').map(|group| group.split(','));
        let names = group.map_or(vec![rest], Iterator::collect);
        for name in names {
            let name = name.trim_start();
            let end = name.find(|c: char| !c.is_alphanumeric() && c != '_');
            let name = &name[..end.unwrap_or(name.len())];
            named.extend(FLOORS.iter().position(|floor| *floor == name));
        }
    }
    named
}

/// Returns how deep below `src` the module of a file lies: `super` once more than that leaves it.
fn depth_of(path: &Path) -> usize {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let components = path.strip_prefix(src).unwrap().components().count();
    components - usize::from(path.ends_with("mod.rs"))
}

#[test]
fn no_import_goes_up() {
    let mut looked_at = 0;
    for (path, text) in sources("src") {
        let Some(floor) = floor_of(&path) else {
            continue;
        };
        for (number, line) in text.lines().enumerate() {
            for named in floors_named(line) {
                looked_at += 1;
                let at = format!("{}:{}", path.display(), number + 1);
                assert!(
                    named <= floor,
                    "{at} goes up from {}: {line}",
                    FLOORS[floor]
                );
            }
            // A test module in the file is one deeper.
            let supers = line.matches("super::").count();
            let most = depth_of(&path);
            let at = path.display();
            assert!(
                supers <= most || !line.contains("super::super"),
                "{at} leaves its floor: {line}"
            );
        }
    }
    assert!(looked_at > 50, "the test sees the imports");
}

#[test]
fn a_floor_is_recognised_in_every_way_of_naming_it() {
    assert_eq!(floors_named("use crate::sys::futex;"), [0]);
    assert_eq!(
        floors_named("use crate::{contender, run, segment};"),
        [4, 5, 2]
    );
    assert_eq!(
        floors_named("pub(crate) fn x(y: crate::sync::Value) {}"),
        [3]
    );
    assert_eq!(floors_named("use std::io; // crate::cli"), [0; 0]);
}

#[test]
fn unsafe_is_only_on_the_floors_that_need_it() {
    for (path, text) in sources("src").into_iter().chain(sources("worker")) {
        let floor = floor_of(&path).map(|floor| FLOORS[floor]);
        if floor.is_some_and(|floor| UNSAFE_FLOORS.contains(&floor)) {
            continue;
        }
        for line in text.lines().filter(|line| !line.contains("unsafe_code")) {
            let code = line.split("//").next().unwrap_or_default();
            let mut words = code.split(|c: char| !c.is_alphanumeric() && c != '_');
            assert!(
                !words.any(|word| word == "unsafe"),
                "{}: {line}",
                path.display()
            );
        }
    }
}

#[test]
fn run_and_cli_forbid_unsafe_code() {
    for floor in ["run", "cli"] {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("src")
            .join(floor);
        let text = fs::read_to_string(root.join("mod.rs")).unwrap();
        assert!(text.contains("#![forbid(unsafe_code)]"), "{floor}");
    }
}

#[test]
fn files_stay_short() {
    for directory in ["src", "worker", "examples", "benches", "scripts"] {
        for (path, text) in sources(directory) {
            let lines = text.lines().count();
            assert!(lines <= MOST_LINES, "{} has {lines} lines", path.display());
        }
    }
}

#[test]
fn sources_tell_of_the_program_and_not_of_its_making() {
    // Put together here, so that this file does not say them.
    let words = [
        ["iss", "ue"],
        ["TO", "DO"],
        ["FIX", "ME"],
        ["/wo", "rk/"],
        ["wor", "ktree"],
    ];
    for directory in ["src", "worker", "tests", "examples", "benches", "scripts"] {
        for (path, text) in sources(directory) {
            for word in words.map(|parts| parts.concat()) {
                let line = text.lines().find(|line| {
                    let mut words = line.split(|c: char| !c.is_alphanumeric() && c != '/');
                    words.any(|found| found.trim_end_matches('s') == word)
                        || word.starts_with('/') && line.contains(&word)
                });
                assert_eq!(line, None, "{} says {word}", path.display());
            }
        }
    }
}
