//! Our own lock, in the clothes of the others, so that one suite asks all of them the same.

use std::io;
use std::ptr::NonNull;

use shmcount::Spin;
use shmcount::contender::{Acquired, ForeignLock, Place};
use shmcount::raw::committed::{Committed, Line};
use shmcount::raw::patience::FirstLook;
use shmcount::raw::protocol::{Announce, Protocol, ReleaseBy, Wakes};
use shmcount::raw::robust_lock::{self, Refused};
use shmcount::sys::robust_list::Thread;
use shmcount::sys::{futex, membarrier};

/// A robust lock that is released by an atomic exchange, or by a plain store.
pub struct Robust<const PLAIN: bool> {
    line: NonNull<Line>,
    protocol: Protocol,
}

pub type ByExchange = Robust<false>;
pub type ByPlainStore = Robust<true>;

// SAFETY: the lock consists of atomics and belongs to no thread until one takes it.
unsafe impl<const PLAIN: bool> Send for Robust<PLAIN> {}
// SAFETY: as for `Send`.
unsafe impl<const PLAIN: bool> Sync for Robust<PLAIN> {}

// SAFETY: `enter` excludes and orders as a mutex does; the owner is the thread's own id, so a
// forked child holds nothing; the bytes are the lock's alone.
unsafe impl<const PLAIN: bool> ForeignLock for Robust<PLAIN> {
    const NAME: &'static str = if PLAIN {
        "robust-plain"
    } else {
        "robust-exchange"
    };
    const BYTES: usize = size_of::<Line>();

    unsafe fn create(_: &Place) -> io::Result<()> {
        // Zeroed bytes are an unlocked one.
        Ok(())
    }

    unsafe fn attach(place: &Place) -> io::Result<Self> {
        // Where the kernel does not let us release by a plain store, the exchange is tested twice.
        let plain = PLAIN && futex::can_wait_either() && membarrier::register();
        Ok(Self {
            line: place.bytes.cast(),
            protocol: Protocol {
                release: if plain {
                    ReleaseBy::PlainStore
                } else {
                    ReleaseBy::Exchange
                },
                announce: if plain {
                    Announce::Membarrier
                } else {
                    Announce::AtomicOnly
                },
                wakes: if futex::can_wait_either() {
                    Wakes::Generation
                } else {
                    Wakes::Word
                },
                sleeps_on_both: futex::can_wait_either(),
                first_look: FirstLook::NEVER,
                spin: Spin::Timed,
            },
        })
    }

    fn lock(&self) -> io::Result<Acquired> {
        let (_, acquired) = (self.committed().lock(Thread::current(), None)).map_err(refused)?;
        Ok(match acquired {
            robust_lock::Acquired::Clean => Acquired::Clean,
            robust_lock::Acquired::OwnerDied => Acquired::OwnerDied,
        })
    }

    fn unlock(&self) -> io::Result<()> {
        let me = Thread::current();
        let committed = self.committed();
        if committed.line().lock().owner() != Some(me.tid()) {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        // SAFETY: this thread owns the lock, which it took with `lock`.
        unsafe { committed.unlock(me, &0, false) };
        Ok(())
    }
}

impl<const PLAIN: bool> Robust<PLAIN> {
    fn committed(&self) -> Committed<'_, u64> {
        // SAFETY: `attach` was promised a mapped, aligned place of BYTES bytes, zero at first, that
        // outlives this handle; all of the line is atomics.
        let line = unsafe { self.line.as_ref() };
        // SAFETY: the place is never unmapped.
        unsafe { Committed::new(line, &[], self.protocol) }
    }
}

fn refused(refused: Refused) -> io::Error {
    io::Error::other(format!("{refused:?}"))
}
