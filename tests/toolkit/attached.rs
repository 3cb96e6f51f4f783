//! Who has a segment mapped.

use std::fmt::Debug;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use shmcount::Segment;
use shmcount::sys::mappings::{FileId, processes_that_map};

use crate::obedient::Obedient;
use crate::stage::Scratch;

pub fn who_has_a_segment_mapped_is_seen_and_who_has_ended_is_not() {
    let (scratch, another) = (Scratch::new("attached"), Scratch::new("other"));
    let segment = Segment::create(scratch.name()).expect("the name is new");
    let other = Segment::create(another.name()).expect("the name is new");
    let own = std::process::id();
    let attached = || segment.attached().expect("/proc is mounted");
    comes_to(attached, vec![own]);
    let processes = [(); 2].map(|()| Obedient::start(&scratch));
    let mut expected: Vec<u32> = processes.iter().map(Obedient::id).chain([own]).collect();
    expected.sort_unstable();
    comes_to(attached, expected.clone());
    // Many at once, by their names; with a file that nobody has mapped.
    let nobodys = FileId::of(Path::new("/proc/self/stat")).expect("/proc is mounted");
    let files =
        [&scratch, &another].map(|scratch| FileId::of(&scratch.path()).expect("it is there"));
    let all = [files[0], files[1], nobodys];
    let found = || processes_that_map(&all).expect("/proc is mounted");
    let expected_of_all = [expected.clone(), vec![own], vec![]];
    comes_to(found, all.into_iter().zip(expected_of_all).collect());
    // Without a name it is the same file.
    assert!(segment.remove().expect("it is ours"));
    comes_to(attached, expected);
    processes.into_iter().for_each(Obedient::kill);
    comes_to(attached, vec![own]);
    drop(other);
    let found = || processes_that_map(&files[1..]).expect("/proc is mounted");
    comes_to(found, [(files[1], vec![])].into());
}

/// Looks until what is found is what is expected: while another test starts a process, that is a copy of this one
/// for a moment, and has mapped what this one has.
fn comes_to<T: PartialEq + Debug>(found: impl Fn() -> T, expected: T) {
    let end = Instant::now() + Duration::from_secs(10);
    while found() != expected && Instant::now() < end {
        thread::yield_now();
    }
    assert_eq!(found(), expected);
}
