//! A process-shared pthread mutex of the default kind.
//!
//! It checks nothing: whoever unlocks frees it, held by the caller or not. A
//! killed holder leaves it taken for ever.

use std::io;

use super::process_mutex::ProcessMutex;
use super::{Acquired, ForeignLock, Place};

/// `pthread_mutex_t` with `PTHREAD_PROCESS_SHARED`.
pub struct Pthread(ProcessMutex);

// SAFETY: a process-shared pthread mutex excludes and orders the threads of all
// processes, and belongs to no process, so a forked child is one more.
unsafe impl ForeignLock for Pthread {
    const NAME: &'static str = "pthread";
    const BYTES: usize = ProcessMutex::BYTES;

    unsafe fn create(place: &Place) -> io::Result<()> {
        // SAFETY: the caller's promises are the ones asked for.
        unsafe { ProcessMutex::create(place, libc::PTHREAD_MUTEX_STALLED) }
    }

    unsafe fn attach(place: &Place) -> io::Result<Self> {
        // SAFETY: the caller's promises are the ones asked for.
        Ok(Self(unsafe { ProcessMutex::attach(place) }))
    }

    #[inline]
    fn lock(&self) -> io::Result<Acquired> {
        self.0.lock().map(|()| Acquired::Clean)
    }

    #[inline]
    fn unlock(&self) -> io::Result<()> {
        self.0.unlock()
    }
}
