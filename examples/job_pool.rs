//! No more than so many jobs at once, and a job that is killed gives its permit back.
//!
//! ```sh
//! cargo run --example job_pool
//! ```

use std::env;
use std::error::Error;
use std::process::{Child, Command};
use std::thread;
use std::time::Duration;

use shmcount::Segment;

const PERMITS: u32 = 2;
const JOBS: u64 = 12;
const LONG: Duration = Duration::from_secs(60);

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[1..] {
        ["job", segment] => do_a_job(segment),
        ["hanging", segment] => hang(segment),
        _ => {
            let name = format!("example-job-pool-{}", std::process::id());
            let segment = Segment::options().temporary().create(&name)?;
            let run = run(&segment);
            segment.remove()?;
            run
        }
    }
}

fn run(segment: &Segment) -> Result<(), Box<dyn Error>> {
    let pool = segment.semaphore("pool", PERMITS)?;
    let hangs = segment.event("hangs")?;
    let running = segment.value("running", [0u64; 2])?;
    let done = segment.value("done", 0u64)?;

    // One job takes a permit and never gives it back.
    let mut hanging = start("hanging", segment)?;
    hangs.wait_timeout(LONG)?;

    // The others share what is left: so they go on, one at a time.
    let jobs = (0..JOBS).map(|_| start("job", segment));
    let jobs = jobs.collect::<Result<Vec<_>, _>>()?;
    done.wait_until(|done| *done >= JOBS / 3, Some(LONG))
        .map_err(|late| late.to_string())?;
    let [_, most_before] = running.load();

    // SIGKILL: nothing of its own runs, and the permit is free at once.
    hanging.kill()?;
    hanging.wait()?;
    for mut job in jobs {
        if !job.wait()?.success() {
            return Err("a job failed".into());
        }
    }

    let [left, most] = running.load();
    let is_right = left == 0
        && most_before < u64::from(PERMITS)
        && most <= u64::from(PERMITS)
        && done.load() == JOBS
        && pool.available() == PERMITS as usize;
    if !is_right {
        return Err(format!("at once {most_before}, then {most}; {pool:?}").into());
    }
    println!(
        "{JOBS} jobs done, {most_before} at once beside the one that hung, {most} after it was killed"
    );
    Ok(())
}

fn start(role: &str, segment: &Segment) -> std::io::Result<Child> {
    Command::new(env::current_exe()?)
        .args([role, segment.name()])
        .spawn()
}

/// A job: works while it has a permit, and counts who does so beside it.
fn do_a_job(segment: &str) -> Result<(), Box<dyn Error>> {
    let segment = Segment::open(segment)?;
    let pool = segment.semaphore("pool", PERMITS)?;
    let running = segment.open_value::<[u64; 2]>("running")?;

    let permit = pool.acquire_timeout(LONG)?;
    running.update(|[now, most]| {
        *now += 1;
        *most = (*most).max(*now);
    })?;
    thread::sleep(Duration::from_millis(10)); // the work
    running.update(|[now, _]| *now -= 1)?;
    drop(permit);

    segment.open_value::<u64>("done")?.fetch_add(1)?;
    Ok(())
}

/// A job that hangs with a permit in hand.
fn hang(segment: &str) -> Result<(), Box<dyn Error>> {
    let segment = Segment::open(segment)?;
    let pool = segment.semaphore("pool", PERMITS)?;
    let _permit = pool.acquire()?;
    segment.event("hangs")?.set()?;
    thread::sleep(LONG);
    Err("nobody killed it".into())
}
