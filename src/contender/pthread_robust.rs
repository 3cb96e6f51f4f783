//! A process-shared, robust pthread mutex.
//!
//! It sits on its holder's robust list, so the kernel frees it when the holder
//! is killed and wakes a waiter; the next holder is told, with EOWNERDEAD, and
//! must declare the mutex consistent before it unlocks, or nobody ever gets it
//! again. A holder killed before it declared that leaves EOWNERDEAD to the next.
//! Unlocking without holding it is refused with EPERM.

use std::io;

use super::process_mutex::ProcessMutex;
use super::{Acquired, ForeignLock, Place};

/// `pthread_mutex_t` with `PTHREAD_PROCESS_SHARED` and `PTHREAD_MUTEX_ROBUST`.
pub struct PthreadRobust(ProcessMutex);

// SAFETY: as for `Pthread`; besides, its word carries the holder's thread id, and
// glibc gives a forked child its own id and an empty robust list.
unsafe impl ForeignLock for PthreadRobust {
    const NAME: &'static str = "pthread-robust";
    const BYTES: usize = ProcessMutex::BYTES;

    unsafe fn create(place: &Place) -> io::Result<()> {
        // SAFETY: the caller's promises are the ones asked for.
        unsafe { ProcessMutex::create(place, libc::PTHREAD_MUTEX_ROBUST) }
    }

    unsafe fn attach(place: &Place) -> io::Result<Self> {
        // SAFETY: the caller's promises are the ones asked for.
        Ok(Self(unsafe { ProcessMutex::attach(place) }))
    }

    #[inline]
    fn lock(&self) -> io::Result<Acquired> {
        match self.0.lock() {
            Ok(()) => Ok(Acquired::Clean),
            Err(error) if error.raw_os_error() == Some(libc::EOWNERDEAD) => {
                // Refuses only a mutex that did not just answer this.
                self.0.make_consistent()?;
                Ok(Acquired::OwnerDied)
            }
            Err(error) => Err(error),
        }
    }

    #[inline]
    fn unlock(&self) -> io::Result<()> {
        self.0.unlock()
    }
}
