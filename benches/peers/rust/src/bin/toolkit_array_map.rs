//! Ours: adds to one of 100 elements of an `array` after the other, through a `guard` of it, or to
//! one of 100 keys of a `map`.

use std::process::ExitCode;

use shmcount::Segment;
use shmcount_peers::Task;

const PLACES: usize = 100;

fn main() -> ExitCode {
    let task = Task::from_arguments();
    let name = format!("bench-peer-{}", std::process::id());
    let segment = Segment::create(&name).expect("a segment");
    let array = segment.array("array", PLACES, 0i64).expect("an array");
    let map = segment.map::<i64>("map", PLACES, 16).expect("a map");
    // Forked processes have it mapped; nobody needs its name.
    segment.remove().expect("its own segment");
    let keys: Vec<String> = (0..PLACES).map(|place| format!("key-{place}")).collect();
    let mut place = 0;
    let mut next = || {
        place = (place + 1) % PLACES;
        place
    };
    let in_array = || array.snapshot().iter().sum();
    match task.kind.as_deref() {
        Some("guard") => task.carry_out(
            || {
                let mut guard = array.lock().expect("a lock");
                guard.update(next(), |element| *element += 1);
            },
            in_array,
        ),
        Some("map") => task.carry_out(
            || {
                map.fetch_add(&keys[next()], 1).expect("an add");
            },
            || map.snapshot().iter().map(|(_, value)| value).sum(),
        ),
        _ => task.carry_out(
            || {
                array.fetch_add(next(), 1).expect("an add");
            },
            in_array,
        ),
    }
}
