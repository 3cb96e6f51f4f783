//! What can be killed: an object with a lock, an operation on it, and the states it may be in.

use std::fmt::Debug;
use std::fs::File;
use std::hash::{DefaultHasher, Hasher};
use std::os::unix::fs::FileExt;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

use shmcount::raw::robust_lock::OWNER;
use shmcount::{Release, Segment, SegmentOptions, Shareable, Spin, Value, ValueGuard};

/// An object with a lock and an operation that changes its state in one commit.
pub trait Subject {
    /// What a reader sees.
    type State: Copy + PartialEq + Debug;
    /// Holds the lock until it is dropped, and changes nothing.
    type Held<'a>
    where
        Self: 'a;

    /// Does the operation.
    fn operate(&self);
    /// Reads the state as anybody may, without the lock.
    fn load(&self) -> Self::State;
    /// Takes the lock, for as long as that takes.
    fn hold(&self) -> Self::Held<'_>;
    /// Takes the lock if nobody has it.
    fn try_hold(&self) -> Option<Self::Held<'_>>;
    /// Tells whether somebody has the lock.
    fn is_held(&self) -> bool;

    /// Takes the lock or gives up.
    fn hold_within(&self, timeout: Duration) -> Option<Self::Held<'_>> {
        let end = Instant::now() + timeout;
        while Instant::now() < end {
            if let Some(held) = self.try_hold() {
                return Some(held);
            }
            std::thread::yield_now();
        }
        None
    }

    /// Digests the memory that outlives a process.
    fn digest(&self) -> u64 {
        0
    }
}

/// A segment of its own for one test, removed when this is dropped.
pub struct Stage {
    pub segment: Segment,
    file: File,
}

/// A value on a stage, and what is done to it.
pub struct Staged<T> {
    pub value: Value<T>,
    pub stage: Stage,
    operation: fn(&Value<T>),
}

/// Returns a segment name that no other test has.
pub fn fresh_name() -> String {
    static MADE: AtomicU32 = AtomicU32::new(0);
    // Relaxed: only that no two are the same matters.
    let number = MADE.fetch_add(1, Relaxed);
    format!("{}{number}", name_prefix(process::id()))
}

/// Returns what the names of a test's segments begin with.
pub fn name_prefix(pid: u32) -> String {
    format!("crash-{pid}-")
}

/// Returns how all segments here are made: without polling, so that every wait is a sleep, and without
/// looking for circles, so that a wake-up that is lost is not made up for by the next look.
pub fn options(release: Release) -> SegmentOptions {
    // Room for a handful of objects; all of it is read for every recorded step.
    let capacity = 3776;
    SegmentOptions::new()
        .capacity(capacity)
        .release(release)
        .spin(Spin::Never)
        .look_for_deadlocks_after(None)
}

impl Stage {
    pub fn new(release: Release) -> Self {
        Self::of(&options(release))
    }

    pub fn of(options: &SegmentOptions) -> Self {
        let name = fresh_name();
        let segment = options.create(&name).expect("a fresh segment");
        let file = File::open(format!("/dev/shm/shmcount.{name}")).expect("published");
        Self { segment, file }
    }

    /// Returns the thread that the robust futex at an offset says owns it.
    pub fn owner_at(&self, offset: u64) -> Option<u32> {
        let mut word = [0; 4];
        self.file
            .read_exact_at(&mut word, offset)
            .expect("readable");
        match u32::from_ne_bytes(word) & OWNER {
            0 => None,
            owner => Some(owner),
        }
    }

    pub fn digest(&self) -> u64 {
        let mut bytes = [0; 8192];
        let read = self.file.read_at(&mut bytes, 0).expect("readable");
        let mut hasher = DefaultHasher::new();
        hasher.write(&bytes[..read]);
        hasher.finish()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = self.segment.remove();
    }
}

impl<T: Shareable> Staged<T> {
    pub fn new(release: Release, initial: T, operation: fn(&Value<T>)) -> Self {
        let stage = Stage::new(release);
        let value = stage.segment.value("main", initial).expect("there is room");
        Self {
            value,
            stage,
            operation,
        }
    }
}

impl<T: Shareable + PartialEq + Debug> Subject for Staged<T> {
    type State = T;
    type Held<'a> = ValueGuard<'a, T>;

    fn operate(&self) {
        (self.operation)(&self.value);
    }

    fn load(&self) -> T {
        self.value.load()
    }

    fn hold(&self) -> ValueGuard<'_, T> {
        self.value.lock().expect("not held by this process")
    }

    fn try_hold(&self) -> Option<ValueGuard<'_, T>> {
        self.value.try_lock().ok()
    }

    fn is_held(&self) -> bool {
        self.value.holder().is_some()
    }

    fn hold_within(&self, timeout: Duration) -> Option<ValueGuard<'_, T>> {
        self.value.lock_timeout(timeout).ok()
    }

    fn digest(&self) -> u64 {
        self.stage.digest()
    }
}
