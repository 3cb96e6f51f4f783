//! Futexes: a queue for each 32-bit word, as `kernel/futex` keeps them.
//!
//! Who wants to sleep passes a barrier, locks the queue, compares the word and queues, in that
//! order, for one word after the other; who wakes passes a barrier and locks the queue (the comment
//! at the head of linux `kernel/futex/waitwake.c`). A sleeper on two words that was woken through
//! one stays on the other's queue until it runs, and a second wake-up may fall to it there.

use std::collections::VecDeque;
use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed as Unseen};

use loom::sync::Mutex;
use loom::thread::{self, Thread};

use super::atomic::{AtomicU32, AtomicU64, Relaxed, SeqCst, fence};
use super::clock::{self, Deadline};

/// Who sleeps on one word, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Queue {
    sleepers: Mutex<VecDeque<Arc<Sleeper>>>,
}

/// On how many words one sleeper can sleep.
pub const MOST_WORDS: usize = 128;

/// A 32-bit word that threads sleep on.
#[derive(Clone, Copy)]
pub struct Futex<'a> {
    word: Word<'a>,
    queue: &'a Queue,
}

#[derive(Clone, Copy)]
enum Word<'a> {
    Whole(&'a AtomicU32),
    Low(&'a AtomicU64),
    High(&'a AtomicU64),
}

/// Why a sleep ended. Whatever it was, the caller looks at its words again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awake {
    /// Somebody woke the sleeper, through at least one of its words.
    Woken(usize),
    /// A word did not hold what was expected of it.
    Early,
    /// The deadline passed.
    TimedOut,
    /// Never happens: a model has no sandbox.
    Refused,
}

impl<'a> Futex<'a> {
    /// Takes the whole of a 32-bit word.
    pub fn new(word: &'a AtomicU32) -> Self {
        Self {
            word: Word::Whole(word),
            queue: &word.queues[0],
        }
    }

    /// Takes the low half of a 64-bit word.
    pub fn low_half(word: &'a AtomicU64) -> Self {
        Self {
            word: Word::Low(word),
            queue: &word.queues[0],
        }
    }

    /// Takes the high half of a 64-bit word.
    pub fn high_half(word: &'a AtomicU64) -> Self {
        Self {
            word: Word::High(word),
            queue: &word.queues[1],
        }
    }

    fn load(self) -> u32 {
        match self.word {
            Word::Whole(word) => word.load(Relaxed),
            Word::Low(word) => word.load(Relaxed) as u32,
            Word::High(word) => (word.load(Relaxed) >> 32) as u32,
        }
    }

    fn queue_if_holds(self, expected: u32, sleeper: &Arc<Sleeper>) -> bool {
        fence(SeqCst);
        self.queue.locked(|sleepers| {
            let holds = self.load() == expected;
            if holds {
                sleepers.push_back(sleeper.clone());
            }
            holds
        })
    }
}

/// Sleeps while the word holds `expected`, until woken or until the deadline.
pub fn wait(word: Futex<'_>, expected: u32, deadline: Option<Deadline>) -> Awake {
    sleep_on(&[(word, expected)], deadline)
}

/// Sleeps while both words hold what is expected, until woken or until the deadline.
pub fn wait_either(words: [(Futex<'_>, u32); 2], deadline: Option<Deadline>) -> Awake {
    sleep_on(&words, deadline)
}

/// As [`wait_either`], on any number of words.
pub fn wait_any(words: &[(Futex<'_>, u32)], deadline: Option<Deadline>) -> Awake {
    sleep_on(words, deadline)
}

/// Wakes one sleeper of the word; tells whether there was one.
pub fn wake_one(word: Futex<'_>) -> bool {
    wake(word, 1) > 0
}

/// Wakes all sleepers of the word; tells whether there was one.
pub fn wake_all(word: Futex<'_>) -> bool {
    wake(word, usize::MAX) > 0
}

fn wake(word: Futex<'_>, most: usize) -> usize {
    fence(SeqCst);
    word.queue.locked(|sleepers| {
        let woken = most.min(sleepers.len());
        sleepers.drain(..woken).for_each(|sleeper| sleeper.wake());
        woken
    })
}

fn sleep_on(words: &[(Futex<'_>, u32)], deadline: Option<Deadline>) -> Awake {
    let sleeper = Arc::new(Sleeper::new());
    let queues = |(word, expected): &&(Futex<'_>, u32)| word.queue_if_holds(*expected, &sleeper);
    let queued = words.iter().take_while(queues).count();
    let unchanged = queued == words.len();
    if unchanged && deadline.is_none_or(|_| clock::call_at_deadline(&sleeper)) {
        sleeper.sleep();
    }
    let mut woken_through = 0;
    for (index, (word, _)) in words[..queued].iter().enumerate() {
        let is_other = |other: &Arc<Sleeper>| !Arc::ptr_eq(other, &sleeper);
        word.queue.locked(|sleepers| {
            if sleepers.iter().all(is_other) {
                woken_through = index;
            }
            sleepers.retain(is_other);
        });
    }
    // A thread that slept was switched out and in again.
    fence(SeqCst);
    if sleeper.was_woken.load(Unseen) {
        Awake::Woken(woken_through)
    } else if unchanged {
        Awake::TimedOut
    } else {
        Awake::Early
    }
}

impl Queue {
    /// Never dropped by unwinding: loom unwinds its threads when it is gone itself.
    fn locked<R>(&self, work: impl FnOnce(&mut VecDeque<Arc<Sleeper>>) -> R) -> R {
        let mut sleepers = ManuallyDrop::new(self.sleepers.lock().expect("loom's never poisons"));
        let result = work(&mut sleepers);
        drop(ManuallyDrop::into_inner(sleepers));
        result
    }
}

/// A thread in one call of `wait`. Loom does not see the flags: it runs one thread at a time and
/// changes over only at its own atomics and locks, of which none is between a look and a `park`.
#[derive(Debug)]
pub(super) struct Sleeper {
    thread: Thread,
    was_woken: AtomicBool,
    was_called: AtomicBool,
    is_parked: AtomicBool,
}

impl Sleeper {
    fn new() -> Self {
        Self {
            thread: thread::current(),
            was_woken: AtomicBool::new(false),
            was_called: AtomicBool::new(false),
            is_parked: AtomicBool::new(false),
        }
    }

    fn sleep(&self) {
        if !self.was_woken.load(Unseen) && !self.was_called.load(Unseen) {
            self.is_parked.store(true, Unseen);
            thread::park();
        }
    }

    fn wake(&self) {
        self.was_woken.store(true, Unseen);
        self.unpark();
    }

    /// Ends the sleep because its time is over.
    pub(super) fn call(&self) {
        self.was_called.store(true, Unseen);
        self.unpark();
    }

    fn unpark(&self) {
        // Once: loom would take a second for an end of whatever the thread waits for by then.
        if self.is_parked.swap(false, Unseen) {
            self.thread.unpark();
        }
    }
}
