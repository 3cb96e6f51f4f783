//! What a value commits, and what it does not.

use shmcount::Segment;

use crate::scribble::{SEQUENCE, Target};
use crate::stage::{Scratch, Test, tests};
use crate::value;

pub const TESTS: &[Test] = tests![value::what_changes_nothing_commits_nothing];

/// Or it would wake all who wait for a change.
pub fn what_changes_nothing_commits_nothing() {
    let scratch = Scratch::new("nothing");
    let segment = Segment::create(scratch.name()).expect("the name is new");
    let value = segment.value("number", 5i64).expect("there is room");
    let target = Target::of(&scratch, "number");
    let commits = || target.read_u64(SEQUENCE);
    assert_eq!(commits(), 0);
    assert_eq!(value.compare_exchange(4, 6), Ok(Err(5)));
    assert_eq!(*value.lock().expect("it is free"), 5);
    assert_eq!(value.try_update(|_| Err::<(), _>("no")), Ok(Err("no")));
    assert!(value.fetch_add(i64::MAX).is_err());
    assert_eq!((commits(), value.load()), (0, 5));
    assert_eq!(value.compare_exchange(5, 6), Ok(Ok(5)));
    assert_eq!((commits(), value.load()), (1, 6));
}
