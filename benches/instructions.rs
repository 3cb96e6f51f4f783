//! Does one thing a given number of times: what `scripts/instructions.sh` counts instructions of.
//!
//! `instructions WHAT COUNT SEGMENT`. The counts of two runs, subtracted, are free of all that comes before and
//! after. `instructions make SEGMENT [exchange]` makes the segment beforehand, for a simulated kernel may refuse what
//! its maker asks for; `instructions remove SEGMENT` removes it.

use std::hint::black_box;

use shmcount::sys::membarrier;
use shmcount::{Release, Segment, Value};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["make", name] => make(name, Release::Plain),
        ["make", name, "exchange"] => make(name, Release::Exchange),
        ["remove", name] => drop(Segment::remove_named(name).expect("it is there")),
        [what, count, name] => act(what, count.parse().expect("a count"), name),
        _ => panic!("usage: instructions WHAT COUNT SEGMENT"),
    }
}

fn make(name: &str, release: Release) {
    let options = Segment::options().release(release);
    options
        .create(name)
        .expect("this kernel can release like that");
}

fn act(what: &str, count: u64, name: &str) {
    let segment = Segment::open(name).expect("it was made");
    let counts_what_it_says = segment.release() == Release::Exchange || membarrier::register();
    assert!(
        counts_what_it_says,
        "refused membarrier, it releases by exchange"
    );
    let value: Value<i64> = segment.value("main", 0).expect("a number");
    let large: Value<[i64; 32]> = segment.value("large", [0; 32]).expect("numbers");
    let counter = segment.counter("counter").expect("a counter");
    match what {
        "add" => repeat(&value, count, |value| {
            let _ = black_box(value.fetch_add(1));
        }),
        "guard" => repeat(&value, count, |value| *value.lock().expect("a lock") += 1),
        "counter-add" => repeat(&counter, count, |counter| counter.add(1)),
        "writer-add" => repeat(&counter.writer(), count, |writer| writer.add(1)),
        "load" => repeat(&value, count, |value| {
            black_box(value.load());
        }),
        "load-large" => repeat(&large, count, |large| {
            black_box(large.load());
        }),
        "update-large" => repeat(&large, count, |large| {
            large.update(|numbers| numbers[7] += 1).expect("a lock");
        }),
        _ => panic!("{what} is none of the things there are"),
    }
}

/// A function for each of them, so that what the compiler makes of one does not depend on the others.
#[inline(never)]
fn repeat<O>(object: &O, count: u64, act: impl Fn(&O)) {
    let object = black_box(object);
    (0..count).for_each(|_| act(object));
}
