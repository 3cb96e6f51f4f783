//! Maps a function over many inputs in several processes: a number hands out the work, an array takes the
//! results, a counter tells how far they are. One of them is killed, and its input is done again.
//!
//! ```sh
//! cargo run --example parallel_map
//! ```

use std::env;
use std::error::Error;
use std::process::{Child, Command};
use std::thread;
use std::time::Duration;

use shmcount::{Array, Segment, SegmentOptions};

const INPUTS: usize = 200_000;
const WORKERS: usize = 4;
/// In the place of a result that is not there. No input has it.
const MISSING: u64 = u64::MAX;

fn main() -> Result<(), Box<dyn Error>> {
    match env::args().collect::<Vec<_>>().as_slice() {
        [_, segment] => work(segment),
        _ => {
            let name = format!("example-parallel-map-{}", std::process::id());
            // An element of an array takes three words, two of them for its journal.
            let room = SegmentOptions::DEFAULT_CAPACITY + INPUTS * 3 * size_of::<u64>();
            let segment = Segment::options().temporary().capacity(room);
            let segment = segment.create(&name)?;
            let run = run(&segment);
            segment.remove()?;
            run
        }
    }
}

/// How many steps it takes from a number to 1, halving the even and tripling the odd.
fn steps(input: usize) -> u64 {
    let mut number = input as u64 + 1;
    let mut steps = 0;
    while number != 1 {
        number = match number.is_multiple_of(2) {
            true => number / 2,
            false => 3 * number + 1,
        };
        steps += 1;
    }
    steps
}

fn run(segment: &Segment) -> Result<(), Box<dyn Error>> {
    let next = segment.value("next", 0u64)?;
    let results = segment.array("results", INPUTS, MISSING)?;
    let progress = segment.counter("progress")?;

    let workers = (0..WORKERS).map(|_| start(segment));
    let mut workers = workers.collect::<Result<Vec<_>, _>>()?;
    next.wait_until(|next| *next >= INPUTS as u64 / 4, None)
        .map_err(|error| error.to_string())?;
    workers[0].kill()?;
    while !all_ended(&mut workers)? {
        eprintln!("{} of {INPUTS}", progress.sum());
        thread::sleep(Duration::from_millis(20));
    }

    // Who was killed between taking its input and storing its result has left a gap: one at most.
    let gaps = fill_gaps(&results)?;
    let is_right = (results.snapshot().into_iter())
        .enumerate()
        .all(|(input, result)| result == steps(input));
    // It may have stored its result and not counted it.
    let counted = progress.sum() as usize + gaps;
    if !is_right || gaps > 1 || !(INPUTS - 1..=INPUTS).contains(&counted) {
        return Err(format!("{gaps} gaps, {counted} counted, all right: {is_right}").into());
    }
    println!("{INPUTS} results, all right; {gaps} done again after a worker was killed");
    Ok(())
}

fn start(segment: &Segment) -> std::io::Result<Child> {
    Command::new(env::current_exe()?)
        .arg(segment.name())
        .spawn()
}

fn all_ended(workers: &mut Vec<Child>) -> std::io::Result<bool> {
    for worker in workers {
        if worker.try_wait()?.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}

fn fill_gaps(results: &Array<u64>) -> Result<usize, Box<dyn Error>> {
    let mut gaps = 0;
    for (input, result) in results.snapshot().into_iter().enumerate() {
        if result == MISSING {
            results.store(input, steps(input))?;
            gaps += 1;
        }
    }
    Ok(gaps)
}

fn work(segment: &str) -> Result<(), Box<dyn Error>> {
    let segment = Segment::open(segment)?;
    let next = segment.open_value::<u64>("next")?;
    let results = segment.open_array("results")?;
    let progress = segment.counter("progress")?;
    loop {
        let input = next.fetch_add(1)? as usize;
        if input >= INPUTS {
            return Ok(());
        }
        results.store(input, steps(input))?;
        progress.increment();
    }
}
