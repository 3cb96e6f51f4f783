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

use super::atomic::{Acquire, AtomicU32, Release, SeqCst, compiler_fence};

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
///
/// Two words, not three fields: so it stays in registers, where three went through memory. Not `Send`, so whoever
/// has one is that thread, or its copy in a forked child.
#[derive(Clone, Copy)]
pub struct Thread {
    id: ThreadId,
    head: NonNull<Head>,
}

/// Which thread, of which process: never that of a thread of a process that this one was forked from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThreadId {
    /// The kernel's id, and above it how many forks lie before the process.
    bits: u64,
}

/// Why a lock cannot be linked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this thread holds {MOST_HELD} locks, and the kernel would not free more if it died")]
pub struct TooManyHeld;

/// Why this program cannot use the robust list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoRobustList {
    /// The C library lays it out otherwise.
    #[error("the C library's robust list has offset {found}, expected {FUTEX_OFFSET}")]
    OtherLayout {
        /// Its offset.
        found: isize,
    },
    /// The thread has none, or `get_robust_list` is refused.
    #[error("this thread has no robust list, or get_robust_list(2) is refused here")]
    Missing,
}

/// How many forks lie between the first process of this program and this one.
static FORKS: AtomicU32 = AtomicU32::new(0);

thread_local! {
    /// The calling thread's, or that of no thread until it has asked for its list.
    static ID: Cell<ThreadId> = const { Cell::new(ThreadId::NONE) };
    /// Its list, once it has an id.
    static HEAD: Cell<NonNull<Head>> = const { Cell::new(NonNull::dangling()) };
    /// No fewer than there are on the list besides one: raised by each lock that is linked to another, and
    /// counted anew before one is refused.
    static MORE_HELD: Cell<u32> = const { Cell::new(0) };
}

impl ThreadId {
    const NONE: Self = Self { bits: 0 };
    /// Never the calling thread's.
    pub const NOBODY: Self = Self { bits: u64::MAX };

    /// Returns the calling thread's, if it has ever asked for its list.
    #[inline(always)]
    pub fn own() -> Self {
        ID.get()
    }
}

impl Thread {
    /// Returns the calling thread.
    ///
    /// The kernel is asked once a thread; a forked child is a new thread and asks again.
    ///
    /// # Panics
    ///
    /// When the thread has no robust list: it was made by a bare `clone(2)`.
    #[inline]
    pub fn current() -> Self {
        match ThreadId::own() {
            ThreadId::NONE => Self::first_time(),
            id => Self {
                id,
                head: HEAD.get(),
            },
        }
    }

    #[cold]
    #[inline(never)]
    fn first_time() -> Self {
        Self::find().expect("a thread made by glibc has a robust list")
    }

    /// Tells whether this was found in a process that has forked the present one since. The kernel's id says
    /// little: in a new PID namespace parent and child may have the same.
    #[inline(always)]
    pub fn is_from_before_fork(self) -> bool {
        self.id != ThreadId::own()
    }

    /// Returns which thread of which process it is.
    #[inline(always)]
    pub fn id(self) -> ThreadId {
        self.id
    }

    /// Returns the thread's id, as it stands in the words of locks it owns.
    #[inline(always)]
    pub fn tid(self) -> u32 {
        self.id.bits as u32
    }

    /// Says that this thread is taking or releasing the lock of `node`.
    ///
    /// # Safety
    ///
    /// A lock word lies [`word_before_node`] bytes before the node, and both stay mapped where they
    /// are until [`clear_pending`](Self::clear_pending) or the end of the thread.
    #[inline]
    pub unsafe fn set_pending(self, node: &Node) {
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
    #[inline(always)]
    pub fn check_room(self) -> Result<(), TooManyHeld> {
        match MORE_HELD.get() + 1 < MOST_HELD {
            true => Ok(()),
            false => self.count_room(),
        }
    }

    /// As [`check_room`](Self::check_room), by a walk along the list.
    #[cold]
    fn count_room(self) -> Result<(), TooManyHeld> {
        let mut held = 0;
        let mut link = self.head().first.load(Relaxed);
        while link & !LINK_FLAGS != self.end() && held < MOST_HELD {
            held += 1;
            // SAFETY: the links of the own list lead from node to node, and back to the head.
            link = unsafe { next_of(link) }.load(Relaxed);
        }
        MORE_HELD.set(held.saturating_sub(1));
        match held < MOST_HELD {
            true => Ok(()),
            false => Err(TooManyHeld),
        }
    }

    /// Puts a held lock on the list. Its node must be pending until this returns.
    ///
    /// # Safety
    ///
    /// The node is on no list. It, and the word before it, stay mapped where they are until it is
    /// unlinked or the thread has ended.
    #[inline(always)]
    pub unsafe fn link(self, node: &Node) {
        let first = self.head().first.load(Relaxed);
        // Nobody reads the head's own `prev`.
        if first != self.end() {
            MORE_HELD.set(MORE_HELD.get() + 1);
            // SAFETY: the first link of the own list leads to a node on it, if not to the head.
            unsafe { prev_of(first) }.store(node.entry(), Relaxed);
        }
        node.next.store(first, Relaxed);
        node.prev.store(self.end(), Relaxed);
        // The node must be whole before the list leads to it.
        compiler_fence(SeqCst);
        self.head().first.store(node.entry(), Relaxed);
    }

    /// Takes a lock off the list. Its node must be pending from before the call.
    ///
    /// # Safety
    ///
    /// The node is on this thread's list.
    #[inline(always)]
    pub unsafe fn unlink(self, node: &Node) {
        let next = node.next.load(Relaxed);
        let prev = node.prev.load(Relaxed);
        if next == prev {
            // Both are the head: it is the only one. By the head's own address, for the stores need not
            // wait then for what was loaded.
            self.head().first.store(self.end(), Relaxed);
        } else {
            // SAFETY: the links of a node on the own list lead to its neighbours there, or to the head.
            unsafe { prev_of(next) }.store(prev, Relaxed);
            // SAFETY: as above.
            unsafe { next_of(prev) }.store(next, Relaxed);
        }
        compiler_fence(SeqCst);
    }

    /// What the last link of the list holds: the address of the head.
    #[inline(always)]
    fn end(self) -> usize {
        self.head.as_ptr().expose_provenance()
    }

    #[inline(always)]
    fn head(&self) -> &Head {
        // SAFETY: `head` is the list head of the thread that this was made by, which glibc keeps in the
        // thread's control block; `Thread` is not Send, so that thread is running. In a forked child, where
        // guards may keep one, the block is a copy at the same place.
        unsafe { self.head.as_ref() }
    }

    #[cold]
    fn find() -> Result<Self, NoRobustList> {
        forget_at_fork();
        let tid = nix::unistd::gettid().as_raw() as u32;
        // Relaxed: raised in a forked child before it does anything else.
        let forks = FORKS.load(Relaxed);
        let thread = Self {
            id: ThreadId {
                bits: u64::from(forks) << u32::BITS | u64::from(tid),
            },
            head: own_head().ok_or(NoRobustList::Missing)?,
        };
        match thread.head().futex_offset {
            FUTEX_OFFSET => {
                HEAD.set(thread.head);
                ID.set(thread.id);
                Ok(thread)
            }
            found => Err(NoRobustList::OtherLayout { found }),
        }
    }
}

impl Node {
    /// The address by which lists know the node: that of its `next`.
    #[inline]
    fn entry(&self) -> usize {
        // Of the whole node: `prev` is found from it too.
        let node = std::ptr::from_ref(self).expose_provenance();
        node + offset_of!(Node, next)
    }
}

/// Checks that the calling thread has a robust list, laid out as this one is.
///
/// # Errors
///
/// [`NoRobustList`]: then no lock may be taken.
pub fn check() -> Result<(), NoRobustList> {
    match ThreadId::own() {
        ThreadId::NONE => Thread::find().map(|_| ()),
        _ => Ok(()),
    }
}

/// Returns the distance from a node to the word it frees, for structures to assert theirs.
pub const fn word_before_node() -> usize {
    FUTEX_OFFSET.unsigned_abs() - offset_of!(Node, next)
}

/// # Safety
///
/// The link leads to the head of the calling thread's list or to a node on it.
#[inline]
unsafe fn next_of<'a>(link: usize) -> &'a AtomicUsize {
    let entry = std::ptr::with_exposed_provenance::<AtomicUsize>(link & !LINK_FLAGS);
    // SAFETY: heads and nodes begin with their link to the next, and stay mapped while they are on
    // the list.
    unsafe { &*entry }
}

/// # Safety
///
/// As for [`next_of`].
#[inline]
unsafe fn prev_of<'a>(link: usize) -> &'a AtomicUsize {
    let entry = std::ptr::with_exposed_provenance::<AtomicUsize>(link & !LINK_FLAGS);
    let prev = entry.wrapping_sub(1);
    // SAFETY: a word of the same use lies before each `next`, in our nodes, in `pthread_mutex_t`,
    // and (glibc's `robust_prev`) before the head.
    unsafe { &*prev }
}

fn own_head() -> Option<NonNull<Head>> {
    let mut head: *const Head = std::ptr::null();
    let mut length = 0usize;
    // SAFETY: the kernel writes one pointer and one length, both on this stack.
    let result =
        unsafe { libc::syscall(libc::SYS_get_robust_list, 0, &raw mut head, &raw mut length) };
    NonNull::new(head.cast_mut()).filter(|_| result == 0 && length == size_of::<Head>())
}

/// Sees to it that a forked child does not take itself for the thread that forked it.
fn forget_at_fork() {
    // Not a Once: a child forked while another thread was inside would wait for ever. Two handlers
    // do no harm, but none would, so it is noted only when there is one.
    static REGISTERED: AtomicBool = AtomicBool::new(false);
    // Acquire: pairs with the Release below; the handler is registered.
    if !REGISTERED.load(Acquire) {
        // SAFETY: the handler is a plain function that lives as long as the program.
        let failure = unsafe { libc::pthread_atfork(None, None, Some(forget_thread)) };
        assert!(failure == 0, "no memory for an atfork handler");
        REGISTERED.store(true, Release);
    }
}

/// Runs in a forked child: its only thread has another id, and holds nothing.
extern "C" fn forget_thread() {
    // Relaxed: the child has one thread.
    FORKS.fetch_add(1, Relaxed);
    ID.set(ThreadId::NONE);
    MORE_HELD.set(0);
}

const _: () = assert!(offset_of!(Head, pending) == 16 && size_of::<Head>() == 24);
