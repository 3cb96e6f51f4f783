//! Queues of items of varying length.

use std::time::Duration;

use shmcount::{BytesQueue, Error, PopError, PushBytesError, Segment};

use crate::scribble::{BEHIND_LINE, BEHIND_PLACES, PATTERNS, Target};
use crate::stage::{Parent, Process, Scratch};

const EACH: usize = 2_000;
const PRODUCERS: usize = 3;
const TIMEOUT: Duration = Duration::from_millis(20);

fn queue(scratch: &Scratch, capacity: u64) -> BytesQueue {
    let segment = Segment::create(scratch.name()).expect("the name is new");
    let queue = segment.bytes_queue("queue", capacity);
    queue.expect("there is room")
}

/// An item says who made it, which of its items it is, and is as long as that says.
fn item(producer: usize, serial: usize) -> Vec<u8> {
    let mut item = format!("{producer} {serial} ").into_bytes();
    item.resize(item.len() + serial % 37, b'.');
    item
}

pub fn push_strings(parent: Parent) {
    let segment = Segment::open(parent.argument(0)).expect("it is there");
    let queue = segment.open_bytes_queue("queue").expect("it is there");
    let producer = parent.argument(1).parse().expect("a number");
    for serial in 0..EACH {
        queue.push(&item(producer, serial)).expect("an open queue");
    }
}

pub fn every_item_comes_once_and_whole() {
    let scratch = Scratch::new("bytes");
    let queue = queue(&scratch, 250);
    let producers: Vec<Process> = (0..PRODUCERS)
        .map(|number| {
            let number = number.to_string();
            Process::start("bytes_queue::push_strings", &[scratch.name(), &number])
        })
        .collect();
    let mut next = [0; PRODUCERS];
    for _ in 0..PRODUCERS * EACH {
        let found = queue.pop().expect("an open queue");
        let producer = usize::from(found[0] - b'0');
        assert_eq!(found, item(producer, next[producer]));
        next[producer] += 1;
    }
    producers.into_iter().for_each(Process::succeed);
    assert!(queue.is_empty());
}

pub fn an_item_that_never_fits_is_refused() {
    let scratch = Scratch::new("bytes");
    let queue = queue(&scratch, 20);
    // Rounded up to 24, of which 8 say how long an item is.
    assert_eq!((queue.capacity(), queue.longest()), (24, 16));
    queue.push(&[1; 16]).expect("there is room");
    assert_eq!((queue.used(), queue.len()), (24, 1));
    let refused = PushBytesError::TooLong {
        length: 17,
        longest: 16,
    };
    assert_eq!(queue.push(&[1; 17]), Err(refused));
    assert_eq!(queue.pop(), Ok(vec![1; 16]));
}

pub fn a_full_queue_has_room_when_enough_was_popped() {
    let scratch = Scratch::new("bytes");
    let queue = queue(&scratch, 48);
    queue.push(b"").expect("there is room");
    queue.push(b"12345678").expect("there is room");
    queue.push(b"123456789").expect("there is room");
    assert_eq!((queue.used(), queue.len()), (48, 3));
    assert_eq!(queue.try_push(b""), Err(PushBytesError::Full));
    assert_eq!(queue.try_pop(), Ok(b"".to_vec()));
    assert_eq!(queue.try_push(b"1"), Err(PushBytesError::Full));
    let timeout = TIMEOUT;
    let late = PushBytesError::TimedOut { timeout };
    assert_eq!(queue.push_timeout(b"1", timeout), Err(late));
    queue.try_push(b"").expect("there is room");
    assert_eq!(queue.pop(), Ok(b"12345678".to_vec()));
    queue.try_push(b"2").expect("there is room");
    let left: Vec<Vec<u8>> = (0..3).map(|_| queue.pop().expect("an item")).collect();
    assert_eq!(left, [b"123456789".to_vec(), b"".to_vec(), b"2".to_vec()]);
    assert_eq!(queue.try_pop(), Err(PopError::Empty));
    assert_eq!(
        queue.pop_timeout(timeout),
        Err(PopError::TimedOut { timeout })
    );
}

pub fn a_closed_queue_gives_what_it_has_and_takes_nothing() {
    let scratch = Scratch::new("bytes");
    let queue = queue(&scratch, 48);
    queue.push(b"last").expect("there is room");
    queue.close().expect("not held");
    assert!(queue.is_closed());
    assert_eq!(queue.push(b"more"), Err(PushBytesError::Closed));
    assert_eq!(queue.iter().collect::<Vec<_>>(), [b"last".to_vec()]);
    assert_eq!(queue.pop(), Err(PopError::Closed));
}

pub fn a_queue_is_opened_as_what_it_is() {
    let scratch = Scratch::new("bytes");
    let queue = queue(&scratch, 100);
    queue.push(b"one").expect("there is room");
    let segment = Segment::open(scratch.name()).expect("it is there");
    let same = segment.open_bytes_queue("queue").expect("it is there");
    assert_eq!((same.capacity(), same.pop()), (104, Ok(b"one".to_vec())));
    let is_other = |error| matches!(error, Some(Error::OtherShape { .. }));
    // The capacity that was asked for is what it is told by.
    assert!(is_other(segment.bytes_queue("queue", 104).err()));
    assert!(is_other(segment.open_queue::<u64>("queue").err()));
    for capacity in [0, 7, 1 << 31, u64::MAX] {
        let refused = segment.bytes_queue("other", capacity).err();
        assert!(matches!(refused, Some(Error::OutOfRange { .. })));
    }
    let missing = segment.open_bytes_queue("missing").err();
    assert!(matches!(missing, Some(Error::NoSuchObject { .. })));
}

pub fn damage_is_survived() {
    let scratch = Scratch::new("bytes");
    let queue = queue(&scratch, 40);
    let target = Target::of(&scratch, "queue");
    // Two places of a state of two words, and the ring.
    let (places, ring) = (BEHIND_LINE, BEHIND_PLACES);
    for pattern in PATTERNS {
        // A length.
        while queue.try_pop().is_ok() {}
        (0..5).for_each(|word| target.write_u64(ring + 8 * word, 0));
        queue.push(b"12345678").expect("there is room");
        (0..5).for_each(|word| target.write_u64(ring + 8 * word, pattern));
        match queue.try_pop() {
            Err(PopError::Damaged { length, used: 16 }) => assert_eq!(length, pattern),
            // A length that fits makes a wrong item.
            Ok(item) => assert!(pattern <= 8 && item.len() as u64 == pattern),
            popped => panic!("{popped:?}"),
        }
        queue.push(b"next").expect("there is room");
        assert_eq!(queue.try_pop(), Ok(b"next".to_vec()));
        // The state.
        (0..4).for_each(|word| target.write_u64(places + 8 * word, pattern));
        assert!(queue.used() <= queue.capacity());
        for _ in 0..12 {
            let _ = queue.try_push(b"1234567890");
            let _ = queue.try_pop();
        }
        let _ = queue.push_timeout(b"1", TIMEOUT);
        for _ in 0..12 {
            let _ = queue.try_pop();
        }
        assert!(queue.is_empty());
        (0..4).for_each(|word| target.write_u64(places + 8 * word, 0));
    }
}
