//! Who has a segment mapped.

use std::path::Path;

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
    assert_eq!(attached(), [own]);
    let processes = [(); 2].map(|()| Obedient::start(&scratch));
    let mut expected: Vec<u32> = processes.iter().map(Obedient::id).chain([own]).collect();
    expected.sort_unstable();
    assert_eq!(attached(), expected);
    // Many at once, by their names; with a file that nobody has mapped.
    let nobodys = FileId::of(Path::new("/proc/self/stat")).expect("/proc is mounted");
    let files =
        [&scratch, &another].map(|scratch| FileId::of(&scratch.path()).expect("it is there"));
    let found = processes_that_map(&[files[0], files[1], nobodys]).expect("/proc is mounted");
    assert_eq!(found.len(), 3);
    assert_eq!(found[&files[0]], expected);
    assert_eq!(found[&files[1]], [own]);
    assert_eq!(found[&nobodys], [0; 0]);
    // Without a name it is the same file.
    assert!(segment.remove().expect("it is ours"));
    assert_eq!(attached(), expected);
    processes.into_iter().for_each(Obedient::kill);
    assert_eq!(attached(), [own]);
    drop(other);
    let found = processes_that_map(&files).expect("/proc is mounted");
    assert_eq!(found[&files[1]], [0; 0]);
}
