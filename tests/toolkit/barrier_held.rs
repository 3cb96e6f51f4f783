//! What a barrier's waits promise while a process is stopped inside its state's lock, or in its places.

use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;
use shmcount::raw::watching::SECOND_LOOK_MS;
use shmcount::{Barrier, BarrierError, BrokenBy, LockError, Segment};

use crate::barrier::have_wait;
use crate::scribble::{LOCK, Target};
use crate::stage::{Act, Parent, Process, Scratch, Test, acts, tests};
use crate::{barrier, barrier_held};

pub const TESTS: &[Test] = tests![
    barrier_held::who_gives_up_while_one_is_stopped_inside_is_told_whom_it_waited_for,
    barrier_held::a_party_that_gives_up_while_one_is_stopped_inside_breaks_the_barrier,
    barrier_held::who_waits_for_a_place_is_told_that_one_is_left,
    barrier_held::who_gives_up_waiting_for_a_place_breaks_the_barrier,
];

pub const ACTS: &[Act] = acts![barrier_held::visit_once_asleep];

/// Long enough for the lock to be held when it is over.
const TIMEOUT: Duration = Duration::from_millis(500);
/// Longer than anything here takes, shorter than the watchdog.
const PATIENCE: Duration = Duration::from_secs(20);
const WAITERS: u32 = 0x8000_0000;
/// Where the slots of a barrier begin: behind the line, and two places of a state of 32 bytes.
const SLOTS: u64 = 128;
const SLOT: u64 = 64;

/// One waits without a timeout and `wait` with one, until that gives up while somebody is inside.
fn give_up(
    name: &str,
    by: BrokenBy,
    wait: impl FnOnce(&Barrier) -> Result<(), BarrierError> + Send,
) {
    let scratch = Scratch::new(name);
    let segment = Segment::create(scratch.name()).expect("the name is new");
    let barrier = segment.barrier("meeting", 3).expect("there is room");
    let mut inside = Process::start("condvar::sit", &[]);
    inside.expect("ready");
    let mut other = Process::start("barrier::visit", &[scratch.name(), "3"]);
    other.expect("ready");
    have_wait(&mut other);
    let target = Target::of(&scratch, "meeting");
    let given_up = thread::scope(|scope| {
        let waiter = scope.spawn(|| wait(&barrier));
        while barrier.waiting() < 2 {
            thread::yield_now();
        }
        // As if it had been stopped between taking the lock and releasing it.
        target.write_u32(LOCK, inside.id() | WAITERS);
        waiter.join().expect("it does not panic")
    });
    match given_up {
        Err(BarrierError::Lock(LockError::TimedOut { holder, .. })) => {
            assert_eq!(holder.pid, Some(inside.id()));
        }
        given_up => panic!("{given_up:?}"),
    }
    // It is not waited for, and all know, though nobody could commit it.
    assert_eq!((barrier.waiting(), barrier.broken_by()), (1, Some(by)));
    target.write_u32(LOCK, 0);
    let broken = BarrierError::Broken(by);
    assert_eq!(barrier.wait(), Err(broken.clone()));
    other.expect(&broken.to_string());
    assert_eq!(barrier.reset(), Ok(()));
    assert_eq!(barrier.broken_by(), None);
}

pub fn who_gives_up_while_one_is_stopped_inside_is_told_whom_it_waited_for() {
    let by = BrokenBy::Timeout(std::process::id());
    give_up("held", by, |barrier| {
        barrier.wait_timeout(TIMEOUT).map(|_| ())
    });
}

pub fn a_party_that_gives_up_while_one_is_stopped_inside_breaks_the_barrier() {
    // Of the party's thread, which ends then.
    let death = BrokenBy::Death(std::process::id());
    give_up("held-party", death, |barrier| {
        let party = barrier.join().expect("there is a seat");
        let given_up = party.wait_timeout(TIMEOUT).map(|_| ());
        // Its seat says so as long as it sits there, and the party is told itself.
        let by = BrokenBy::Timeout(std::process::id());
        assert_eq!(barrier.broken_by(), Some(by));
        std::mem::forget(party);
        given_up
    });
}

/// Of the four places of a barrier of two parties three are taken for ever. In the last one somebody is stopped when all
/// had come; who comes next waits for it, and has no second look that would help.
pub fn who_waits_for_a_place_is_told_that_one_is_left() {
    let scratch = Scratch::new("places");
    let segment = Segment::create(scratch.name()).expect("the name is new");
    let barrier = segment.barrier("meeting", 2).expect("there is room");
    let party = barrier.join().expect("there is a seat");
    let target = Target::of(&scratch, "meeting");
    for slot in 2..5 {
        target.write_u32(SLOTS + slot * SLOT, std::process::id() | WAITERS);
    }
    let [mut first, mut next] = ["barrier::visit", "barrier_held::visit_once_asleep"]
        .map(|act| Process::start(act, &[scratch.name(), "2"]));
    first.expect("ready");
    next.expect("ready");
    have_wait(&mut first);
    first.stop();
    assert_eq!(party.wait().map(|met| met.generation()), Ok(0));
    have_wait(&mut next);
    first.signal(Signal::SIGCONT);
    first.expect("met 0");
    let met = party.wait_timeout(PATIENCE).map(|met| met.generation());
    assert_eq!(met, Ok(1));
    next.expect("met 1");
}

/// All places are taken, as if everybody had been stopped on the way out.
pub fn who_gives_up_waiting_for_a_place_breaks_the_barrier() {
    let scratch = Scratch::new("no-places");
    let segment = Segment::create(scratch.name()).expect("the name is new");
    let barrier = segment.barrier("meeting", 1).expect("there is room");
    let target = Target::of(&scratch, "meeting");
    for slot in 1..3 {
        target.write_u32(SLOTS + slot * SLOT, std::process::id() | WAITERS);
    }
    let given_up = barrier.wait_timeout(Duration::from_millis(20));
    assert!(
        matches!(given_up, Err(BarrierError::TimedOut { arrived: 0, .. })),
        "{given_up:?}"
    );
    let by = BrokenBy::Timeout(std::process::id());
    assert_eq!(barrier.broken_by(), Some(by));
}

/// As `barrier::visit`, without a second look.
pub fn visit_once_asleep(parent: Parent) {
    SECOND_LOOK_MS.store(3_600_000, Relaxed);
    barrier::visit(parent);
}
