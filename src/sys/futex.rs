//! Sleeping on words of shared memory, and waking who sleeps there.
//!
//! Never `FUTEX_PRIVATE`: the sleepers are in other processes. A process killed in its
//! sleep is taken off the queue by the kernel; a wake-up that had already been given to
//! it is gone, which is why the locks above set their pending word before they sleep.

use std::marker::PhantomData;
use std::ptr;

use super::atomic::{AtomicU32, AtomicU64};
use super::clock::Deadline;

/// On how many words one sleeper can sleep (`FUTEX_WAITV_MAX`).
pub const MOST_WORDS: usize = 128;

/// The address of a 32-bit word that processes sleep on.
#[derive(Clone, Copy)]
pub struct Futex<'a> {
    address: *const u32,
    word: PhantomData<&'a AtomicU32>,
}

impl<'a> Futex<'a> {
    /// Takes the whole of a 32-bit word.
    pub fn new(word: &'a AtomicU32) -> Self {
        Self {
            address: word.as_ptr(),
            word: PhantomData,
        }
    }

    /// Takes the low half of a 64-bit word.
    pub fn low_half(word: &'a AtomicU64) -> Self {
        const { assert!(cfg!(target_endian = "little")) };
        Self {
            address: word.as_ptr().cast(),
            word: PhantomData,
        }
    }

    /// Takes the high half of a 64-bit word.
    pub fn high_half(word: &'a AtomicU64) -> Self {
        Self {
            address: Self::low_half(word).address.wrapping_add(1),
            word: PhantomData,
        }
    }
}

/// Why a sleep ended. Whatever it was, the caller looks at its words again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awake {
    /// Somebody woke the sleeper, through at least one of its words: the one of this index. Linux names the
    /// last of them, and promises only that it is one.
    Woken(usize),
    /// A word did not hold what was expected of it, or a signal came.
    Early,
    /// The deadline passed.
    TimedOut,
    /// The kernel, or a sandbox entered since, refuses this call.
    Refused,
}

/// Sleeps while the word holds `expected`, until woken or until the deadline.
pub fn wait(word: Futex<'_>, expected: u32, deadline: Option<Deadline>) -> Awake {
    let until = deadline.as_ref().map_or(ptr::null(), |deadline| {
        ptr::from_ref(deadline.as_timespec())
    });
    // SAFETY: the kernel only reads the word, which `Futex` borrows, and the timespec, which
    // `deadline` keeps alive for the call; WAIT_BITSET ignores its fifth argument.
    let result = unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.address,
            libc::FUTEX_WAIT_BITSET,
            expected,
            until,
            ptr::null::<u32>(),
            libc::FUTEX_BITSET_MATCH_ANY,
        )
    };
    awake(result)
}

/// Sleeps while both words hold what is expected, until woken or until the deadline.
///
/// The kernel queues the sleeper on the first word before it looks at the second: a wake
/// on the first is never missed by a sleeper that found the second unchanged.
pub fn wait_either(words: [(Futex<'_>, u32); 2], deadline: Option<Deadline>) -> Awake {
    wait_on(
        &words.map(|(word, expected)| Waiter::new(word, expected)),
        deadline,
    )
}

/// As [`wait_either`], on up to [`MOST_WORDS`] words. The kernel queues in their order.
pub fn wait_any(words: &[(Futex<'_>, u32)], deadline: Option<Deadline>) -> Awake {
    let waiters: Vec<Waiter> = words
        .iter()
        .map(|(word, expected)| Waiter::new(*word, *expected))
        .collect();
    wait_on(&waiters, deadline)
}

/// For waiters whose words somebody borrows.
fn wait_on(waiters: &[Waiter], deadline: Option<Deadline>) -> Awake {
    let until = deadline.as_ref().map_or(ptr::null(), |deadline| {
        ptr::from_ref(deadline.as_timespec())
    });
    // SAFETY: the kernel reads the waiters, which are borrowed for the call, the words they name, as
    // addresses that it checks, and the timespec, which `deadline` keeps alive for the call.
    let result = unsafe {
        libc::syscall(
            libc::SYS_futex_waitv,
            waiters.as_ptr(),
            waiters.len(),
            0,
            until,
            libc::CLOCK_MONOTONIC,
        )
    };
    awake(result)
}

/// Tells whether this kernel lets this process sleep on two words (Linux 5.16).
pub fn can_wait_either() -> bool {
    let word = AtomicU32::new(0);
    let other = AtomicU32::new(0);
    // Words that do not hold what is expected: answers EAGAIN where the call exists.
    let words = [(Futex::new(&word), 1), (Futex::new(&other), 1)];
    wait_either(words, None) == Awake::Early
}

/// Wakes one sleeper of the word; tells whether there was one.
pub fn wake_one(word: Futex<'_>) -> bool {
    wake(word, 1) > 0
}

/// Wakes all sleepers of the word; tells whether there was one.
pub fn wake_all(word: Futex<'_>) -> bool {
    wake(word, i32::MAX) > 0
}

fn wake(word: Futex<'_>, most: i32) -> i64 {
    // SAFETY: the kernel takes the address as a key and reads nothing through it.
    unsafe { libc::syscall(libc::SYS_futex, word.address, libc::FUTEX_WAKE, most) }
}

fn awake(result: i64) -> Awake {
    match result {
        0.. => Awake::Woken(result as usize),
        _ => match std::io::Error::last_os_error().raw_os_error() {
            Some(libc::ETIMEDOUT) => Awake::TimedOut,
            Some(libc::EAGAIN | libc::EINTR) => Awake::Early,
            _ => Awake::Refused,
        },
    }
}

/// One word of a `futex_waitv` call (`struct futex_waitv` of linux/futex.h).
#[repr(C)]
struct Waiter {
    expected: u64,
    address: u64,
    flags: u32,
    reserved: u32,
}

impl Waiter {
    fn new(word: Futex<'_>, expected: u32) -> Self {
        // FUTEX2_SIZE_U32, and without FUTEX2_PRIVATE: shared between processes.
        const SHARED_32_BIT: u32 = 0x02;
        Self {
            expected: u64::from(expected),
            address: word.address as u64,
            flags: SHARED_32_BIT,
            reserved: 0,
        }
    }
}
