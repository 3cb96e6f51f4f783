//! The lock and the large value once more in small, with a place for one fault each: without one they
//! are right, and with each of them loom must find what goes wrong.

use loom::cell::UnsafeCell;
use shmcount::sys::atomic::{
    AcqRel, Acquire, AtomicU32, AtomicU64, Ordering, Relaxed, Release, SeqCst, fence,
};
use shmcount::sys::futex::{self, Futex};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The release orders nothing.
    RelaxedRelease,
    /// The release does not keep the look at the sleepers behind it.
    ReleaseWithoutBarrier,
    /// A sleeper does not look at the word again once it is queued.
    SleepWithoutSecondLook,
    /// A sleeper queues on the word before the generation.
    WordQueuedFirst,
    /// A reader believes its copy.
    ReadWithoutCheck,
    /// A reader looks at the sequence again, but maybe before it has read.
    CheckWithoutFence,
    /// The commit does not publish what was written.
    RelaxedCommit,
    /// A writer's first word may be seen before the commit that made its place a free one.
    WriteWithoutFence,
}

/// `raw::robust_lock` without deaths, repairs and deadlines.
pub struct SketchedLock {
    fault: Option<Fault>,
    word: AtomicU32,
    sleepers: AtomicU64,
    inside: UnsafeCell<u32>,
}

impl SketchedLock {
    pub fn new(fault: Option<Fault>) -> Self {
        Self {
            fault,
            word: AtomicU32::new(0),
            sleepers: AtomicU64::new(0),
            inside: UnsafeCell::new(0),
        }
    }

    /// Takes the lock, touches what it protects, and releases it.
    pub fn visit(&self) {
        while self.word.compare_exchange(0, 1, Acquire, Relaxed).is_err() {
            self.sleepers.fetch_add(1, SeqCst);
            // Looked at once more, for the word that the sleep compares.
            if self.word.load(Relaxed) != 0 {
                self.sleep();
            }
            self.sleepers
                .fetch_update(Relaxed, Relaxed, |sleepers| Some(sleepers - 1))
                .expect("registered above");
        }
        // SAFETY: this thread holds the lock; that it orders all accesses is what loom checks.
        self.inside.with_mut(|inside| unsafe { *inside += 1 });
        self.release();
    }

    fn sleep(&self) {
        let generation = (Futex::high_half(&self.sleepers), 0);
        let word = (Futex::new(&self.word), 1);
        match self.fault {
            Some(Fault::SleepWithoutSecondLook) => futex::wait(generation.0, generation.1, None),
            Some(Fault::WordQueuedFirst) => futex::wait_either([word, generation], None),
            _ => futex::wait_either([generation, word], None),
        };
    }

    fn release(&self) {
        let (swap, look): (Ordering, Ordering) = match self.fault {
            Some(Fault::RelaxedRelease) => (Relaxed, SeqCst),
            Some(Fault::ReleaseWithoutBarrier) => (AcqRel, Acquire),
            _ => (SeqCst, SeqCst),
        };
        self.word.swap(0, swap);
        if self.sleepers.load(look) != 0 {
            futex::wake_one(Futex::high_half(&self.sleepers));
        }
    }
}

/// The two places of `raw::committed`, for one writer.
pub struct SketchedPair {
    fault: Option<Fault>,
    sequence: AtomicU64,
    places: [[AtomicU64; 2]; 2],
}

impl SketchedPair {
    pub fn new(fault: Option<Fault>) -> Self {
        Self {
            fault,
            sequence: AtomicU64::new(0),
            places: Default::default(),
        }
    }

    pub fn load(&self) -> [u64; 2] {
        loop {
            let sequence = self.sequence.load(Acquire);
            let value = self
                .place(sequence)
                .each_ref()
                .map(|word| word.load(Relaxed));
            if self.fault != Some(Fault::CheckWithoutFence) {
                fence(Acquire);
            }
            if self.fault == Some(Fault::ReadWithoutCheck)
                || self.sequence.load(Relaxed) == sequence
            {
                return value;
            }
        }
    }

    pub fn commit(&self, value: [u64; 2]) {
        let next = self.sequence.load(Relaxed) + 1;
        if self.fault != Some(Fault::WriteWithoutFence) {
            fence(Release);
        }
        for (word, value) in self.place(next).iter().zip(value) {
            word.store(value, Relaxed);
        }
        let commit = match self.fault {
            Some(Fault::RelaxedCommit) => Relaxed,
            _ => Release,
        };
        self.sequence.store(next, commit);
    }

    fn place(&self, sequence: u64) -> &[AtomicU64; 2] {
        &self.places[(sequence & 1) as usize]
    }
}
