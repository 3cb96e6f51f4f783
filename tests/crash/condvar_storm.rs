//! Several wait for items, and one of them is killed just when another item comes: somebody else must
//! take it, though nobody notifies again.

use std::hint::spin_loop;
use std::time::{Duration, Instant};

use bytemuck::{Pod, Zeroable};
use fastrand::Rng;
use shmcount::{Condvar, Release, SegmentOptions, Value};

use super::process::{Child, patience};
use super::subject::fresh_name;

const WAITERS: usize = 4;
/// A waiter wakes, takes and sleeps again within that; the kill falls somewhere in it.
const WAKING: u64 = 200_000;

/// How many items were given, and how many have been taken.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
struct Store {
    given: u64,
    taken: u64,
}

/// Kills so many waiters.
pub fn storm(release: Release, kills: usize, seed: u64) -> Result<String, String> {
    let options = SegmentOptions::new().release(release);
    let segment = options.create(&fresh_name()).expect("a fresh segment");
    let store = segment.value("store", Store::zeroed());
    let store = store.expect("there is room");
    let more = segment.condvar("more").expect("there is room");
    // Forked processes have it mapped; nobody needs its name.
    segment.remove().expect("its own segment");
    let waiter = || {
        Child::start(|| {
            loop {
                take(&store, &more);
            }
        })
    };
    let mut random = Rng::with_seed(seed);
    let mut waiters: Vec<Child> = (0..WAITERS).map(|_| waiter()).collect();
    let (mut longest, mut untaken) = (Duration::ZERO, 0);
    for round in 1..=kills {
        // Now and then two at once, with a call for each.
        let items = random.u64(1..3);
        let given = give(&store, &more, items);
        let start = Instant::now();
        let until = Duration::from_nanos(random.u64(..WAKING));
        while start.elapsed() < until {
            spin_loop();
        }
        waiters.swap_remove(random.usize(..WAITERS)).kill();
        untaken += u64::from(store.load().taken < given);
        let is_taken = |store: &Store| store.taken == given;
        // Before another comes, which would look at the store without being woken.
        if store.wait_until(is_taken, Some(10 * patience())).is_err() {
            let store = store.load();
            return Err(format!(
                "{store:?} after {round} kills, seed {seed}: all sleep"
            ));
        }
        longest = longest.max(start.elapsed());
        waiters.push(waiter());
    }
    Ok(format!(
        "{kills} waiters killed, {untaken} of them before the item was taken; longest until it was \
         {:.1} ms; seed {seed}",
        longest.as_secs_f64() * 1e3,
    ))
}

fn take(store: &Value<Store>, more: &Condvar) {
    let guard = store.lock().expect("not held");
    let is_empty = |store: &Store| store.taken == store.given;
    let guard = more.wait_while(guard, is_empty);
    guard.expect("not held").taken += 1;
}

fn give(store: &Value<Store>, more: &Condvar, items: u64) -> u64 {
    let mut guard = store.lock().expect("not held");
    for _ in 0..items {
        guard.given += 1;
        more.notify_one().expect("not held");
    }
    guard.given
}
