//! Several processes put items into a queue and several take them out; closing it ends those.
//!
//! ```sh
//! cargo run --example producer_consumer
//! ```

use std::env;
use std::error::Error;
use std::process::{Child, Command};

use shmcount::Segment;

const PRODUCERS: u32 = 3;
const CONSUMERS: u32 = 2;
const ITEMS: u32 = 20_000;
/// Fewer than there are items: producers wait when the consumers are slower.
const ROOM: u64 = 64;

/// The number of its producer, and its own.
type Item = [u32; 2];

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[1..] {
        ["producer", segment, number] => produce(segment, number.parse()?),
        ["consumer", segment, _] => consume(segment),
        _ => {
            let name = format!("example-producer-consumer-{}", std::process::id());
            let segment = Segment::options().temporary().create(&name)?;
            let run = run(&segment);
            segment.remove()?;
            run
        }
    }
}

fn run(segment: &Segment) -> Result<(), Box<dyn Error>> {
    let queue = segment.queue::<Item>("items", ROOM)?;
    let consumed = segment.value("consumed", [0u64; 2])?;
    let start = |role: &str, number: u32| {
        Command::new(env::current_exe()?)
            .args([role, segment.name(), &number.to_string()])
            .spawn()
    };
    let consumers = (0..CONSUMERS).map(|number| start("consumer", number));
    let consumers = consumers.collect::<Result<Vec<_>, _>>()?;
    let producers = (0..PRODUCERS).map(|number| start("producer", number));
    let producers = producers.collect::<Result<Vec<_>, _>>()?;

    let produced = wait_for(producers);
    // In any case: consumers take what is there, and are told then that nothing will come.
    queue.close()?;
    wait_for(consumers)?;
    produced?;

    let expected = [
        u64::from(PRODUCERS * ITEMS),
        u64::from(PRODUCERS) * (0..u64::from(ITEMS)).sum::<u64>(),
    ];
    let found = consumed.load();
    if found != expected || !queue.is_empty() {
        return Err(format!("number and sum of items: {found:?}, expected {expected:?}").into());
    }
    println!(
        "{} items from {PRODUCERS} producers, each consumed once",
        found[0]
    );
    Ok(())
}

fn wait_for(children: Vec<Child>) -> Result<(), Box<dyn Error>> {
    let mut all_succeeded = true;
    for mut child in children {
        all_succeeded &= child.wait()?.success();
    }
    match all_succeeded {
        true => Ok(()),
        false => Err("a producer or a consumer failed".into()),
    }
}

fn produce(segment: &str, producer: u32) -> Result<(), Box<dyn Error>> {
    let queue = Segment::open(segment)?.open_queue::<Item>("items")?;
    for number in 0..ITEMS {
        queue.push([producer, number])?; // sleeps while the queue is full
    }
    Ok(())
}

fn consume(segment: &str) -> Result<(), Box<dyn Error>> {
    let segment = Segment::open(segment)?;
    let queue = segment.open_queue::<Item>("items")?;
    let consumed = segment.open_value::<[u64; 2]>("consumed")?;

    let mut last = [None; PRODUCERS as usize];
    for [producer, number] in queue.iter() {
        // What one producer pushes comes out in its order.
        let before = last[producer as usize].replace(number);
        if before >= Some(number) {
            return Err(format!("{before:?} came before {number}").into());
        }
        consumed.update(|[items, sum]| {
            *items += 1;
            *sum += u64::from(number);
        })?;
    }
    Ok(())
}
