//! Queues of items of one type.

use std::time::{Duration, Instant};

use shmcount::{Error, LockError, PopError, PushError, Queue, Segment, WaitError};

use crate::scribble::{BEHIND_LINE, LOCK, PATTERNS, STATE, Target};
use crate::stage::{Parent, Process, Scratch};

const EACH: u64 = 5_000;
const PAIRS: u64 = 3;
const TIMEOUT: Duration = Duration::from_millis(20);

fn queue(scratch: &Scratch, capacity: u64) -> Queue<u64> {
    let segment = Segment::create(scratch.name()).expect("the name is new");
    segment.queue("queue", capacity).expect("there is room")
}

fn open(parent: &Parent) -> Queue<u64> {
    let segment = Segment::open(parent.argument(0)).expect("it is there");
    segment.open_queue("queue").expect("it is there")
}

/// Pushes the numbers `number * EACH ..`.
pub fn push_numbers(parent: Parent) {
    let queue = open(&parent);
    let number: u64 = parent.argument(1).parse().expect("a number");
    for item in number * EACH..(number + 1) * EACH {
        queue.push(item).expect("an open queue");
    }
}

/// Pops until the queue is closed, and tells how many there were and their sum.
pub fn pop_numbers(parent: Parent) {
    let queue = open(&parent);
    let mut last = [None; PAIRS as usize];
    let (mut count, mut sum) = (0, 0);
    for item in &queue {
        let last = &mut last[(item / EACH) as usize];
        assert!(last.is_none_or(|last| last < item), "{item} after {last:?}");
        *last = Some(item);
        (count, sum) = (count + 1, sum + item);
    }
    parent.tell(&format!("{count} {sum}"));
}

/// Waits for room and pushes one item; tells what came of it.
pub fn push_one(parent: Parent) {
    let queue = open(&parent);
    parent.tell("ready");
    parent.tell(&format!("{:?}", queue.push(7)));
}

pub fn every_item_comes_once_and_each_producers_in_order() {
    let scratch = Scratch::new("queue");
    // Small: so that both sides wait for each other.
    let queue = queue(&scratch, 7);
    let consumers: Vec<Process> = (0..PAIRS)
        .map(|_| Process::start("queue::pop_numbers", &[scratch.name()]))
        .collect();
    let producers: Vec<Process> = (0..PAIRS)
        .map(|number| {
            let number = number.to_string();
            Process::start("queue::push_numbers", &[scratch.name(), &number])
        })
        .collect();
    producers.into_iter().for_each(Process::succeed);
    queue.close().expect("not held");
    let (mut count, mut sum) = (0, 0);
    for mut consumer in consumers {
        let told = consumer.hear();
        let (some, part) = told.split_once(' ').expect("two numbers");
        count += some.parse::<u64>().expect("a number");
        sum += part.parse::<u64>().expect("a number");
        consumer.succeed();
    }
    let all = PAIRS * EACH;
    assert_eq!((count, sum), (all, all * (all - 1) / 2));
}

pub fn a_full_queue_gives_the_item_back() {
    let scratch = Scratch::new("queue");
    let queue = queue(&scratch, 2);
    assert_eq!((queue.capacity(), queue.len()), (2, 0));
    assert_eq!(queue.try_pop(), Err(PopError::Empty));
    queue.push(1).expect("there is room");
    queue.try_push(2).expect("there is room");
    assert_eq!(queue.len(), 2);
    assert_eq!(queue.try_push(3), Err(PushError::Full(3)));
    let late = queue.push_timeout(4, TIMEOUT);
    assert_eq!(late.map_err(PushError::into_item), Err(4));
    assert_eq!((queue.pop(), queue.try_pop()), (Ok(1), Ok(2)));
    assert!(queue.is_empty());
}

pub fn a_closed_queue_gives_what_it_has_and_takes_nothing() {
    let scratch = Scratch::new("queue");
    let queue = queue(&scratch, 2);
    queue.push(1).expect("there is room");
    assert!(!queue.is_closed());
    queue.close().expect("not held");
    queue.close().expect("not held");
    assert!(queue.is_closed());
    assert_eq!(queue.push(2), Err(PushError::Closed(2)));
    assert_eq!(queue.try_push(2), Err(PushError::Closed(2)));
    assert_eq!(queue.push_timeout(2, TIMEOUT), Err(PushError::Closed(2)));
    assert_eq!(queue.push_many(&[2, 3]), Err(PushError::Closed(())));
    assert_eq!(queue.pop(), Ok(1));
    assert_eq!(queue.pop(), Err(PopError::Closed));
    assert_eq!(queue.try_pop(), Err(PopError::Closed));
    assert_eq!(queue.pop_timeout(TIMEOUT), Err(PopError::Closed));
    assert_eq!(queue.pop_many(2), Err(PopError::Closed));
    assert_eq!(queue.iter().next(), None);
}

pub fn closing_wakes_who_waits() {
    let scratch = Scratch::new("queue");
    let queue = queue(&scratch, 1);
    let mut consumer = Process::start("queue::pop_numbers", &[scratch.name()]);
    queue.push(0).expect("there is room");
    queue.push(1).expect("the consumer makes room");
    let mut producer = Process::start("queue::push_one", &[scratch.name()]);
    producer.expect("ready");
    producer.expect("Ok(())");
    queue.close().expect("not held");
    consumer.expect("3 8");
    // And a producer at a full queue.
    let scratch = Scratch::new("queue");
    let queue = self::queue(&scratch, 1);
    queue.push(0).expect("there is room");
    let mut producer = Process::start("queue::push_one", &[scratch.name()]);
    producer.expect("ready");
    queue.close().expect("not held");
    producer.expect("Err(Closed(7))");
    assert_eq!(queue.len(), 1);
}

/// Waits until all items have been taken.
pub fn wait_empty(parent: Parent) {
    let queue = open(&parent);
    parent.tell("ready");
    parent.tell(&format!("{:?}", queue.wait_empty()));
}

pub fn taking_the_last_item_wakes_who_waits_for_empty() {
    let scratch = Scratch::new("queue");
    let queue = queue(&scratch, 4);
    queue.push_many(&[1, 2]).expect("there is room");
    let mut waiter = Process::start("queue::wait_empty", &[scratch.name()]);
    waiter.expect("ready");
    assert_eq!(queue.pop(), Ok(1));
    let late = queue.wait_empty_timeout(TIMEOUT);
    assert_eq!(late, Err(WaitError::TimedOut(1)));
    assert_eq!(queue.pop(), Ok(2));
    waiter.expect("Ok(())");
    assert_eq!(queue.wait_empty_timeout(Duration::ZERO), Ok(()));
    let segment = Segment::open(scratch.name()).expect("it is there");
    let lines = segment.bytes_queue("lines", 64).expect("there is room");
    assert_eq!(lines.wait_empty(), Ok(()));
    for line in [&b""[..], b"longer than a word"] {
        lines.push(line).expect("there is room");
    }
    let late = lines.wait_empty_timeout(TIMEOUT);
    assert_eq!(late, Err(WaitError::TimedOut(2)));
}

pub fn a_timeout_is_waited_for() {
    let scratch = Scratch::new("queue");
    let queue = queue(&scratch, 1);
    let start = Instant::now();
    let timeout = TIMEOUT;
    assert_eq!(
        queue.pop_timeout(timeout),
        Err(PopError::TimedOut { timeout })
    );
    assert!(start.elapsed() >= TIMEOUT);
    queue.push(1).expect("there is room");
    let start = Instant::now();
    let late = PushError::TimedOut { item: 2, timeout };
    assert_eq!(queue.push_timeout(2, timeout), Err(late));
    assert!(start.elapsed() >= TIMEOUT);
}

pub fn many_at_once_are_as_many_as_there_is_room_for() {
    let scratch = Scratch::new("queue");
    let queue = queue(&scratch, 4);
    assert_eq!(queue.push_many(&[]), Ok(0));
    assert_eq!(queue.pop_many(0), Ok(vec![]));
    for round in 0..10 {
        let items: Vec<u64> = (round..round + 6).collect();
        assert_eq!(queue.push_many(&items), Ok(4));
        assert_eq!(queue.pop_many(3), Ok(items[..3].to_vec()));
        assert_eq!(queue.pop_many(usize::MAX), Ok(items[3..4].to_vec()));
    }
}

pub fn a_queue_is_opened_as_what_it_is() {
    let scratch = Scratch::new("queue");
    let queue = queue(&scratch, 4);
    queue.push(1).expect("there is room");
    let segment = Segment::open(scratch.name()).expect("it is there");
    let same = segment.open_queue::<u64>("queue").expect("it is there");
    assert_eq!((same.capacity(), same.pop()), (4, Ok(1)));
    let is_other = |error| matches!(error, Some(Error::OtherShape { .. }));
    assert!(is_other(segment.queue::<u64>("queue", 5).err()));
    assert!(is_other(segment.queue::<i64>("queue", 4).err()));
    assert!(is_other(segment.open_queue::<[u64; 2]>("queue").err()));
    assert!(is_other(segment.open_bytes_queue("queue").err()));
    assert!(is_other(segment.value("queue", 0u64).err()));
    segment.value("number", 0u64).expect("there is room");
    assert!(is_other(segment.open_queue::<u64>("number").err()));
    let missing = segment.open_queue::<u64>("missing").err();
    assert!(matches!(missing, Some(Error::NoSuchObject { .. })));
    for capacity in [0, 1 << 31, u64::MAX] {
        let refused = segment.queue::<u64>("other", capacity).err();
        assert!(matches!(refused, Some(Error::OutOfRange { .. })));
    }
    let full = segment.queue::<u64>("other", (1 << 31) - 1).err();
    assert!(matches!(full, Some(Error::Full { .. })), "{full:?}");
}

pub fn who_was_stopped_inside_is_named() {
    let scratch = Scratch::new("queue");
    let queue = queue(&scratch, 4);
    queue.push(1).expect("there is room");
    let mut other = Process::start("condvar::sit", &[]);
    other.expect("ready");
    // As if it had been stopped between taking the lock and releasing it.
    let target = Target::of(&scratch, "queue");
    target.write_u32(LOCK, other.id() | 0x8000_0000);
    let holder = |error: LockError| match error {
        LockError::TimedOut { holder, .. } => holder.pid,
        error => panic!("{error}"),
    };
    for pushed in [queue.push_timeout(2, TIMEOUT), queue.try_push(2)] {
        match pushed {
            Err(PushError::Locked { item: 2, error }) => {
                assert_eq!(holder(error), Some(other.id()));
            }
            pushed => panic!("{pushed:?}"),
        }
    }
    for popped in [queue.pop_timeout(TIMEOUT), queue.try_pop()] {
        match popped {
            Err(PopError::Locked(error)) => assert_eq!(holder(error), Some(other.id())),
            popped => panic!("{popped:?}"),
        }
    }
    target.write_u32(LOCK, 0);
    assert_eq!(queue.try_pop(), Ok(1));
}

pub fn damage_is_survived() {
    let scratch = Scratch::new("queue");
    let queue = queue(&scratch, 5);
    let target = Target::of(&scratch, "queue");
    for state in PATTERNS {
        target.write_u64(STATE, state);
        target.write_u64(BEHIND_LINE, state);
        assert!(queue.len() <= queue.capacity());
        for _ in 0..12 {
            let _ = queue.try_push(1);
            let _ = queue.try_pop();
        }
        let _ = queue.push_timeout(1, TIMEOUT);
        while queue.try_pop().is_ok() {}
        assert!(queue.is_empty());
    }
}
