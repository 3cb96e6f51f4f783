//! Transfers between accounts that processes share, while the processes are killed: no money is lost,
//! and none is made.
//!
//! ```sh
//! cargo run --example bank
//! ```

use std::env;
use std::error::Error;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command};
use std::thread;
use std::time::Duration;

use shmcount::{Array, Segment};

const ACCOUNTS: usize = 16;
const IN_EACH: i64 = 1_000;
const WORKERS: usize = 4;
const TRANSFERS: usize = 500_000;
const KILLS: usize = 40;

fn main() -> Result<(), Box<dyn Error>> {
    match env::args().collect::<Vec<_>>().as_slice() {
        [_, segment] => transfer(segment),
        _ => {
            let name = format!("example-bank-{}", std::process::id());
            let segment = Segment::options().temporary().create(&name)?;
            let opened = open_the_bank(&segment);
            segment.remove()?;
            opened
        }
    }
}

/// Has workers transfer, and looks at the sum all the time.
fn open_the_bank(segment: &Segment) -> Result<(), Box<dyn Error>> {
    let accounts = segment.array("accounts", ACCOUNTS, IN_EACH)?;
    let workers = (0..WORKERS).map(|_| start(segment));
    let mut workers = workers.collect::<Result<Vec<_>, _>>()?;

    let killed = kill_some(segment, &accounts, &mut workers);
    for worker in &mut workers {
        if killed.is_err() {
            worker.kill()?;
        }
        if !worker.wait()?.success() && killed.is_ok() {
            return Err("a worker failed".into());
        }
    }
    let killed = killed?;
    check(&accounts)?;

    println!(
        "{} in {ACCOUNTS} accounts, as before; {killed} workers killed, {} with the lock in hand",
        accounts.snapshot().iter().sum::<i64>(),
        accounts.recoveries()
    );
    Ok(())
}

/// Kills one worker after the other, and starts another in its place.
fn kill_some(
    segment: &Segment,
    accounts: &Array<i64>,
    workers: &mut [Child],
) -> Result<usize, Box<dyn Error>> {
    let mut killed = 0;
    for kill in 0..KILLS {
        thread::sleep(Duration::from_millis(5));
        let worker = &mut workers[kill % WORKERS];
        worker.kill()?; // SIGKILL: whatever it was doing, it does not finish it.
        killed += usize::from(worker.wait()?.signal().is_some());
        *worker = start(segment)?;
        // A snapshot takes no lock, and is all of one commit.
        check(accounts)?;
    }
    Ok(killed)
}

fn start(segment: &Segment) -> std::io::Result<Child> {
    Command::new(env::current_exe()?)
        .arg(segment.name())
        .spawn()
}

fn check(accounts: &Array<i64>) -> Result<(), Box<dyn Error>> {
    let balances = accounts.snapshot();
    let sum: i64 = balances.iter().sum();
    if sum != ACCOUNTS as i64 * IN_EACH || balances.iter().any(|balance| *balance < 0) {
        return Err(format!("{sum} in the accounts {balances:?}").into());
    }
    Ok(())
}

/// A worker: moves random amounts from one account to another.
fn transfer(segment: &str) -> Result<(), Box<dyn Error>> {
    let accounts = Segment::open(segment)?.open_array::<i64>("accounts")?;
    for _ in 0..TRANSFERS {
        let (from, to) = (fastrand::usize(..ACCOUNTS), fastrand::usize(..ACCOUNTS));
        let amount = fastrand::i64(1..=100);

        let mut all = accounts.lock()?;
        if all.get(from) >= amount {
            all.update(from, |balance| *balance -= amount);
            all.update(to, |balance| *balance += amount);
        }
        // Dropping the guard commits both changes in one store. Killed before that, neither happened.
    }
    Ok(())
}
