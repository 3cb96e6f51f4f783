//! A total that is added to under a lock.

use std::io;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use shmcount::contender::{Acquired, ForeignLock};

pub struct Exclusive<'a, L> {
    lock: L,
    total: &'a AtomicI64,
}

impl<'a, L: ForeignLock> Exclusive<'a, L> {
    pub fn new(lock: L, total: &'a AtomicI64) -> Self {
        Self { lock, total }
    }

    /// Adds, and calls `between` with what was read, before the sum is written.
    pub fn add(&self, by: i64, between: impl FnOnce(i64)) -> io::Result<Acquired> {
        let acquired = self.lock.lock()?;
        // Relaxed: the lock orders what its holders do.
        let read = self.total.load(Relaxed);
        between(read);
        self.total.store(read + by, Relaxed);
        self.lock.unlock()?;
        Ok(acquired)
    }
}
