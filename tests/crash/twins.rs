//! A lock and a value much like the library's, with one fault each: the suite must catch them all,
//! and pass the one without.

use std::mem::offset_of;
use std::sync::atomic::Ordering::{Acquire, Relaxed, SeqCst};
use std::sync::atomic::{AtomicU32, AtomicU64};

use shmcount::raw::robust_lock::{OWNER, UNLOCKED, WAITERS};
use shmcount::sys::futex::{self, Futex};
use shmcount::sys::robust_list::{Node, Thread, word_before_node};

use super::shared::Shared;
use super::subject::Subject;

/// What is wrong with a twin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// As in glibc: `WAITERS` only when contended, and a release that exchanges the word for zero
    /// and then wakes. Killed between the two while a third has taken the lock without `WAITERS`,
    /// the kernel sees a word of another owner, and the third sees nobody to wake.
    WaitersOnlyWhenContended,
    /// The thread never says which lock it is taking or releasing.
    NothingPending,
    /// The value changes in place, by two stores.
    TwoStores,
    /// A reader does not look whether the sequence has moved.
    UncheckedCopy,
    /// Taking it changes nothing.
    DoesNotLock,
}

/// A lock and two numbers that are always equal.
pub struct Twin {
    fault: Fault,
    line: Shared<Line>,
}

/// Holds a twin's lock until it is dropped.
pub struct Held<'a> {
    twin: &'a Twin,
}

#[derive(Default)]
#[repr(C, align(64))]
struct Line {
    word: AtomicU32,
    sleepers: AtomicU32,
    reserved: [AtomicU32; 4],
    node: Node,
    sequence: AtomicU64,
    places: [[AtomicU64; 2]; 2],
}

const _: () = assert!(offset_of!(Line, node) - offset_of!(Line, word) == word_before_node());

impl Twin {
    pub fn new(fault: Fault) -> Self {
        Self {
            fault,
            line: Shared::new(Line::default()),
        }
    }

    fn lock(&self) {
        let me = Thread::current();
        self.set_pending(me);
        if !self.try_take(me, UNLOCKED, false) {
            self.lock_contended(me);
        }
        self.keep(me);
    }

    fn lock_contended(&self, me: Thread) {
        loop {
            let mut seen = self.line.word.load(Relaxed);
            if seen & OWNER == 0 {
                // In glibc too, who may have slept assumes that there are others.
                if self.try_take(me, seen, true) {
                    return;
                }
                continue;
            }
            if seen & WAITERS == 0 {
                let marked = seen | WAITERS;
                let exchange = self
                    .line
                    .word
                    .compare_exchange(seen, marked, SeqCst, Relaxed);
                if exchange.is_err() {
                    continue;
                }
                seen = marked;
            }
            self.line.sleepers.fetch_add(1, SeqCst);
            futex::wait(Futex::new(&self.line.word), seen, None);
            self.line.sleepers.fetch_sub(1, SeqCst);
        }
    }

    fn try_take(&self, me: Thread, seen: u32, is_contended: bool) -> bool {
        if self.fault == Fault::DoesNotLock {
            return true;
        }
        let taken = match self.fault == Fault::WaitersOnlyWhenContended && !is_contended {
            true => me.tid(),
            false => me.tid() | WAITERS,
        };
        let exchange = self
            .line
            .word
            .compare_exchange(seen, taken, SeqCst, Relaxed);
        exchange.is_ok()
    }

    fn keep(&self, me: Thread) {
        if self.fault != Fault::DoesNotLock {
            // SAFETY: taken just now, so on no list; the twin's memory is never unmapped.
            unsafe { me.link(&self.line.node) };
        }
        me.clear_pending();
    }

    fn unlock(&self) {
        let me = Thread::current();
        self.set_pending(me);
        if self.fault != Fault::DoesNotLock {
            // SAFETY: `keep` has linked it.
            unsafe { me.unlink(&self.line.node) };
            let released = self.line.word.swap(UNLOCKED, SeqCst);
            let may_sleep = match self.fault {
                Fault::WaitersOnlyWhenContended => released & WAITERS != 0,
                _ => self.line.sleepers.load(SeqCst) != 0,
            };
            if may_sleep {
                futex::wake_one(Futex::new(&self.line.word));
            }
        }
        me.clear_pending();
    }

    fn set_pending(&self, me: Thread) {
        if self.fault != Fault::NothingPending {
            // SAFETY: the node is at a lock's place behind its word, and never unmapped.
            unsafe { me.set_pending(&self.line.node) };
        }
    }

    fn place(&self, sequence: u64) -> &[AtomicU64; 2] {
        &self.line.places[(sequence & 1) as usize]
    }

    fn read_place(&self, sequence: u64) -> [u64; 2] {
        self.place(sequence)
            .each_ref()
            .map(|word| word.load(Acquire))
    }

    fn commit(&self, value: [u64; 2]) {
        let sequence = self.line.sequence.load(Relaxed);
        let in_place = self.fault == Fault::TwoStores;
        let next = if in_place { sequence } else { sequence + 1 };
        let place = self.place(next);
        place[0].store(value[0], SeqCst);
        place[1].store(value[1], SeqCst);
        self.line.sequence.store(next, SeqCst);
    }
}

impl Subject for Twin {
    type State = [u64; 2];
    type Held<'a> = Held<'a>;

    fn operate(&self) {
        let held = self.hold();
        let value = self.load();
        self.commit(value.map(|word| word + 1));
        drop(held);
    }

    fn load(&self) -> [u64; 2] {
        loop {
            let sequence = self.line.sequence.load(SeqCst);
            let value = self.read_place(sequence);
            if self.fault == Fault::UncheckedCopy || self.line.sequence.load(SeqCst) == sequence {
                return value;
            }
        }
    }

    fn hold(&self) -> Held<'_> {
        self.lock();
        Held { twin: self }
    }

    fn try_hold(&self) -> Option<Held<'_>> {
        let me = Thread::current();
        self.set_pending(me);
        let seen = self.line.word.load(Relaxed);
        if seen & OWNER == 0 && self.try_take(me, seen, false) {
            self.keep(me);
            return Some(Held { twin: self });
        }
        me.clear_pending();
        None
    }

    fn is_held(&self) -> bool {
        self.line.word.load(Relaxed) & OWNER != 0
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.twin.unlock();
    }
}
