//! What a lock that somebody else makes must be, to be compared.
//!
//! It lives in bytes of shared memory or on a file ([`Place`]); one process creates it, every
//! process attaches. What a killed process leaves is each lock's own and stands at the top of its
//! file: `pthread-robust`, `flock` and `ofd` are free again, the others stay taken for ever.

use std::io;
use std::path::Path;
use std::ptr::NonNull;

/// The alignment of the bytes of a [`Place`]: a cache line, which is also more
/// than any C lock asks for.
pub const PLACE_ALIGN: usize = 64;

/// What a foreign lock gets to live in.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// Shared memory, the same bytes in every process, at least
    /// [`ForeignLock::BYTES`] long, aligned to [`PLACE_ALIGN`], zero before
    /// [`ForeignLock::create`].
    pub bytes: NonNull<u8>,
    /// A file that exists and that every process can open for reading and
    /// writing; locks of files are taken on it.
    pub file: &'a Path,
}

/// How the previous holder left the lock that was just taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acquired {
    /// It unlocked, or the lock cannot tell.
    Clean,
    /// It died while it held the lock.
    OwnerDied,
}

/// A lock that somebody else makes, for the processes of one host.
///
/// # Safety
///
/// For handles attached to one place, in any threads of any processes:
/// - once [`lock`](Self::lock) returned `Ok` to a thread, it returns `Ok` to no
///   other until that thread called [`unlock`](Self::unlock) or died;
/// - what a thread wrote before `unlock` is seen by the thread whose `lock`
///   returns next;
/// - `create` and the handles touch no byte of the place beyond the first
///   [`BYTES`](Self::BYTES);
/// - a handle that a forked child inherited keeps all of this, and does not
///   hold what its parent holds.
pub unsafe trait ForeignLock: Sized + Send + Sync {
    /// The lock's name on the command line and in reports.
    const NAME: &'static str;

    /// Bytes of shared memory that the lock uses.
    const BYTES: usize;

    /// Initialises the lock in its place.
    ///
    /// # Errors
    ///
    /// What the system says when it refuses to make such a lock or to open the
    /// file.
    ///
    /// # Safety
    ///
    /// The place is as its fields promise, and one process calls this once,
    /// before any [`attach`](Self::attach).
    unsafe fn create(place: &Place) -> io::Result<()>;

    /// Makes this process's handle to a lock that was created.
    ///
    /// # Errors
    ///
    /// What the system says when the file cannot be opened.
    ///
    /// # Safety
    ///
    /// The place is the one given to [`create`](Self::create), and its bytes
    /// stay mapped, where they are, as long as the handle lives.
    unsafe fn attach(place: &Place) -> io::Result<Self>;

    /// Takes the lock, and waits for it as long as that takes.
    ///
    /// A thread that holds the lock must not take it again: most of these locks
    /// then wait for ever.
    ///
    /// # Errors
    ///
    /// What the system says; the lock is not held then.
    fn lock(&self) -> io::Result<Acquired>;

    /// Frees the lock that the calling thread holds.
    ///
    /// Calling this without holding the lock touches no other memory, but may
    /// free it under its holder: few of these locks check.
    ///
    /// # Errors
    ///
    /// What the system says; most refuse nothing.
    fn unlock(&self) -> io::Result<()>;
}
