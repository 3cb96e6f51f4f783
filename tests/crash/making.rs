//! Segments and their objects, while who makes or removes them is killed.

use std::fs;

use shmcount::{Error, Release, Segment};

use super::run::{Fate, Run};
use super::subject::{Stage, fresh_name, options};

/// Open or create a segment: it is there whole or not at all.
pub fn creating_a_segment(release: Release, run: &mut Run) -> Fate {
    let name = fresh_name();
    let options = options(release);
    let operation = || drop(options.open_or_create(&name).expect("a name of its own"));
    let mut victim = run.start(operation, || 0);
    victim.go_on(|| ());
    let pid = victim.pid();
    victim.kill();
    let fate = match options.open(&name) {
        Err(Error::NotFound { .. }) => Fate::Before,
        Ok(segment) if segment.entries().is_ok_and(|entries| entries.is_empty()) => Fate::After,
        other => return Fate::Torn(format!("opening it gave {other:?}")),
    };
    let segment = match options.open_or_create(&name) {
        Ok(segment) => segment,
        Err(error) => return Fate::Torn(format!("making it again gave {error}")),
    };
    let works = works(&segment);
    let is_removed = segment.remove();
    // Whoever makes a segment next sweeps up.
    drop(Stage::new(release));
    match is_removed {
        Ok(true) if !works => Fate::Torn("a segment that does not work".to_owned()),
        Ok(true) if is_unfinished_left(pid) => Fate::Torn("an unfinished segment stays".to_owned()),
        Ok(true) => fate,
        other => Fate::Torn(format!("removing it gave {other:?}")),
    }
}

/// Open or create an object: it is in the directory whole or not at all.
pub fn creating_an_object(release: Release, run: &mut Run) -> Fate {
    let stage = Stage::new(release);
    let first = stage.segment.value("first", 1i64).expect("there is room");
    let operation = || {
        drop(
            stage
                .segment
                .value("other", [3u64; 8])
                .expect("there is room"),
        )
    };
    let mut victim = run.start(operation, || stage.digest());
    victim.go_on(|| ());
    let names = || -> Vec<String> {
        let entries = stage.segment.entries().expect("a sound directory");
        entries
            .iter()
            .map(|entry| entry.name().to_owned())
            .collect()
    };
    let seen = names();
    victim.kill();
    let (fate, expected) = match seen.len() {
        1 => (Fate::Before, 4),
        2 => (Fate::After, 3),
        _ => return Fate::Torn(format!("the directory has {seen:?}")),
    };
    if seen != names() {
        return Fate::Torn(format!("{seen:?} became {:?}", names()));
    }
    match stage.segment.value("other", [4u64; 8]) {
        Ok(other) if other.load() == [expected; 8] => {}
        other => return Fate::Torn(format!("opening it gave {other:?}")),
    }
    let sound = first.fetch_add(1) == Ok(1) && works(&stage.segment);
    match sound {
        true => fate,
        false => Fate::Torn("the next object does not work".to_owned()),
    }
}

/// Remove a segment: its name is there or gone, and free again.
pub fn removing_a_segment(release: Release, run: &mut Run) -> Fate {
    let name = fresh_name();
    let options = options(release);
    let segment = options.create(&name).expect("a name of its own");
    let mut victim = run.start(|| drop(segment.remove()), || 0);
    victim.go_on(|| ());
    victim.kill();
    let fate = match options.open(&name) {
        Ok(_) => Fate::Before,
        Err(Error::NotFound { .. }) => Fate::After,
        Err(error) => return Fate::Torn(format!("opening it gave {error}")),
    };
    let successor = match options.open_or_create(&name) {
        Ok(successor) => successor,
        Err(error) => return Fate::Torn(format!("making it again gave {error}")),
    };
    // A handle of the one before leaves its successor alone.
    let is_own = segment.remove().expect("an own segment");
    if is_own != (fate == Fate::Before) {
        return Fate::Torn("removed another than the own".to_owned());
    }
    if fate == Fate::After && !successor.remove().is_ok_and(|removed| removed) {
        return Fate::Torn("the successor is gone".to_owned());
    }
    let is_same = fate == Fate::Before;
    match works(&successor) && (is_same || works(&segment)) {
        true => fate,
        false => Fate::Torn("who has it open cannot go on".to_owned()),
    }
}

fn works(segment: &Segment) -> bool {
    let value = segment.value("works", 0i64);
    value.is_ok_and(|value| value.fetch_add(2) == Ok(0) && value.load() == 2)
}

fn is_unfinished_left(pid: i32) -> bool {
    let mut names = fs::read_dir("/dev/shm").expect("tmpfs").flatten();
    names.any(|entry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        name.starts_with("shmcount~") && name.split('.').nth(1) == Some(&pid.to_string())
    })
}
