//! The mutex of the `raw_sync` crate, used as its users do: through [`LockInit`]
//! and the boxed [`LockImpl`] that it returns.
//!
//! Underneath is a process-shared pthread mutex of the default kind, so whoever
//! holds it writes its words. A killed holder leaves it taken for ever: nobody
//! can free it but by calling `release` without holding it, which the crate
//! does not refuse. A killed waiter leaves nothing that matters. Its timed lock
//! is not used: it adds nanoseconds without carry and fails with EINVAL then.

use std::error::Error;
use std::io;
use std::mem;
use std::ptr;

use raw_sync::locks::{LockImpl, LockInit, Mutex};

use super::{Acquired, ForeignLock, PLACE_ALIGN, Place};

/// `raw_sync::locks::Mutex`.
pub struct RawSync {
    mutex: Box<dyn LockImpl>,
}

// SAFETY: the box holds a `raw_sync` `Mutex`, which is a pointer to a
// process-shared pthread mutex, made for any thread, and a data pointer that is
// null and that only its guard's dereference reads, which is not used here.
unsafe impl Send for RawSync {}
// SAFETY: as for `Send`; `lock` and `release` only call pthread functions on the
// mutex, which any threads may do at once.
unsafe impl Sync for RawSync {}

// SAFETY: a process-shared pthread mutex excludes and orders the threads of all
// processes, and belongs to no process, so a forked child is one more.
unsafe impl ForeignLock for RawSync {
    const NAME: &'static str = "raw-sync";
    const BYTES: usize = size_of::<libc::pthread_mutex_t>();

    unsafe fn create(place: &Place) -> io::Result<()> {
        const { assert!(align_of::<libc::pthread_mutex_t>() <= PLACE_ALIGN) };
        let bytes = place.bytes.as_ptr();
        // The crate tells its size only at run time.
        if Mutex::size_of(Some(bytes)) > Self::BYTES {
            return Err(io::ErrorKind::StorageFull.into());
        }
        // SAFETY: the place has `BYTES` aligned bytes, which is the size that was
        // just checked, and nobody uses them before this returns.
        let (mutex, _) = unsafe { Mutex::new(bytes, ptr::null_mut()) }.map_err(to_io)?;
        // The box is a handle; dropping it leaves the mutex.
        drop(mutex);
        Ok(())
    }

    unsafe fn attach(place: &Place) -> io::Result<Self> {
        // SAFETY: the caller promises that `create` made a mutex in these bytes
        // and that they stay mapped.
        let (mutex, _) = unsafe { Mutex::from_existing(place.bytes.as_ptr(), ptr::null_mut()) }
            .map_err(to_io)?;
        Ok(Self { mutex })
    }

    #[inline]
    fn lock(&self) -> io::Result<Acquired> {
        let guard = self.mutex.lock().map_err(to_io)?;
        // `unlock` releases in its stead; its drop would panic on an error.
        mem::forget(guard);
        Ok(Acquired::Clean)
    }

    #[inline]
    fn unlock(&self) -> io::Result<()> {
        self.mutex.release().map_err(to_io)
    }
}

/// Keeps the crate's words, which are all that its error carries.
#[cold]
fn to_io(error: Box<dyn Error>) -> io::Error {
    io::Error::other(error.to_string())
}
