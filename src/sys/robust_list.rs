//! The list of locks that the kernel frees when this thread dies.
//!
//! It is glibc's own list, found with `get_robust_list` and never replaced, so that our locks
//! lie on it between real pthread mutexes. Only the owning thread writes it; the kernel reads
//! it when the thread has ended, by SIGKILL, exec or return, after all of the thread's stores.
//!
//! Two ways to be on it: *linked*, for a lock that is held while other things happen, and
//! *pending*, a single place for the lock that is just being taken or released. The kernel
//! frees a pending lock too, and wakes a sleeper when it finds it free.
//!
//! Sources: linux `Documentation/locking/robust-futex-ABI.rst`, `kernel/futex/core.c`
//! (`handle_futex_death`); the place of prev and next from glibc's `pthread_mutex_t`.

use std::cell::Cell;
use std::mem::offset_of;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

use super::atomic::{AtomicU32, SeqCst, compiler_fence};

/// Where glibc puts the lock word, seen from a list entry, on x86-64 and aarch64.
const FUTEX_OFFSET: isize = -32;
/// The kernel follows 2,048 entries (`ROBUST_LIST_LIMIT`) and forgets the rest; some room is
/// left for pthread mutexes of the program.
const MOST_HELD: u32 = 2_000;
/// The lowest bit of a link says that the *next* lock inherits priority.
const LINK_FLAGS: usize = 1;

/// The links of one lock, 24 bytes after its word, as in `pthread_mutex_t`.
///
/// They hold addresses of the process that owns the lock and mean nothing to another.
#[repr(C)]
#[derive(Debug, Default)]
pub struct Node {
    prev: AtomicUsize,
    next: AtomicUsize,
}

/// The kernel's `struct robust_list_head`. Glibc keeps a `prev` of its own just before it,
/// so that the head looks like a node.
#[repr(C)]
struct Head {
    first: AtomicUsize,
    futex_offset: isize,
    pending: AtomicUsize,
}

/// The calling thread, as the kernel names it in lock words and keeps its list.
#[derive(Clone, Copy)]
pub struct Thread {
    tid: u32,
    head: NonNull<Head>,
}

/// Why a lock cannot be linked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this thread holds {MOST_HELD} locks, and the kernel would not free more if it died")]
pub struct TooManyHeld;

/// Why this program cannot use the robust list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the C library's robust list has offset {found}, and {FUTEX_OFFSET} is needed")]
pub struct OtherLayout {
    found: isize,
}

thread_local! {
    static CURRENT: Cell<Option<Thread>> = const { Cell::new(None) };
    static HELD: Cell<u32> = const { Cell::new(0) };
}

impl Thread {
    /// Returns the calling thread.
    ///
    /// The kernel is asked once a thread; a forked child is a new thread and asks again.
    ///
    /// # Panics
    ///
    /// When the thread has no robust list, because it was made by a bare `clone(2)`.
    #[inline]
    pub fn current() -> Self {
        match CURRENT.get() {
            Some(thread) => thread,
            None => Self::find(),
        }
    }

    /// Returns the thread's id, as it stands in the words of locks it owns.
    #[inline]
    pub fn tid(self) -> u32 {
        self.tid
    }

    /// Says that this thread is taking or releasing the lock of `node`.
    #[inline]
    pub fn set_pending(self, node: &Node) {
        self.head().pending.store(node.entry(), Relaxed);
        // The kernel must find the pending lock from before the first change of its word.
        compiler_fence(SeqCst);
    }

    /// Says that this thread is taking or releasing nothing.
    #[inline]
    pub fn clear_pending(self) {
        compiler_fence(SeqCst);
        self.head().pending.store(0, Relaxed);
    }

    /// Checks that one more lock may be linked.
    ///
    /// # Errors
    ///
    /// [`TooManyHeld`] when the kernel might not walk that far.
    #[inline]
    pub fn check_room(self) -> Result<(), TooManyHeld> {
        if HELD.get() < MOST_HELD {
            Ok(())
        } else {
            Err(TooManyHeld)
        }
    }

    /// Puts a held lock on the list. Its node must be pending until this returns.
    #[inline]
    pub fn link(self, node: &Node) {
        HELD.set(HELD.get() + 1);
        let head = self.head();
        let first = head.first.load(Relaxed);
        prev_of(first).store(node.entry(), Relaxed);
        node.next.store(first, Relaxed);
        node.prev.store(self.head.addr().get(), Relaxed);
        // The node must be whole before the list leads to it.
        compiler_fence(SeqCst);
        head.first.store(node.entry(), Relaxed);
    }

    /// Takes a lock off the list. Its node must be pending from before the call.
    #[inline]
    pub fn unlink(self, node: &Node) {
        HELD.set(HELD.get() - 1);
        let next = node.next.load(Relaxed);
        let prev = node.prev.load(Relaxed);
        prev_of(next).store(prev, Relaxed);
        next_of(prev).store(next, Relaxed);
        compiler_fence(SeqCst);
    }

    #[inline]
    fn head(&self) -> &Head {
        // SAFETY: `head` is the calling thread's own list head, which glibc keeps in the thread's
        // control block; `Thread` is neither Send nor kept past a fork, so the block is alive.
        unsafe { self.head.as_ref() }
    }

    #[cold]
    fn find() -> Self {
        // Not a Once: a child forked while another thread was inside would wait for ever. Two
        // handlers do no harm.
        static AT_FORK: AtomicBool = AtomicBool::new(false);
        if !AT_FORK.swap(true, Relaxed) {
            // SAFETY: the handler is a plain function that lives as long as the program.
            unsafe { libc::pthread_atfork(None, None, Some(forget_thread)) };
        }
        let thread = Self {
            tid: nix::unistd::gettid().as_raw() as u32,
            head: own_head(),
        };
        CURRENT.set(Some(thread));
        thread
    }
}

impl Node {
    /// The address by which lists know the node: that of its `next`.
    #[inline]
    fn entry(&self) -> usize {
        std::ptr::from_ref(&self.next) as usize
    }
}

/// Checks that the C library lays out its robust list as this one does.
///
/// # Errors
///
/// [`OtherLayout`] when it does not: then no lock may be taken.
pub fn check_layout() -> Result<(), OtherLayout> {
    match Thread::current().head().futex_offset {
        FUTEX_OFFSET => Ok(()),
        found => Err(OtherLayout { found }),
    }
}

/// Returns the distance from a node to the word it frees, for structures to assert theirs.
pub const fn word_before_node() -> usize {
    FUTEX_OFFSET.unsigned_abs() - offset_of!(Node, next)
}

#[inline]
fn next_of<'a>(link: usize) -> &'a AtomicUsize {
    let entry = (link & !LINK_FLAGS) as *const AtomicUsize;
    // SAFETY: links of the calling thread's list lead to the head or to a node of a lock that
    // this thread holds; both stay mapped while they are on the list, and begin with `next`.
    unsafe { &*entry }
}

#[inline]
fn prev_of<'a>(link: usize) -> &'a AtomicUsize {
    let entry = (link & !LINK_FLAGS) as *const AtomicUsize;
    let prev = entry.wrapping_sub(1);
    // SAFETY: as in `next_of`; a word with the same layout lies before each `next`, in our nodes,
    // in `pthread_mutex_t`, and (glibc's `robust_prev`) before the head.
    unsafe { &*prev }
}

fn own_head() -> NonNull<Head> {
    let mut head: *const Head = std::ptr::null();
    let mut length = 0usize;
    // SAFETY: the kernel writes one pointer and one length, both on this stack.
    let result =
        unsafe { libc::syscall(libc::SYS_get_robust_list, 0, &raw mut head, &raw mut length) };
    NonNull::new(head.cast_mut())
        .filter(|_| result == 0 && length == size_of::<Head>())
        .expect("a thread made by glibc has a robust list, and get_robust_list is allowed")
}

/// Runs in a forked child: its only thread has another id, and holds nothing.
extern "C" fn forget_thread() {
    CURRENT.set(None);
    HELD.set(0);
}

const _: () = assert!(offset_of!(Head, pending) == 16 && size_of::<Head>() == 24);
const _: () = assert!(size_of::<AtomicU32>() == 4);
