//! The same small storm on everybody's lock and two numbers, ours and the peers': what comes of it
//! is measured, not judged.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;
use shmcount::{Release, Value};

use super::peers::{Maker, Peer};
use super::process::{Child, expect_to_hang, patience};
use super::scenario::{SAY, Test};
use super::shared::Shared;
use super::storm::kills;
use super::subject::Staged;

/// What came of a small storm on one lock and two numbers.
#[derive(Clone, Copy, Debug, Default)]
struct Losses {
    kills: usize,
    /// How often everybody stood still until the lock was made anew.
    stuck: usize,
    /// How often somebody found the two numbers unequal.
    torn: u64,
    operations: u64,
}

/// Kills random ones of eight processes that call `change`, which tells whether it found the two
/// numbers equal.
fn small_storm<S>(make: impl Fn() -> S, change: fn(&S) -> bool, kills: usize) -> Losses {
    const WORKERS: usize = 8;
    let counts = Shared::new([AtomicU64::new(0), AtomicU64::new(0)]);
    let [operations, torn] = &*counts;
    let work = |subject: &S| -> ! {
        loop {
            if !change(subject) {
                torn.fetch_add(1, SeqCst);
            }
            operations.fetch_add(1, SeqCst);
        }
    };
    let mut losses = Losses::default();
    let mut random = Rng::new();
    while losses.kills < kills {
        let subject = make();
        let mut workers: Vec<Child> = (0..WORKERS)
            .map(|_| Child::start(|| work(&subject)))
            .collect();
        let mut last = (operations.load(SeqCst), Instant::now());
        while losses.kills < kills {
            // Not to wait for anything: any moment is as good as another.
            thread::sleep(Duration::from_micros(random.u64(..1_500)));
            let done = operations.load(SeqCst);
            if done != last.0 {
                last = (done, Instant::now());
            } else if last.1.elapsed() > patience() {
                losses.stuck += 1;
                break;
            } else if last.1.elapsed() > patience() / 10 {
                // Standing still, it seems: another kill would only wake somebody by chance.
                continue;
            }
            workers.swap_remove(random.usize(..WORKERS)).kill();
            workers.push(Child::start(|| work(&subject)));
            losses.kills += 1;
        }
    }
    losses.operations = operations.load(SeqCst);
    losses.torn = torn.load(SeqCst);
    losses
}

/// Returns the tests, which run on demand.
pub fn tests() -> [Test; 3] {
    fn measured(name: &'static str, storm: fn(usize) -> Losses) -> Test {
        Test {
            name: format!("measured::small_storm::{name}"),
            is_ignored: true,
            play: Box::new(move || {
                expect_to_hang();
                let Losses {
                    kills,
                    stuck,
                    torn,
                    operations,
                } = storm(kills());
                println!(
                    "{SAY}small storm, {name}: {kills} kills, {operations} operations, \
                     {stuck} times stuck, {torn} times torn"
                );
                Ok(())
            }),
        }
    }
    fn change(peer: &Peer) -> bool {
        peer.change(sometimes_yield)
    }
    [
        measured("shmcount", |kills| {
            let make = || Staged::new(Release::Plain, [0u64; 2], |_| ());
            small_storm(make, |pair| change_pair(&pair.value), kills)
        }),
        measured("pthread robust", |kills| {
            small_storm(|| Peer::new(Maker::PthreadRobust), change, kills)
        }),
        measured("raw_sync", |kills| {
            small_storm(|| Peer::new(Maker::RawSync), change, kills)
        }),
    ]
}

fn change_pair(pair: &Value<[u64; 2]>) -> bool {
    let mut pair = pair.lock().expect("not held");
    let is_equal = pair[0] == pair[1];
    pair[0] += 1;
    sometimes_yield();
    pair[1] += 1;
    is_equal
}

/// In the middle of one change in sixteen: so that holders are killed, and not only between.
fn sometimes_yield() {
    if fastrand::u32(..16) == 0 {
        std::thread::yield_now();
    }
}
