//! Updates whose order counts: a deposit before the interest is worth more than one after it. A lock sees
//! to it that no update is lost, and not to their order: the balance differs from run to run. With turns
//! it is the same each time.
//!
//! ```sh
//! cargo run --example in_turn
//! ```

use std::env;
use std::error::Error;
use std::process::{Child, Command};
use std::thread;
use std::time::Duration;

use shmcount::Segment;

const WORKERS: u64 = 4;
const ROUNDS: u64 = 100;
const RUNS: usize = 3;
/// How many updates there were, and the balance in cents.
const LEDGER: [u64; 2] = [0, 1_000_000];

/// What each worker does to the balance.
fn update(worker: u64, balance: u64) -> u64 {
    match worker {
        0 => balance + 20_000,                      // a deposit
        1 => balance + balance / 200,               // interest
        2 => balance - balance.min(19_000),         // a withdrawal
        _ => balance - balance / 300 - balance % 2, // a fee
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[1..] {
        [way, segment, worker] => work(way, &Segment::open(segment)?, worker.parse()?),
        _ => {
            let once = in_order(1);
            let many = in_order(ROUNDS);
            show("lock", "a lock", None)?;
            show("turns", "turns", Some(many))?;
            show("fifo", "first come, first served", Some(once))
        }
    }
}

/// What one process alone makes of it.
fn in_order(rounds: u64) -> u64 {
    let workers = (0..rounds).flat_map(|_| 0..WORKERS);
    workers.fold(LEDGER[1], |balance, worker| update(worker, balance))
}

fn show(way: &str, what: &str, expected: Option<u64>) -> Result<(), Box<dyn Error>> {
    let name = format!("example-in-turn-{}", std::process::id());
    let mut balances = Vec::new();
    for _ in 0..RUNS {
        let segment = Segment::options().temporary().create(&name)?;
        let balance = run(way, &segment);
        segment.remove()?;
        balances.push(balance?);
    }
    println!("{what}: {balances:?}");
    match expected {
        Some(expected) if balances != [expected; RUNS] => {
            Err(format!("{what}: expected {expected} each time").into())
        }
        _ => Ok(()),
    }
}

fn run(way: &str, segment: &Segment) -> Result<u64, Box<dyn Error>> {
    let ledger = segment.value("ledger", LEDGER)?;
    let desk = segment.fifo_lock("desk")?;
    let start_now = segment.event("start")?;

    // While this process has the desk, the others queue up in the order in which they are started.
    let turn = desk.lock()?;
    let mut workers: Vec<Child> = Vec::new();
    for worker in 0..WORKERS {
        let arguments = [way, segment.name(), &worker.to_string()];
        workers.push(Command::new(env::current_exe()?).args(arguments).spawn()?);
        while way == "fifo" && desk.waiters().len() < workers.len() {
            thread::sleep(Duration::from_millis(1));
        }
    }
    drop(turn);
    start_now.set()?;

    for worker in &mut workers {
        if !worker.wait()?.success() {
            return Err("a worker failed".into());
        }
    }
    let [updates, balance] = ledger.load();
    let expected = if way == "fifo" { 1 } else { ROUNDS } * WORKERS;
    match updates == expected {
        true => Ok(balance),
        false => Err(format!("{updates} updates, expected {expected}").into()),
    }
}

fn work(way: &str, segment: &Segment, worker: u64) -> Result<(), Box<dyn Error>> {
    let ledger = segment.open_value::<[u64; 2]>("ledger")?;
    let post = || {
        ledger.update(|[updates, balance]| {
            *updates += 1;
            *balance = update(worker, *balance);
        })
    };
    match way {
        // Whoever gets the lock. No update is lost, and the order is luck.
        "lock" => {
            segment.event("start")?.wait()?;
            for _ in 0..ROUNDS {
                do_something_else();
                post()?;
            }
        }
        // The number of updates says whose turn it is. It and the balance change in one commit, so a
        // worker that is killed has had its turn or has it still, and another may take its place.
        "turns" => {
            for _ in 0..ROUNDS {
                do_something_else();
                let mine = |[updates, _]: &[u64; 2]| updates % WORKERS == worker;
                ledger
                    .wait_until(mine, Some(Duration::from_secs(60)))
                    .map_err(|error| error.to_string())?;
                post()?;
            }
        }
        // The order in which they came: as good as turns where that is the order that is wanted.
        _ => {
            let desk = segment.fifo_lock("desk")?;
            let _turn = desk.lock()?;
            post()?;
        }
    }
    Ok(())
}

/// What programs do between two updates, and nobody knows how long it takes.
fn do_something_else() {
    thread::sleep(Duration::from_micros(fastrand::u64(..100)));
}
