//! What a value commits, and what it does not.

use std::thread;

use shmcount::{Release, Segment, Value};

use crate::scribble::{SEQUENCE, Target, WATCHED};
use crate::stage::{Scratch, Skipped, Test, tests};
use crate::value;

pub const TESTS: &[Test] = tests![
    value::what_changes_nothing_commits_nothing,
    value::a_commit_moves_the_sequence_for_those_who_watch,
];

/// Or it would wake all who wait for a change.
pub fn what_changes_nothing_commits_nothing() {
    let scratch = Scratch::new("nothing");
    let options = Segment::options().release(Release::Exchange);
    let segment = options.create(scratch.name()).expect("the name is new");
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

/// With the plain release a small value is committed by one store where nobody watches.
pub fn a_commit_moves_the_sequence_for_those_who_watch() -> Result<(), Skipped> {
    let scratch = Scratch::new("watched");
    let segment = Segment::create(scratch.name()).expect("the name is new");
    if segment.release() != Release::Plain {
        return Err(Skipped("this kernel has no plain release".to_owned()));
    }
    let small: Value<i64> = segment.value("small", 0).expect("there is room");
    let large: Value<[i64; 2]> = segment.value("large", [0; 2]).expect("there is room");
    let [of_small, of_large] = ["small", "large"].map(|name| Target::of(&scratch, name));
    let commits = || [&of_small, &of_large].map(|target| target.read_u64(SEQUENCE));
    small.fetch_add(1).expect("no overflow");
    *small.lock().expect("it is free") += 1;
    large.store([2; 2]).expect("it is free");
    assert_eq!(commits(), [0, 1]);
    thread::scope(|scope| {
        let watcher = scope.spawn(|| small.wait_until(|number| *number == 3, None));
        while of_small.read_u64(WATCHED) == 0 {
            thread::yield_now();
        }
        small.fetch_add(1).expect("no overflow");
        let seen = watcher.join().expect("it does not panic");
        assert_eq!(seen.expect("nobody holds the lock"), 3);
    });
    assert_eq!(commits(), [1, 1]);
    // The next takes back what the watcher may have announced before its last look.
    small.fetch_add(1).expect("no overflow");
    assert_eq!(of_small.read_u64(WATCHED), 0);
    let so_far = commits();
    small.fetch_add(1).expect("no overflow");
    assert_eq!(commits(), so_far);
    Ok(())
}
