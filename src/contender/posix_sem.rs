//! A process-shared POSIX semaphore with one permit.
//!
//! It has no owner: waiting takes the permit, posting returns one, and a post
//! without a wait makes two. A holder that is killed takes its permit with it,
//! so the lock stays taken for ever. A killed waiter stays in glibc's count of
//! waiters, which costs each later post a system call.

use std::io;
use std::ptr::NonNull;

use super::{Acquired, ForeignLock, PLACE_ALIGN, Place};

/// `sem_init` would take 0 for the threads of one process.
const SHARED_BY_PROCESSES: libc::c_int = 1;
/// As many holders as a lock has.
const PERMITS: libc::c_uint = 1;

/// `sem_t` used as a mutex.
pub struct PosixSem {
    semaphore: NonNull<libc::sem_t>,
}

// SAFETY: the semaphore is process-shared, so its functions may be called by any
// thread that has it mapped, and nothing else is done with the pointer.
unsafe impl Send for PosixSem {}
// SAFETY: as for `Send`; they may be called by any threads at once.
unsafe impl Sync for PosixSem {}

// SAFETY: one permit goes to one waiter at a time, `sem_post` happens before the
// `sem_wait` that takes its permit, and no process owns any of it.
unsafe impl ForeignLock for PosixSem {
    const NAME: &'static str = "posix-sem";
    const BYTES: usize = size_of::<libc::sem_t>();

    unsafe fn create(place: &Place) -> io::Result<()> {
        const { assert!(align_of::<libc::sem_t>() <= PLACE_ALIGN) };
        let semaphore = place.bytes.cast().as_ptr();
        // SAFETY: the place has room for an aligned semaphore that nobody uses yet.
        check(unsafe { libc::sem_init(semaphore, SHARED_BY_PROCESSES, PERMITS) })
    }

    unsafe fn attach(place: &Place) -> io::Result<Self> {
        Ok(Self {
            semaphore: place.bytes.cast(),
        })
    }

    #[inline]
    fn lock(&self) -> io::Result<Acquired> {
        loop {
            // SAFETY: `attach` promised an initialised semaphore that stays mapped.
            match check(unsafe { libc::sem_wait(self.semaphore.as_ptr()) }) {
                Ok(()) => return Ok(Acquired::Clean),
                // A signal handler ran; no permit was taken.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    #[inline]
    fn unlock(&self) -> io::Result<()> {
        // SAFETY: as in `lock`.
        check(unsafe { libc::sem_post(self.semaphore.as_ptr()) })
    }
}

/// Semaphore functions return −1 and set `errno`.
#[inline]
fn check(result: libc::c_int) -> io::Result<()> {
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
