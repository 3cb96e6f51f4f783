//! Every way to add to a number of a segment: what an add reads and writes, and one that is too much.

use std::fs;

use shmcount::contender::{Contender, Error, LockKind, Seat, Seats, Step};
use shmcount::{Segment, Value};

/// A number in a segment that is removed on every way out.
struct Number {
    segment: Segment,
    value: Value<i64>,
}

impl Number {
    fn new(kind: LockKind, start: i64) -> Self {
        let name = format!("test-number-{kind}-{start}-{}", std::process::id());
        let segment = Segment::create(&name).unwrap();
        let value = segment.value("main", start).unwrap();
        Self { segment, value }
    }

    fn contender(&self, kind: LockKind) -> Box<dyn Contender> {
        kind.open(self.segment.open_value("main").unwrap()).unwrap()
    }
}

impl Drop for Number {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.segment.path());
    }
}

#[test]
fn add_is_observed_between_read_and_write_and_counted_in_its_seat() {
    for kind in LockKind::ALL {
        let number = Number::new(kind, 5);
        let words = Default::default();
        let seat = Seat::alone(&words);
        let mut steps = Vec::new();
        let contender = number.contender(kind);
        contender
            .add(seat, -7, Some(&mut |step| steps.push(step)))
            .unwrap();
        assert_eq!(steps, [Step::Read(5), Step::Wrote(-2)], "{kind}");
        contender.add(seat, 1, None).unwrap();
        assert_eq!((contender.total(), seat.tally()), (-1, 2), "{kind}");
    }
}

#[test]
fn overflow_is_an_error_that_leaves_the_total_and_frees_the_lock() {
    let checked = LockKind::ALL
        .into_iter()
        .filter(|kind| !matches!(kind, LockKind::Atomic | LockKind::Sharded));
    for (kind, (start, by)) in checked.flat_map(|k| [(k, (i64::MAX, 1)), (k, (i64::MIN, -1))]) {
        let number = Number::new(kind, start);
        let words = Default::default();
        let seat = Seat::alone(&words);
        let contender = number.contender(kind);
        let refused = contender.add(seat, by, None);
        assert!(
            matches!(refused, Err(Error::Overflow { total, by: of }) if (total, of) == (start, by)),
            "{kind}: {refused:?}"
        );
        assert_eq!((number.value.load(), seat.tally()), (start, 0), "{kind}");
        // A lock that was still held would keep this for ever, or be an error.
        contender.add(seat, 0, None).unwrap();
    }
}

#[test]
fn ledger_of_a_run_knows_the_adds_of_every_seat() {
    let name = format!("test-ledger-{}", std::process::id());
    let segment = Segment::create(&name).unwrap();
    let path = segment.path();
    let seats = Seats::create(&segment, 3).unwrap();
    let own = Seats::open(&segment, 3).unwrap();
    let ledger = LockKind::Robust.open_for_run(&segment, own).unwrap();
    fs::remove_file(path).unwrap();
    for (index, adds) in [(0, 3), (2, 1), (0, 1), (1, 2)] {
        for _ in 0..adds {
            ledger.add(seats.seat(index), 10, None).unwrap();
        }
    }
    let tallies = [0, 1, 2].map(|index| ledger.tally(seats.seat(index)));
    assert_eq!((tallies, ledger.total()), ([4, 2, 1], 70));
}
