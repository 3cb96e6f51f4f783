//! What a holder leaves that is killed by SIGKILL inside the lock, after it read
//! the total and before it wrote it.

use shmcount::contender::{
    Acquired, Flock, ForeignLock, Futex, Ofd, PosixSem, Pthread, PthreadRobust, RawSync,
};

use crate::arena::Arena;
use crate::process::{Process, wait_to_be_killed};
use crate::robust::{ByExchange, ByPlainStore};
use crate::signal::Signal;
use crate::watchdog::watched;

const TRIES: u8 = b't';
const INSIDE: u8 = b'i';
const CLEAN: u8 = b'c';
const OWNER_DIED: u8 = b'd';

/// A child that is inside the lock when this returns, until it is killed.
fn holder<L: ForeignLock>(arena: &Arena) -> Process {
    let signal = Signal::new();
    let holder = Process::start(|| {
        let inside = |_| {
            signal.send(INSIDE);
            wait_to_be_killed()
        };
        arena.exclusive::<L>().add(1, inside).unwrap();
    });
    assert_eq!(signal.receive(), INSIDE);
    holder
}

/// A child that adds one as soon as it gets the lock, and says how it got it.
/// It sleeps nowhere but in the lock, once it said that it tries.
fn waiter<L: ForeignLock>(arena: &Arena, signal: &Signal) -> Process {
    let waiter = Process::start(|| {
        let total = arena.exclusive::<L>();
        signal.send(TRIES);
        let got = match total.add(1, |_| {}).unwrap() {
            Acquired::Clean => CLEAN,
            Acquired::OwnerDied => OWNER_DIED,
        };
        signal.send(got);
    });
    assert_eq!(signal.receive(), TRIES);
    waiter
}

fn next_holder_gets_it<L: ForeignLock>(expected: u8) {
    watched(|| {
        let arena = Arena::with::<L>();
        holder::<L>(&arena).kill();
        assert_eq!(arena.total(), 0);
        // It is told once, and the second finds an ordinary lock.
        for expected in [expected, CLEAN] {
            let signal = Signal::new();
            let next = waiter::<L>(&arena, &signal);
            assert_eq!(signal.receive(), expected);
            assert!(next.succeeded());
        }
        assert_eq!(arena.total(), 2);
    });
}

fn sleeping_waiter_gets_it<L: ForeignLock>(expected: u8) {
    watched(|| {
        let arena = Arena::with::<L>();
        let holder = holder::<L>(&arena);
        let signal = Signal::new();
        let waiter = waiter::<L>(&arena, &signal);
        waiter.wait_until_asleep();
        assert!(!signal.is_pending());
        holder.kill();
        assert_eq!(signal.receive(), expected);
        assert!(waiter.succeeded());
        assert_eq!(arena.total(), 1);
    });
}

/// The holder is gone, so nobody is left who could wake the waiter: seen asleep
/// once, it sleeps for ever. To show that it was the lock where it slept, the
/// test frees it, as none of these locks refuses.
fn lock_stays_taken<L: ForeignLock>() {
    watched(|| {
        let arena = Arena::with::<L>();
        holder::<L>(&arena).kill();
        let signal = Signal::new();
        let next = waiter::<L>(&arena, &signal);
        next.wait_until_asleep();
        assert!(!signal.is_pending());
        assert_eq!(arena.total(), 0);
        arena.attach::<L>().unlock().unwrap();
        assert_eq!(signal.receive(), CLEAN);
        assert!(next.succeeded());
    });
}

macro_rules! recovers {
    ($($name:ident: $lock:ty, $told:expr;)*) => {$(
        mod $name {
            use super::*;

            #[test]
            fn lock_is_free_again_after_its_holder_is_killed() {
                next_holder_gets_it::<$lock>($told);
            }

            #[test]
            fn sleeping_waiter_gets_the_lock_of_a_killed_holder() {
                sleeping_waiter_gets_it::<$lock>($told);
            }
        }
    )*};
}

macro_rules! stays_taken {
    ($($name:ident: $lock:ty,)*) => {$(
        mod $name {
            use super::*;

            #[test]
            fn lock_stays_taken_after_its_holder_is_killed() {
                lock_stays_taken::<$lock>();
            }
        }
    )*};
}

recovers! {
    robust_by_exchange: ByExchange, OWNER_DIED;
    robust_by_plain_store: ByPlainStore, OWNER_DIED;
    pthread_robust: PthreadRobust, OWNER_DIED;
    flock: Flock, CLEAN;
    ofd: Ofd, CLEAN;
}

stays_taken! {
    raw_sync: RawSync,
    pthread: Pthread,
    posix_sem: PosixSem,
    futex: Futex,
}
