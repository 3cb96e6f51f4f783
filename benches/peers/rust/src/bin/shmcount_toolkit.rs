//! Ours: adds to one of 100 elements of an `array` after the other, through a `guard` of it, or to one of
//! 100 keys of a `map`; takes one of three permits of a `semaphore` and gives it back; adds to a
//! `counter`, by its `writer`, or to `memory` that nobody shares, which is what a writer is held to.

use std::process::ExitCode;
use std::ptr::{read_volatile, write_volatile};
use std::sync::atomic::{AtomicI64, Ordering::SeqCst};

use shmcount::Segment;
use shmcount_peers::{Task, measure, shared_memory};

const PLACES: usize = 100;
const PERMITS: u32 = 3;

fn main() -> ExitCode {
    let task = Task::from_arguments();
    let name = format!("bench-peer-{}", std::process::id());
    let segment = Segment::create(&name).expect("a segment");
    let array = segment.array("array", PLACES, 0i64).expect("an array");
    let map = segment.map::<i64>("map", PLACES, 16).expect("a map");
    let semaphore = segment.semaphore("semaphore", PERMITS).expect("permits");
    let counter = segment.counter("counter").expect("a counter");
    // Forked processes have it mapped; nobody needs its name.
    segment.remove().expect("its own segment");
    let keys: Vec<String> = (0..PLACES).map(|place| format!("key-{place}")).collect();
    let done = unsafe { &*shared_memory::<AtomicI64>() };
    let places = || (0..task.adds).map(|add| add as usize % PLACES);
    let work = |_| {
        match task.kind.as_deref() {
            Some("guard") => places().for_each(|place| {
                let mut guard = array.lock().expect("a lock");
                guard.update(place, |element| *element += 1);
            }),
            Some("map") => places().for_each(|place| {
                map.fetch_add(&keys[place], 1).expect("an add");
            }),
            Some("semaphore") => places().for_each(|_| {
                let _permit = semaphore.acquire().expect("a permit");
            }),
            Some("counter") => places().for_each(|_| counter.add(1)),
            Some("writer") => {
                let writer = counter.writer();
                places().for_each(|_| writer.add(1));
            }
            Some("memory") => {
                let mut number = 0i64;
                places().for_each(|_| unsafe {
                    write_volatile(&mut number, read_volatile(&number) + 1);
                });
            }
            _ => places().for_each(|place| {
                array.fetch_add(place, 1).expect("an add");
            }),
        }
        done.fetch_add(task.adds as i64, SeqCst);
    };
    let expected = task.procs as i64 * task.adds as i64;
    let total = || {
        let total = done.load(SeqCst);
        let counted = match task.kind.as_deref() {
            Some("map") => map.snapshot().iter().map(|(_, value)| value).sum(),
            Some("counter" | "writer") => counter.sum(),
            Some("semaphore" | "memory") => total,
            _ => array.snapshot().iter().sum(),
        };
        assert_eq!(counted, total, "what was counted");
        total
    };
    measure(task.procs, work, expected, total)
}
