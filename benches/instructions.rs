//! Does one thing a given number of times: what `scripts/instructions.sh` counts instructions of.
//!
//! `instructions WHAT COUNT`. The counts of two runs, subtracted, are free of all that comes before and
//! after.

use std::hint::black_box;

use shmcount::{Release, Segment, Value};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let (what, count) = (arguments.next(), arguments.next());
    let count: u64 = count.and_then(|count| count.parse().ok()).expect("a count");
    let name = format!("instructions-{}", std::process::id());
    // Not as the kernel can: a simulated one may refuse what plain release needs.
    let options = Segment::options().release(Release::Exchange);
    let segment = options.create(&name).expect("a segment");
    let value: Value<i64> = segment.value("main", 0).expect("a number");
    let large: Value<[i64; 32]> = segment.value("large", [0; 32]).expect("numbers");
    let counter = segment.counter("counter").expect("a counter");
    segment.remove().expect("its own segment");
    match what.as_deref() {
        Some("add") => repeat(&value, count, |value| {
            let _ = black_box(value.fetch_add(1));
        }),
        Some("guard") => repeat(&value, count, |value| *value.lock().expect("a lock") += 1),
        Some("counter-add") => repeat(&counter, count, |counter| counter.add(1)),
        Some("writer-add") => repeat(&counter.writer(), count, |writer| writer.add(1)),
        Some("load") => repeat(&value, count, |value| {
            black_box(value.load());
        }),
        Some("load-large") => repeat(&large, count, |large| {
            black_box(large.load());
        }),
        Some("update-large") => repeat(&large, count, |large| {
            large.update(|numbers| numbers[7] += 1).expect("a lock");
        }),
        _ => panic!("usage: instructions WHAT COUNT, and WHAT is none of those above"),
    }
}

/// A function for each of them, so that what the compiler makes of one does not depend on the others.
#[inline(never)]
fn repeat<O>(object: &O, count: u64, act: impl Fn(&O)) {
    let object = black_box(object);
    (0..count).for_each(|_| act(object));
}
