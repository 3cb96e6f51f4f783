//! A process-shared pthread mutex, robust or not: what `pthread` and
//! `pthread-robust` have in common.
//!
//! glibc's functions write its words, for whichever thread locks and unlocks,
//! and the kernel writes the lock word of a robust one at its holder's death.
//! A killed holder leaves a plain mutex taken for ever; a robust one answers
//! the next [`ProcessMutex::lock`] with EOWNERDEAD.

use std::ffi::c_int;
use std::io;
use std::mem::MaybeUninit;
use std::ptr::NonNull;

use super::{PLACE_ALIGN, Place};

/// A pthread mutex in shared memory.
pub(super) struct ProcessMutex {
    mutex: NonNull<libc::pthread_mutex_t>,
}

// SAFETY: the mutex is process-shared, so its functions may be called by any
// thread that has it mapped, and nothing else is done with the pointer.
unsafe impl Send for ProcessMutex {}
// SAFETY: as for `Send`; they may be called by any threads at once.
unsafe impl Sync for ProcessMutex {}

impl ProcessMutex {
    /// Bytes of shared memory that the mutex uses.
    pub(super) const BYTES: usize = size_of::<libc::pthread_mutex_t>();

    /// Initialises a mutex; `robustness` is `PTHREAD_MUTEX_ROBUST` or `_STALLED`.
    ///
    /// # Safety
    ///
    /// As for `ForeignLock::create`.
    pub(super) unsafe fn create(place: &Place, robustness: c_int) -> io::Result<()> {
        let mutex = Self::at(place);
        let attributes = Attributes::process_shared(robustness)?;
        // SAFETY: the place has room for an aligned mutex that nobody uses yet,
        // and the attributes were initialised.
        check(unsafe { libc::pthread_mutex_init(mutex.as_ptr(), &attributes.0) })
    }

    /// Makes a handle.
    ///
    /// # Safety
    ///
    /// As for `ForeignLock::attach`.
    pub(super) unsafe fn attach(place: &Place) -> Self {
        Self {
            mutex: Self::at(place),
        }
    }

    const fn at(place: &Place) -> NonNull<libc::pthread_mutex_t> {
        const { assert!(align_of::<libc::pthread_mutex_t>() <= PLACE_ALIGN) };
        place.bytes.cast()
    }

    /// Takes the mutex. EOWNERDEAD means that it is held, and inconsistent.
    #[inline]
    pub(super) fn lock(&self) -> io::Result<()> {
        // SAFETY: `attach` promised an initialised mutex that stays mapped.
        check(unsafe { libc::pthread_mutex_lock(self.mutex.as_ptr()) })
    }

    /// Frees the mutex.
    #[inline]
    pub(super) fn unlock(&self) -> io::Result<()> {
        // SAFETY: as in `lock`. POSIX wants the calling thread to hold it; where
        // it does not, glibc answers EPERM for a robust mutex and else frees it,
        // writing nothing but the mutex.
        check(unsafe { libc::pthread_mutex_unlock(self.mutex.as_ptr()) })
    }

    /// Declares the state under a mutex that answered EOWNERDEAD good again.
    #[cold]
    pub(super) fn make_consistent(&self) -> io::Result<()> {
        // SAFETY: as in `lock`; a mutex in any other state is answered EINVAL.
        check(unsafe { libc::pthread_mutex_consistent(self.mutex.as_ptr()) })
    }
}

/// Mutex attributes, destroyed on every way out.
struct Attributes(libc::pthread_mutexattr_t);

impl Attributes {
    fn process_shared(robustness: c_int) -> io::Result<Self> {
        let mut empty = MaybeUninit::uninit();
        // SAFETY: the pointer is to room for attributes.
        check(unsafe { libc::pthread_mutexattr_init(empty.as_mut_ptr()) })?;
        // SAFETY: the call above succeeded, so it initialised them.
        let mut attributes = Self(unsafe { empty.assume_init() });
        let raw = &mut attributes.0;
        // SAFETY: the attributes are initialised and nobody else's.
        check(unsafe { libc::pthread_mutexattr_setpshared(raw, libc::PTHREAD_PROCESS_SHARED) })?;
        // SAFETY: as above.
        check(unsafe { libc::pthread_mutexattr_setrobust(raw, robustness) })?;
        Ok(attributes)
    }
}

impl Drop for Attributes {
    fn drop(&mut self) {
        // SAFETY: they are initialised, and not used after this.
        unsafe { libc::pthread_mutexattr_destroy(&mut self.0) };
    }
}

/// Pthread functions return their error and leave `errno` alone.
#[inline]
fn check(error: c_int) -> io::Result<()> {
    match error {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}
