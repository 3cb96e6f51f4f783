//! One suite for all: every total is exact and nobody meets anybody inside.

use std::thread;

use shmcount::contender::{
    Flock, ForeignLock, Futex, Ofd, PosixSem, Pthread, PthreadRobust, RawSync,
};

use crate::arena::Arena;
use crate::broken::Broken;
use crate::process::Process;
use crate::robust::{ByExchange, ByPlainStore};
use crate::signal::Signal;
use crate::watchdog::watched;

/// Every so many adds a thread gives up its processor inside the lock: so the
/// others meet it taken, also on a machine with one processor, and most adds
/// still meet it as it comes.
const LINGER_EVERY: u32 = 16;

/// Who adds, and how often each.
struct Crowd {
    processes: u32,
    threads: u32,
    adds: u32,
}

const PROCESSES: Crowd = Crowd {
    processes: 4,
    threads: 1,
    adds: 2000,
};
/// Fewer adds, for as many in all.
const THREADS_OF_PROCESSES: Crowd = Crowd {
    processes: 2,
    threads: 4,
    adds: 1000,
};

impl Crowd {
    fn adds_in_all(&self) -> i64 {
        i64::from(self.processes) * i64::from(self.threads) * i64::from(self.adds)
    }

    /// Adds with everybody at once; whether all were alone inside.
    fn add_alone<L: ForeignLock>(&self, arena: &Arena) -> bool {
        let go = Signal::new();
        let start = || Process::start(|| self.add_in_one_process::<L>(arena, &go));
        let processes: Vec<_> = (0..self.processes).map(|_| start()).collect();
        (0..self.processes).for_each(|_| go.send(0));
        // No short cut: all are to be reaped.
        processes
            .into_iter()
            .fold(true, |all, process| process.succeeded() & all)
    }

    /// All threads of the process share one handle.
    fn add_in_one_process<L: ForeignLock>(&self, arena: &Arena, go: &Signal) {
        let total = arena.exclusive::<L>();
        let counters = arena.counters();
        go.receive();
        let add_all = || {
            for add in 0..self.adds {
                let linger = || {
                    if add % LINGER_EVERY == 0 {
                        thread::yield_now();
                    }
                };
                total.add(1, |_| counters.witness_alone(linger)).unwrap();
            }
        };
        if self.threads == 1 {
            return add_all();
        }
        thread::scope(|scope| (0..self.threads).for_each(|_| drop(scope.spawn(add_all))));
    }
}

fn counts_exactly<L: ForeignLock>(crowd: &Crowd) {
    watched(|| {
        let arena = Arena::with::<L>();
        assert!(crowd.add_alone::<L>(&arena));
        assert_eq!(arena.total(), crowd.adds_in_all());
    });
}

macro_rules! conforms {
    ($($name:ident: $lock:ty,)*) => {$(
        mod $name {
            use super::*;

            #[test]
            fn total_is_exact_and_holders_are_alone_with_four_processes() {
                counts_exactly::<$lock>(&PROCESSES);
            }

            #[test]
            fn total_is_exact_and_holders_are_alone_with_threads_of_processes() {
                counts_exactly::<$lock>(&THREADS_OF_PROCESSES);
            }
        }
    )*};
}

conforms! {
    robust_by_exchange: ByExchange,
    robust_by_plain_store: ByPlainStore,
    raw_sync: RawSync,
    pthread: Pthread,
    pthread_robust: PthreadRobust,
    posix_sem: PosixSem,
    futex: Futex,
    flock: Flock,
    ofd: Ofd,
}

#[test]
fn witness_catches_a_broken_lock() {
    watched(|| {
        let arena = Arena::with::<Broken>();
        assert!(!PROCESSES.add_alone::<Broken>(&arena));
    });
}

#[test]
fn witness_catches_a_broken_lock_between_threads() {
    watched(|| {
        let arena = Arena::with::<Broken>();
        assert!(!THREADS_OF_PROCESSES.add_alone::<Broken>(&arena));
    });
}

#[test]
fn names_tell_the_contenders_apart() {
    let mut names = [
        RawSync::NAME,
        Pthread::NAME,
        PthreadRobust::NAME,
        PosixSem::NAME,
        Futex::NAME,
        Flock::NAME,
        Ofd::NAME,
    ];
    names.sort_unstable();
    assert!(names.is_sorted_by(|a, b| a < b));
}
