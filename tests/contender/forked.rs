//! A handle that a child inherited over fork is the child's own.

use std::io;

use nix::sys::prctl::set_pdeathsig;
use shmcount::contender::{
    Flock, ForeignLock, Futex, Ofd, PosixSem, Pthread, PthreadRobust, RawSync,
};

use crate::arena::Arena;
use crate::process::{Process, wait_to_be_killed};
use crate::robust::{ByExchange, ByPlainStore};
use crate::signal::Signal;
use crate::watchdog::watched;

fn child_waits_for_its_parent<L: ForeignLock>() {
    watched(|| {
        let arena = Arena::with::<L>();
        let lock: L = arena.attach();
        lock.lock().unwrap();
        let signal = Signal::new();
        let child = Process::start(|| {
            signal.send(0);
            lock.lock().unwrap();
            signal.send(1);
            lock.unlock().unwrap();
        });
        assert_eq!(signal.receive(), 0);
        child.wait_until_asleep();
        assert!(!signal.is_pending());
        lock.unlock().unwrap();
        assert_eq!(signal.receive(), 1);
        assert!(child.succeeded());
        // And the parent's handle is as good as before.
        lock.lock().unwrap();
        lock.unlock().unwrap();
    });
}

fn child_cannot_unlock_for_its_parent<L: ForeignLock>() {
    watched(|| {
        let arena = Arena::with::<L>();
        let lock: L = arena.attach();
        lock.lock().unwrap();
        let child = Process::start(|| {
            let refused = lock.unlock().unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::PermissionDenied);
        });
        assert!(child.succeeded());
        let signal = Signal::new();
        let other = Process::start(|| {
            let lock: L = arena.attach();
            signal.send(0);
            lock.lock().unwrap();
            signal.send(1);
        });
        assert_eq!(signal.receive(), 0);
        other.wait_until_asleep();
        assert!(!signal.is_pending());
        lock.unlock().unwrap();
        assert_eq!(signal.receive(), 1);
        assert!(other.succeeded());
    });
}

fn living_child_does_not_keep_a_killed_parents_lock<L: ForeignLock>() {
    watched(|| {
        let arena = Arena::with::<L>();
        let signal = Signal::new();
        let parent = Process::start(|| {
            let lock: L = arena.attach();
            lock.lock().unwrap();
            let _child = Process::start(|| {
                // It is to outlive its parent.
                set_pdeathsig(None).unwrap();
                signal.send(0);
                wait_to_be_killed();
            });
            wait_to_be_killed();
        });
        assert_eq!(signal.receive(), 0);
        parent.kill();
        let next = Process::start(|| {
            let lock: L = arena.attach();
            lock.lock().unwrap();
            lock.unlock().unwrap();
        });
        assert!(next.succeeded());
    });
}

macro_rules! survives_fork {
    ($($name:ident: $lock:ty,)*) => {$(
        mod $name {
            use super::*;

            #[test]
            fn forked_child_waits_while_its_parent_holds() {
                child_waits_for_its_parent::<$lock>();
            }
        }
    )*};
}

survives_fork! {
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

/// The locks that know their holder.
macro_rules! owned {
    ($($name:ident: $lock:ty,)*) => {$(
        mod $name {
            use super::*;

            #[test]
            fn forked_child_cannot_unlock_what_its_parent_holds() {
                child_cannot_unlock_for_its_parent::<$lock>();
            }

            #[test]
            fn forked_child_that_lives_on_does_not_keep_the_lock_of_its_killed_parent() {
                living_child_does_not_keep_a_killed_parents_lock::<$lock>();
            }
        }
    )*};
}

owned! {
    robust_by_exchange_owned: ByExchange,
    robust_by_plain_store_owned: ByPlainStore,
    pthread_robust_owned: PthreadRobust,
    flock_owned: Flock,
    ofd_owned: Ofd,
}
