//! The FIFO lock: who gets it next, whatever becomes of those who wait.

use std::cell::Cell;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal as Unix, kill};
use nix::unistd::Pid;
use shmcount::{FifoLock, FifoLockGuard, LockError, Segment, Value};

use crate::process::{Process, wait_to_be_killed};
use crate::signal::Signal;
use crate::stage::{in_every_way, on_a_segment};

/// Who had the lock, in order.
type Order = [u8; 16];

/// A lock and a note of who had it.
struct Ring {
    lock: FifoLock,
    order: Value<Order>,
    started: Cell<u8>,
}

impl Ring {
    fn new(segment: &Segment) -> Self {
        Self {
            lock: segment.fifo_lock("gate").unwrap(),
            order: segment.value("order", Order::default()).unwrap(),
            started: Cell::new(0),
        }
    }

    /// Notes that somebody has the lock.
    fn note(&self, who: u8) {
        let noted = self.order.update(|order| {
            let end = order.iter().position(|who| *who == 0).unwrap();
            order[end] = who;
        });
        noted.unwrap();
    }

    /// Starts a process that waits in line before this returns. The first is 1.
    fn waiter(
        &self,
        ask: impl FnOnce(&FifoLock) -> Result<FifoLockGuard<'_>, LockError>,
    ) -> Process {
        let who = self.started.get() + 1;
        self.started.set(who);
        let ahead = self.lock.waiters().len();
        let process = Process::start(|| {
            if let Ok(_turn) = ask(&self.lock) {
                self.note(who);
            }
        });
        while self.lock.waiters().len() == ahead {
            thread::yield_now();
        }
        process
    }

    fn had_it(&self) -> Vec<u8> {
        let order = self.order.load().into_iter();
        order.take_while(|who| *who != 0).collect()
    }
}

fn all_end_well(processes: impl IntoIterator<Item = Process>) {
    assert!(processes.into_iter().all(Process::succeeded));
}

fn asks(lock: &FifoLock) -> Result<FifoLockGuard<'_>, LockError> {
    lock.lock()
}

#[test]
fn turns_are_granted_in_the_order_of_asking() {
    in_every_way(|segment| {
        let ring = Ring::new(segment);
        let turn = ring.lock.lock().unwrap();
        let waiters: Vec<_> = (0..9).map(|_| ring.waiter(asks)).collect();
        assert_eq!(ring.lock.waiters().len(), 9);
        drop(turn);
        all_end_well(waiters);
        assert_eq!(ring.had_it(), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    });
}

#[test]
fn waiters_are_told_in_order_and_the_holder_by_name() {
    on_a_segment(|segment| {
        let ring = Ring::new(segment);
        let turn = ring.lock.lock().unwrap();
        let own = Some(std::process::id());
        let mut waiters = Vec::new();
        for count in 1..=4 {
            waiters.push(ring.waiter(asks));
            let line = ring.lock.waiters();
            assert_eq!(line.len(), count);
            let pids: Vec<_> = line.iter().map(|waiter| waiter.pid.unwrap()).collect();
            assert!(
                pids.is_sorted() || pids.contains(&1),
                "children are numbered upwards: {pids:?}"
            );
            assert_eq!(ring.lock.holder().unwrap().pid, own);
        }
        drop(turn);
        all_end_well(waiters);
        assert_eq!((ring.lock.holder(), ring.lock.waiters().len()), (None, 0));
    });
}

#[test]
fn who_dies_or_gives_up_is_passed_over() {
    in_every_way(|segment| {
        let ring = Ring::new(segment);
        let turn = ring.lock.lock().unwrap();
        let first = ring.waiter(asks);
        let killed = ring.waiter(asks);
        let third = ring.waiter(asks);
        let hasty = ring.waiter(|lock| lock.lock_timeout(Duration::from_millis(50)));
        let fifth = ring.waiter(asks);
        killed.kill();
        assert!(hasty.succeeded());
        assert_eq!(ring.lock.waiters().len(), 3);
        drop(turn);
        all_end_well([first, third, fifth]);
        assert_eq!(ring.had_it(), [1, 3, 5]);
    });
}

#[test]
fn the_next_in_line_is_told_of_a_dead_holder_and_nobody_of_a_dead_waiter() {
    in_every_way(|segment| {
        let ring = Ring::new(segment);
        let signal = Signal::new();
        let holder = Process::start(|| {
            let _turn = ring.lock.lock().unwrap();
            signal.send(1);
            wait_to_be_killed();
        });
        signal.receive();
        let told = |lock: &FifoLock| {
            let turn = lock.lock().unwrap();
            signal.send(u8::from(turn.owner_died()));
        };
        let killed = ring.waiter(asks);
        let ahead = ring.lock.waiters().len();
        let next = Process::start(|| told(&ring.lock));
        while ring.lock.waiters().len() == ahead {
            thread::yield_now();
        }
        killed.kill();
        assert!(!signal.is_pending());
        holder.kill();
        assert_eq!(signal.receive(), 1);
        assert!(next.succeeded());
        assert!(!ring.lock.lock().unwrap().owner_died(), "it is told once");
        assert_eq!(ring.lock.recoveries(), 1);
    });
}

#[test]
fn neither_a_stopped_holder_nor_a_stopped_waiter_is_robbed() {
    on_a_segment(|segment| {
        let ring = Ring::new(segment);
        let turn = ring.lock.lock().unwrap();
        let stopped = ring.waiter(asks);
        let pid = ring.lock.waiters()[0].pid.unwrap();
        let signal = |signal| kill(Pid::from_raw(pid as i32), signal).unwrap();
        signal(Unix::SIGSTOP);
        drop(turn);
        // It has not seen its turn, and has it.
        let before = Instant::now();
        let timeout = Duration::from_millis(50);
        match ring.lock.lock_timeout(timeout) {
            Err(LockError::TimedOut { holder, .. }) => assert_eq!(holder.pid, Some(pid)),
            other => panic!("{other:?}"),
        }
        assert!(before.elapsed() >= timeout);
        match ring.lock.try_lock() {
            Err(LockError::WouldBlock(holder)) => assert_eq!(holder.pid, Some(pid)),
            other => panic!("{other:?}"),
        }
        assert_eq!(ring.had_it(), [0; 0]);
        signal(Unix::SIGCONT);
        assert!(stopped.succeeded());
        drop(ring.lock.lock().unwrap());
        assert_eq!(ring.had_it(), [1]);
    });
}

#[test]
fn a_thread_that_takes_it_twice_is_refused_though_others_wait() {
    on_a_segment(|segment| {
        let ring = Ring::new(segment);
        let turn = ring.lock.lock().unwrap();
        let waiter = ring.waiter(asks);
        let again = Segment::open(segment.name()).unwrap();
        let again = again.fifo_lock("gate").unwrap();
        for lock in [&ring.lock, &again] {
            assert_eq!(lock.lock().unwrap_err(), LockError::HeldByCaller);
            assert_eq!(lock.try_lock().unwrap_err(), LockError::HeldByCaller);
        }
        drop(turn);
        assert!(waiter.succeeded());
        drop(again.try_lock().unwrap());
    });
}

#[test]
fn who_finds_no_place_waits_for_one() {
    in_every_way(|segment| {
        let lock = segment.fifo_lock_with_places("narrow", 2).unwrap();
        assert_eq!(lock.places(), 2);
        let turn = lock.lock().unwrap();
        let start = || Process::start(|| drop(lock.lock().unwrap()));
        let waiters: Vec<_> = (0..4).map(|_| start()).collect();
        while lock.waiters().is_empty() {
            thread::yield_now();
        }
        waiters.iter().for_each(Process::wait_until_asleep);
        drop(turn);
        all_end_well(waiters);
        drop(lock.lock().unwrap());
    });
}

#[test]
fn a_lock_is_opened_with_as_many_places_as_it_has() {
    on_a_segment(|segment| {
        let lock = segment.fifo_lock_with_places("narrow", 3).unwrap();
        assert_eq!(segment.fifo_lock("narrow").unwrap().places(), 3);
        assert!(segment.fifo_lock_with_places("narrow", 4).is_err());
        assert!(segment.fifo_lock_with_places("none", 0).is_err());
        assert!(segment.counter("narrow").is_err());
        drop(lock);
    });
}

#[test]
fn a_guard_that_a_fork_copied_does_nothing_in_the_child() {
    on_a_segment(|segment| {
        let lock = segment.fifo_lock("gate").unwrap();
        let mut turn = Some(lock.lock().unwrap());
        let child = Process::start(|| {
            drop(turn.take());
            assert!(matches!(lock.try_lock(), Err(LockError::WouldBlock(_))));
        });
        assert!(child.succeeded());
        assert_eq!(lock.holder().unwrap().pid, Some(std::process::id()));
        drop(turn);
        assert_eq!(lock.holder(), None);
    });
}

#[test]
fn a_forgotten_guard_holds_the_lock_until_its_thread_ends() {
    on_a_segment(|segment| {
        let name = segment.name().to_owned();
        let (held, go) = (Signal::new(), Signal::new());
        let lock = segment.fifo_lock("gate").unwrap();
        thread::scope(|scope| {
            scope.spawn(|| {
                let segment = Segment::open(&name).unwrap();
                std::mem::forget(segment.fifo_lock("gate").unwrap().lock().unwrap());
                drop(segment);
                held.send(1);
                go.receive();
            });
            held.receive();
            assert!(matches!(lock.try_lock(), Err(LockError::WouldBlock(_))));
            go.send(1);
            assert!(lock.lock().unwrap().owner_died());
        });
    });
}

/// The inside of the lock: words that only one at a time may change.
type Witness = [u64; 2];

/// Raises the witness ten times and brings it back, with the processor given up on the way.
fn witness_alone(inside: &Value<Witness>, turn: &FifoLockGuard<'_>, linger: bool) {
    let words = inside.load();
    assert!(
        turn.owner_died() || words[0] == 0,
        "somebody else is inside"
    );
    for raised in 1..=10 {
        inside.store([raised, words[1]]).unwrap();
        if linger && raised == 5 {
            thread::yield_now();
        }
        assert_eq!(inside.load(), [raised, words[1]], "somebody else came in");
    }
    inside.store([0, words[1] + 1]).unwrap();
}

#[test]
fn holders_are_alone_and_turns_are_lost_to_nobody() {
    in_every_way(|segment| {
        // Few places, so that the same threads come back to the same slots.
        for (places, threads) in [(2, 1), (3, 2), (64, 2)] {
            let lock = segment.fifo_lock_with_places(&format!("gate-{places}"), places);
            let lock = lock.unwrap();
            let inside = segment.value(&format!("inside-{places}"), Witness::default());
            let inside = inside.unwrap();
            let work = || {
                for turn in 0..400 {
                    witness_alone(&inside, &lock.lock().unwrap(), turn % 16 == 0);
                }
            };
            let start = || {
                Process::start(|| {
                    thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
                })
            };
            all_end_well([start(), start(), start()]);
            assert_eq!(inside.load(), [0, 3 * threads * 400]);
        }
    });
}

#[test]
fn a_storm_of_kills_stops_nobody_and_lets_no_two_in() {
    const KILLS: usize = 150;
    const WORKERS: usize = 6;
    in_every_way(|segment| {
        let lock = segment.fifo_lock_with_places("gate", 5).unwrap();
        let inside = segment.value("inside", Witness::default()).unwrap();
        let failed = segment.value("failed", 0u64).unwrap();
        let work = || {
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                loop {
                    let turn = match fastrand::u32(..8) {
                        0 => lock.lock_timeout(Duration::from_micros(fastrand::u64(..300))),
                        1 => lock.try_lock(),
                        _ => lock.lock(),
                    };
                    if let Ok(turn) = turn {
                        witness_alone(&inside, &turn, fastrand::u32(..16) == 0);
                    }
                }
            }));
            failed.store(1).unwrap();
            std::panic::resume_unwind(outcome.unwrap_err());
        };
        let start = || {
            Process::start(|| {
                fastrand::seed(u64::from(std::process::id()));
                work()
            })
        };
        let mut workers: Vec<_> = (0..WORKERS).map(|_| start()).collect();
        for _ in 0..KILLS {
            let before = inside.load()[1];
            workers.swap_remove(fastrand::usize(..WORKERS)).kill();
            workers.push(start());
            // The turns go on. If they do not, nothing but the watchdog ends this.
            while inside.load()[1] < before + fastrand::u64(1..40) {
                assert_eq!(failed.load(), 0);
                thread::yield_now();
            }
        }
        workers.into_iter().for_each(Process::kill);
        assert_eq!(failed.load(), 0);
        let turn = lock.lock().unwrap();
        assert!(turn.owner_died() || inside.load()[0] == 0);
        assert!(lock.waiters().is_empty());
        println!(
            "{KILLS} kills, {} turns, {} deaths inside",
            inside.load()[1],
            lock.recoveries()
        );
    });
}
