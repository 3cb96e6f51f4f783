//! What others offer, killed in the same way: glibc's robust mutex, and that of `raw_sync`. What
//! comes of it is measured, not judged; `cargo test --test crash -- --ignored` shows it.
//!
//! A mutex has no commit, so what it protects is changed in place, one number after the other.

use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use raw_sync::Timeout;
use raw_sync::locks::{LockGuard, LockImpl, LockInit, Mutex};
use shmcount::raw::robust_lock::OWNER;

use super::shared::Shared;
use super::subject::Subject;

/// Whose mutex it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Maker {
    PthreadRobust,
    RawSync,
}

/// A mutex and two numbers that should be equal.
pub struct Peer {
    /// None for the one that is called directly.
    raw_sync: Option<Box<dyn LockImpl>>,
    memory: Shared<Memory>,
}

/// Holds a peer's mutex until it is dropped.
pub enum Held<'a> {
    Pthread(&'a Peer),
    RawSync(#[expect(dead_code, reason = "released on drop")] LockGuard<'a>),
}

#[repr(C, align(64))]
struct Memory {
    mutex: UnsafeCell<libc::pthread_mutex_t>,
    value: [AtomicU64; 2],
}

// SAFETY: the mutex is process-shared and used through its address only, by functions that expect
// others to do the same; the rest is atomic.
unsafe impl Sync for Memory {}

impl Peer {
    pub fn new(maker: Maker) -> Self {
        let memory = Shared::new(Memory {
            mutex: UnsafeCell::new(libc::PTHREAD_MUTEX_INITIALIZER),
            value: Default::default(),
        });
        let raw_sync = match maker {
            Maker::PthreadRobust => {
                make_robust(memory.mutex.get());
                None
            }
            Maker::RawSync => {
                let start = memory.mutex.get().cast::<u8>();
                // SAFETY: the memory is as large and aligned as a pthread mutex, shared, and mapped
                // for as long as the peer; the data pointer is never followed.
                let made = unsafe { Mutex::new(start, start) };
                Some(made.expect("a mutex").0)
            }
        };
        Self { raw_sync, memory }
    }

    /// Changes both numbers, one after the other; tells whether it found them equal.
    pub fn change(&self, between: impl FnOnce()) -> bool {
        let _held = self.hold();
        let [first, second] = &self.memory.value;
        let found = [first.load(SeqCst), second.load(SeqCst)];
        first.store(found[0] + 1, SeqCst);
        between();
        second.store(found[0] + 1, SeqCst);
        found[0] == found[1]
    }

    fn mutex(&self) -> *mut libc::pthread_mutex_t {
        self.memory.mutex.get()
    }

    fn taken(&self, result: i32) -> Option<Held<'_>> {
        if result == libc::EOWNERDEAD {
            // SAFETY: an initialized robust mutex that this thread has just locked.
            let consistent = unsafe { libc::pthread_mutex_consistent(self.mutex()) };
            assert_eq!(consistent, 0);
        }
        matches!(result, 0 | libc::EOWNERDEAD).then_some(Held::Pthread(self))
    }
}

impl Subject for Peer {
    type State = [u64; 2];
    type Held<'a> = Held<'a>;

    fn operate(&self) {
        self.change(|| ());
    }

    fn load(&self) -> [u64; 2] {
        self.memory
            .value
            .each_ref()
            .map(|number| number.load(SeqCst))
    }

    fn hold(&self) -> Held<'_> {
        match &self.raw_sync {
            Some(lock) => Held::RawSync(lock.lock().expect("lock")),
            None => {
                // SAFETY: an initialized mutex, mapped for as long as `self`.
                let result = unsafe { libc::pthread_mutex_lock(self.mutex()) };
                self.taken(result).expect("lock")
            }
        }
    }

    fn try_hold(&self) -> Option<Held<'_>> {
        match &self.raw_sync {
            // Nothing added to the clock: nothing carried.
            Some(lock) => {
                let locked = lock.try_lock(Timeout::Val(Duration::ZERO));
                locked.ok().map(Held::RawSync)
            }
            None => {
                // SAFETY: an initialized mutex, mapped for as long as `self`.
                let result = unsafe { libc::pthread_mutex_trylock(self.mutex()) };
                self.taken(result)
            }
        }
    }

    fn is_held(&self) -> bool {
        // The first word of glibc's mutex: a robust one's owner, or 1 or 2 in a plain one that is
        // taken. SAFETY: four aligned bytes in the mapping, which glibc changes atomically.
        let word = unsafe { AtomicU32::from_ptr(self.mutex().cast()) };
        word.load(SeqCst) & OWNER != 0
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if let Self::Pthread(peer) = self {
            // SAFETY: an initialized mutex that this thread has locked.
            unsafe { libc::pthread_mutex_unlock(peer.mutex()) };
        }
    }
}

fn make_robust(mutex: *mut libc::pthread_mutex_t) {
    let mut attributes = MaybeUninit::uninit();
    let attributes = attributes.as_mut_ptr();
    // SAFETY: initializes what it is given.
    let initialized = unsafe { libc::pthread_mutexattr_init(attributes) };
    // SAFETY: initialized by the call before.
    let shared =
        unsafe { libc::pthread_mutexattr_setpshared(attributes, libc::PTHREAD_PROCESS_SHARED) };
    // SAFETY: as above.
    let robust =
        unsafe { libc::pthread_mutexattr_setrobust(attributes, libc::PTHREAD_MUTEX_ROBUST) };
    // SAFETY: the memory is a mutex's, nobody uses it yet, and the attributes are initialized.
    let made = unsafe { libc::pthread_mutex_init(mutex, attributes) };
    assert_eq!([initialized, shared, robust, made], [0; 4]);
}
