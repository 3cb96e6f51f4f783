//! Ours: `queue`, item by item, or `batch`, up to 64 at once; `bytes`, 8 bytes each. That many producers
//! and as many consumers, and so many items from each producer.

use std::process::ExitCode;
use std::sync::atomic::{AtomicI64, Ordering::SeqCst};

use shmcount::Segment;
use shmcount_peers::{Task, measure, shared_memory};

/// As many as a pipe of Python's holds, about.
const CAPACITY: u64 = 4_096;
const BATCH: usize = 64;

fn main() -> ExitCode {
    let task = Task::from_arguments();
    let name = format!("bench-queue-{}", std::process::id());
    let segment = Segment::options().capacity(1 << 20).create(&name);
    let segment = segment.expect("a segment");
    let queue = segment.queue::<u64>("queue", CAPACITY).expect("a queue");
    let bytes = segment.bytes_queue("bytes", 16 * CAPACITY);
    let bytes = bytes.expect("a queue");
    // Forked processes have it mapped; nobody needs its name.
    segment.remove().expect("its own segment");
    let popped = unsafe { &*shared_memory::<AtomicI64>() };
    let (pairs, each) = (task.procs, task.adds);
    let expected = (pairs as u64 * each) as i64;
    let work = |process: usize| match (process < pairs, task.kind.as_deref()) {
        (true, Some("batch")) => {
            let items: Vec<u64> = (0..each).collect();
            for mut batch in items.chunks(BATCH) {
                while !batch.is_empty() {
                    batch = &batch[queue.push_many(batch).expect("an open queue")..];
                }
            }
        }
        (true, Some("bytes")) => {
            (0..each).for_each(|item| bytes.push(&item.to_ne_bytes()).expect("an open queue"))
        }
        (true, _) => (0..each).for_each(|item| queue.push(item).expect("an open queue")),
        (false, Some("batch")) => {
            let mut left = each as usize;
            while left > 0 {
                let some = queue.pop_many(left.min(BATCH)).expect("an open queue");
                left -= some.len();
            }
            popped.fetch_add(each as i64, SeqCst);
        }
        (false, Some("bytes")) => {
            (0..each).for_each(|_| assert_eq!(bytes.pop().expect("an open queue").len(), 8));
            popped.fetch_add(each as i64, SeqCst);
        }
        (false, _) => {
            (0..each).for_each(|_| assert!(queue.pop().expect("an open queue") < each));
            popped.fetch_add(each as i64, SeqCst);
        }
    };
    measure(2 * pairs, work, expected, || popped.load(SeqCst))
}
