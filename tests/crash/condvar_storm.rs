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

/// How many pauses of 10 to 40 ns a waiter that was woken needs to take an item: finding out who has the
/// lock, to kill it, takes some 50 µs.
const HOLDING: u32 = 10_000;

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
    let mut longest = Duration::ZERO;
    for round in 1..=kills {
        // Now and then two at once, with a call for each.
        let items = random.u64(1..3);
        let given = give(&store, &more, items);
        let start = Instant::now();
        // Half of them one that has the lock in hand, if there is one; the others any, at any moment.
        let is_aimed = random.bool();
        let until = Duration::from_nanos(random.u64(..WAKING));
        let mut which = random.usize(..WAITERS);
        while match is_aimed {
            true => store.load().taken < given && start.elapsed() < patience(),
            false => start.elapsed() < until,
        } {
            let holder = is_aimed.then(|| store.holder()).flatten();
            let pid = holder.map(|holder| holder.tid as i32);
            let aimed = waiters
                .iter()
                .position(|waiter| Some(waiter.pid().as_raw()) == pid);
            if let Some(aimed) = aimed {
                which = aimed;
                break;
            }
            spin_loop();
        }
        waiters.swap_remove(which).kill();
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
        "{kills} waiters killed, {} of them with the lock in hand; longest until an item was taken \
         {:.1} ms; seed {seed}",
        store.recoveries(),
        longest.as_secs_f64() * 1e3,
    ))
}

fn take(store: &Value<Store>, more: &Condvar) {
    let guard = store.lock().expect("not held");
    let is_empty = |store: &Store| store.taken == store.given;
    let mut guard = more.wait_while(guard, is_empty).expect("not held");
    // Long enough to be killed there: called, with the lock in hand and nothing done yet.
    (0..HOLDING).for_each(|_| spin_loop());
    guard.taken += 1;
}

fn give(store: &Value<Store>, more: &Condvar, items: u64) -> u64 {
    let mut guard = store.lock().expect("not held");
    for _ in 0..items {
        guard.given += 1;
        more.notify_one().expect("not held");
    }
    guard.given
}
