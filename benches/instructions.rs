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
    segment.remove().expect("its own segment");
    let repeat = |act: &dyn Fn()| (0..count).for_each(|_| act());
    match what.as_deref() {
        Some("add") => repeat(&|| {
            let _ = black_box(value.fetch_add(1));
        }),
        Some("guard") => repeat(&|| *value.lock().expect("a lock") += 1),
        Some("load") => repeat(&|| {
            black_box(value.load());
        }),
        Some("load-large") => repeat(&|| {
            black_box(large.load());
        }),
        Some("update-large") => {
            repeat(&|| large.update(|numbers| numbers[7] += 1).expect("a lock"))
        }
        _ => panic!("usage: instructions add|guard|load|load-large|update-large COUNT"),
    }
}
