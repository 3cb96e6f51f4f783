//! The bare futex mutex with three states, as in Ulrich Drepper's "Futexes Are
//! Tricky" and in the standard library, but in shared memory.
//!
//! Whoever takes it writes [`LOCKED`] or [`CONTENDED`], whoever frees it writes
//! [`UNLOCKED`]; the word names no owner. A killed holder leaves it taken for
//! ever. A waiter killed after it was woken takes the wake-up with it: the
//! others sleep until somebody meets the lock taken again.

use std::hint;
use std::io;
use std::ptr;
use std::ptr::NonNull;
use std::sync::atomic::{
    AtomicU32,
    Ordering::{Acquire, Relaxed, Release},
};

use super::{Acquired, ForeignLock, PLACE_ALIGN, Place};

const UNLOCKED: u32 = 0;
/// Held, and nobody sleeps.
const LOCKED: u32 = 1;
/// Held, and somebody may sleep: unlocking must wake.
const CONTENDED: u32 = 2;

/// Looks at a taken lock before sleeping; the number of the standard library,
/// so that this is the mutex that a Rust programmer knows.
const SPINS: u32 = 100;

/// Sleepers woken by an unlock: only one can have the lock.
const WAKE_ONE: libc::c_int = 1;

/// A word and two system calls.
pub struct Futex {
    word: NonNull<AtomicU32>,
}

// SAFETY: the word is atomic and belongs to no thread.
unsafe impl Send for Futex {}
// SAFETY: as for `Send`; the handle gives out nothing but the atomic word.
unsafe impl Sync for Futex {}

// SAFETY: only one thread at a time changes the word from UNLOCKED, with Acquire,
// and UNLOCKED is stored by `unlock` alone, with Release. The word is shared and
// so are the sleepers (no FUTEX_PRIVATE_FLAG); it names no process, so a forked
// child is one more.
unsafe impl ForeignLock for Futex {
    const NAME: &'static str = "futex";
    const BYTES: usize = size_of::<AtomicU32>();

    unsafe fn create(place: &Place) -> io::Result<()> {
        const { assert!(align_of::<AtomicU32>() <= PLACE_ALIGN) };
        // SAFETY: the place has room for an aligned word that nobody uses yet.
        unsafe { place.bytes.cast().write(AtomicU32::new(UNLOCKED)) };
        Ok(())
    }

    unsafe fn attach(place: &Place) -> io::Result<Self> {
        Ok(Self {
            word: place.bytes.cast(),
        })
    }

    #[inline]
    fn lock(&self) -> io::Result<Acquired> {
        // Acquire: pairs with the Release in `unlock`. Relaxed: a failure only
        // leads to another look.
        let taken = self
            .word()
            .compare_exchange(UNLOCKED, LOCKED, Acquire, Relaxed);
        if taken.is_err() {
            self.lock_contended()?;
        }
        Ok(Acquired::Clean)
    }

    #[inline]
    fn unlock(&self) -> io::Result<()> {
        // Release: pairs with the Acquire of the next to take it.
        if self.word().swap(UNLOCKED, Release) == CONTENDED {
            self.wake()?;
        }
        Ok(())
    }
}

impl Futex {
    #[inline]
    fn word(&self) -> &AtomicU32 {
        // SAFETY: `attach` promised a mapped, aligned word, for as long as this
        // handle lives, and every process accesses it atomically.
        unsafe { self.word.as_ref() }
    }

    #[cold]
    fn lock_contended(&self) -> io::Result<()> {
        let word = self.word();
        let mut state = self.spin();
        if state == UNLOCKED {
            // Acquire and Relaxed: as in `lock`.
            match word.compare_exchange(UNLOCKED, LOCKED, Acquire, Relaxed) {
                Ok(_) => return Ok(()),
                Err(now) => state = now,
            }
        }
        loop {
            // One who slept cannot know whether others still sleep, so it takes
            // the lock as contended; at worst that wakes nobody, once.
            // Acquire: pairs with the Release in `unlock`.
            if state != CONTENDED && word.swap(CONTENDED, Acquire) == UNLOCKED {
                return Ok(());
            }
            self.wait()?;
            state = self.spin();
        }
    }

    /// Looks until the lock is free or has sleepers, or the spins are used up.
    fn spin(&self) -> u32 {
        let mut spins = SPINS;
        loop {
            // Relaxed: a hint; what takes the lock is ordered.
            let state = self.word().load(Relaxed);
            if state != LOCKED || spins == 0 {
                return state;
            }
            hint::spin_loop();
            spins -= 1;
        }
    }

    /// Sleeps while the word is [`CONTENDED`]; may return early.
    fn wait(&self) -> io::Result<()> {
        let forever = ptr::null::<libc::timespec>();
        // SAFETY: FUTEX_WAIT reads the mapped word, and no timeout.
        let result = unsafe {
            libc::syscall(
                libc::SYS_futex,
                self.word.as_ptr(),
                libc::FUTEX_WAIT,
                CONTENDED,
                forever,
            )
        };
        if result == 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        match error.raw_os_error() {
            // The word had changed already, or a signal handler ran: look again.
            Some(libc::EAGAIN | libc::EINTR) => Ok(()),
            _ => Err(error),
        }
    }

    #[cold]
    fn wake(&self) -> io::Result<()> {
        // SAFETY: FUTEX_WAKE takes the mapped word's address and does not write.
        let woken = unsafe {
            libc::syscall(
                libc::SYS_futex,
                self.word.as_ptr(),
                libc::FUTEX_WAKE,
                WAKE_ONE,
            )
        };
        if woken < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }
}
