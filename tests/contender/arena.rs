//! Shared memory and a file for one test, without a name, so that nothing is
//! left behind on any path.
//!
//! Both are inherited over fork and end with the last process of the test. The
//! memory is never unmapped: a test is a process, see `watchdog`.

use std::num::NonZeroUsize;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::PathBuf;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering::Relaxed};

use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous};
use nix::unistd::dup2;
use shmcount::contender::{ForeignLock, Place};

use crate::exclusive::Exclusive;

/// The counters come one page after the lock: no lock is longer than a page.
const COUNTERS_AT: usize = 4096;
const LEN: NonZeroUsize = NonZeroUsize::new(2 * COUNTERS_AT).unwrap();

/// How often the witness is raised inside the lock: often enough that two
/// holders at once meet between two raises.
const RAISES: u32 = 10;

pub struct Arena {
    base: NonNull<u8>,
    path: PathBuf,
    file: OwnedFd,
}

/// What the lock under test protects.
#[derive(Default)]
#[repr(C)]
pub struct Counters {
    pub total: AtomicI64,
    witness: AtomicU32,
}

impl Arena {
    pub fn new() -> Self {
        let protection = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: a new anonymous mapping, wherever the kernel likes, replaces none.
        let base = unsafe { mmap_anonymous(None, LEN, protection, MapFlags::MAP_SHARED) };
        let file = new_file();
        Self {
            base: base.unwrap().cast(),
            // Opening this makes a new description of the same file, in this
            // process and, as the descriptor is inherited, in each child.
            path: PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd())),
            file,
        }
    }

    /// An arena in which a lock was created.
    pub fn with<L: ForeignLock>() -> Self {
        let arena = Self::new();
        assert!(L::BYTES <= COUNTERS_AT);
        // SAFETY: the bytes are zero, page-aligned, shared by all processes of the
        // test and long enough; they are new, so nobody attached.
        unsafe { L::create(&arena.place()) }.unwrap();
        arena
    }

    pub fn place(&self) -> Place<'_> {
        Place {
            bytes: self.base,
            file: &self.path,
        }
    }

    pub fn attach<L: ForeignLock>(&self) -> L {
        // SAFETY: `with` created the lock, and the memory is never unmapped.
        unsafe { L::attach(&self.place()) }.unwrap()
    }

    pub fn exclusive<L: ForeignLock>(&self) -> Exclusive<'_, L> {
        Exclusive::new(self.attach(), &self.counters().total)
    }

    /// Puts another file where this one was found.
    pub fn replace_file(&mut self) {
        dup2(new_file(), &mut self.file).unwrap();
    }

    pub fn counters(&self) -> &Counters {
        // SAFETY: the mapping is two pages long.
        let counters = unsafe { self.base.add(COUNTERS_AT) }.cast();
        // SAFETY: it is page-aligned, zero is a valid value of both atomics, they
        // are only accessed atomically, and the memory is never unmapped.
        unsafe { counters.as_ref() }
    }

    pub fn total(&self) -> i64 {
        self.counters().total.load(Relaxed)
    }
}

fn new_file() -> OwnedFd {
    memfd_create("contender", MFdFlags::MFD_CLOEXEC).unwrap()
}

impl Counters {
    /// Panics unless the caller is alone here. `linger` runs halfway.
    pub fn witness_alone(&self, linger: impl Fn()) {
        // Relaxed, here and below: only coherence of the one word is asked.
        for raise in 0..RAISES {
            self.witness.fetch_add(1, Relaxed);
            if raise == RAISES / 2 {
                linger();
            }
        }
        let raised = self.witness.load(Relaxed);
        assert_eq!(raised, RAISES, "somebody else is inside the lock");
        self.witness.fetch_sub(RAISES, Relaxed);
    }
}
