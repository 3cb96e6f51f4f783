//! The queue of items of varying length, in the scenes of [`of_queue`](super::of_queue).

use std::time::Duration;

use shmcount::{BytesQueue, PopError, PushBytesError};

use super::of_queue::{CAPACITY, Line, Names, scenarios};
use super::scenario::Scenario;
use super::subject::Stage;

/// Of each item: not a multiple of a word.
const BYTES: usize = 12;
/// What an item takes, with its length.
const ROOM: usize = 24;
/// One word more than the items take, so that an item's bytes are cut by the end of the ring.
const SIZE: usize = CAPACITY * ROOM + 8;

/// Returns the scenarios.
pub fn all_scenarios() -> Vec<Scenario> {
    scenarios::<BytesQueue>(Names {
        push: "push bytes",
        pop: "pop bytes",
        close: "close a queue of bytes",
    })
}

impl Line for BytesQueue {
    fn of(stage: &Stage) -> Self {
        let queue = stage.segment.bytes_queue("main", SIZE as u64);
        queue.expect("there is room")
    }

    fn push(&self, number: u64) -> bool {
        match self.push(&[number as u8; BYTES]) {
            Ok(()) => true,
            Err(PushBytesError::Closed) => false,
            Err(error) => panic!("{error}"),
        }
    }

    fn pop(&self) -> u64 {
        whole(&self.pop().expect("an open queue")).expect("a whole item")
    }

    fn pop_within(&self, timeout: Duration) -> Option<u64> {
        let item = self.pop_timeout(timeout).ok()?;
        Some(whole(&item).expect("a whole item"))
    }

    fn try_pop(&self) -> Result<Option<u64>, String> {
        match self.try_pop() {
            Ok(item) => whole(&item).map(Some),
            Err(PopError::Empty | PopError::Closed) => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    }

    fn close(&self) {
        self.close().expect("not held");
    }

    fn is_closed(&self) -> bool {
        self.is_closed()
    }

    fn len(&self) -> usize {
        self.len()
    }
}

fn whole(item: &[u8]) -> Result<u64, String> {
    match item {
        [first, ..] if item == [*first; BYTES] => Ok(u64::from(*first)),
        _ => Err(format!("half an item: {item:?}")),
    }
}
