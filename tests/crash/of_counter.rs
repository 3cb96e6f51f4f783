//! The counter, while who adds is killed: with a cell, on the way to one, and on the way out.

use std::cell::RefCell;

use shmcount::{Counter, Release};

use super::process::Child;
use super::run::{Fate, Run};
use super::scenario::{Scenario, alone};
use super::subject::Stage;

/// Adds five to a counter of a single cell.
type Add = fn(Counter);

/// Returns all scenarios of the counter.
pub fn scenarios() -> Vec<Scenario> {
    let operations: [(&'static str, Add, i64); 4] = [
        ("counter, first add", |counter| counter.add(5), 1),
        (
            "counter, later adds",
            |counter| (0..3).for_each(|_| counter.add(5)),
            3,
        ),
        (
            "counter, adds by a writer",
            |counter| {
                let writer = counter.writer();
                writer.add(5);
                writer.add(5);
            },
            2,
        ),
        (
            "counter, add without a cell",
            |counter| {
                // Another handle has the only cell.
                let segment = counter.segment();
                let other = segment.counter("main").expect("it is there");
                other.add(5);
                counter.add(5);
            },
            2,
        ),
    ];
    let mut all = Vec::new();
    for (release, name) in [(Release::Exchange, "exchange"), (Release::Plain, "plain")] {
        all.extend(operations.map(|(operation, add, adds)| {
            alone(operation, name, move |run| adding(release, add, adds, run))
        }));
    }
    all
}

/// The victim adds, and drops the last handle, which leaves its cell.
fn adding(release: Release, add: Add, adds: i64, run: &mut Run) -> Fate {
    let stage = Stage::new(release);
    let open = || {
        let counter = stage.segment.counter_with_cells("main", 1);
        counter.expect("there is room")
    };
    let counter = open();
    // Something from before, in the cell and in the word that all share.
    assert!(Child::start(|| add(open())).ends());
    let before = counter.sum();
    let handle = RefCell::new(Some(open()));
    let operation = || add(handle.take().expect("it is called once"));
    let mut victim = run.start(operation, || stage.digest());
    victim.go_on(|| ());
    let seen = counter.sum();
    victim.kill();
    let added = counter.sum() - before;
    if added != seen - before || added % 5 != 0 || !(0..=5 * adds).contains(&added) {
        return Fate::Torn(format!("{added} was added, and {} seen", seen - before));
    }
    if counter.cells_in_use() != 0 {
        return Fate::Torn("the cell is lost".to_owned());
    }
    let next = Child::start(|| {
        let other = open();
        assert!(other.writer().has_own_cell());
        other.add(1);
    });
    if !next.ends() || counter.sum() != before + added + 1 {
        return Fate::Torn("the next add went wrong".to_owned());
    }
    match added {
        0 => Fate::Before,
        _ => Fate::After,
    }
}
