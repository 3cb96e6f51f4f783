//! A segment of its own for each test, which runs in a watched process with one thread.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use shmcount::{Release, Segment, SegmentOptions, Spin};

use crate::watchdog::watched;

/// Both ways to release, and with and without polling before a sleep.
pub const WAYS: [(Release, Spin); 3] = [
    (Release::Exchange, Spin::Never),
    (Release::Plain, Spin::Never),
    (Release::Plain, Spin::Timed),
];

/// A name that is free again when this is dropped.
struct Scratch(String);

impl Scratch {
    fn new() -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Relaxed);
        Self(format!("test-toolkit-{}-{number}", std::process::id()))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // The test may not have come as far as to make it.
        let _ = Segment::remove_named(&self.0);
    }
}

/// Runs a test on a segment of its own, which goes whatever comes of the test.
pub fn on_a_segment(test: impl FnOnce(&Segment)) {
    let (release, spin) = WAYS[2];
    on_a_segment_that(release, spin, test);
}

/// Runs a test once for each way to release and to wait.
pub fn in_every_way(test: impl Fn(&Segment)) {
    for (release, spin) in WAYS {
        on_a_segment_that(release, spin, &test);
    }
}

fn on_a_segment_that(release: Release, spin: Spin, test: impl FnOnce(&Segment)) {
    let scratch = Scratch::new();
    watched(|| {
        let options = SegmentOptions::new().release(release).spin(spin);
        test(&options.create(&scratch.0).expect("the name is new"));
    });
}
