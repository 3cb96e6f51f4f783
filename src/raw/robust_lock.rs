//! The lock: one word that the kernel frees when its owner dies.
//!
//! | word | written by | what it says |
//! |---|---|---|
//! | `word` | its owner; whoever takes it while it has none; the kernel at the owner's death | owner, `WAITERS`, `OWNER_DIED` |
//! | `sleepers` | whoever registers; the owner in a repair | how many may be asleep, and in which generation |
//! | `misses` | who released | how many wake-ups in a row woke nobody |
//! | `node` | the owner | its place on the owner's robust list |
//!
//! An owned word always carries `WAITERS`, so the kernel wakes somebody whenever an owner dies,
//! and nobody but the owner writes it, so a plain store may release it. Sleepers are registered
//! beside the word. A sleeper that is killed leaves the count too high, never too low: that costs
//! system calls until a repair, not a wake-up. Wake-ups go to the generation's half of `sleepers`;
//! on the word itself only the kernel wakes, when somebody died.
//!
//! The thread's pending place names the lock from before the first change of its word until after
//! the last wake-up that the release owes: killed anywhere between, the kernel frees the word or
//! wakes a sleeper in the dead thread's stead. `docs/ARCHITECTURE.md` has the argument whole, and
//! what looks right and is not.

use super::patience::Patience;
use super::protocol::{Announced, Protocol, ReleaseBy, Wakes};
use crate::sys::atomic::{Acquire, AtomicU32, AtomicU64, Relaxed, Release, SeqCst, compiler_fence};
use crate::sys::backoff::Backoff;
use crate::sys::clock::Deadline;
use crate::sys::futex::{self, Futex};
use crate::sys::robust_list::{self, Thread};

use std::mem::offset_of;

/// No owner, nobody died.
pub const UNLOCKED: u32 = 0;
/// The kernel wakes a sleeper when the owner dies (`FUTEX_WAITERS`).
pub const WAITERS: u32 = 0x8000_0000;
/// The last owner died while it held the lock (`FUTEX_OWNER_DIED`).
pub const OWNER_DIED: u32 = 0x4000_0000;
/// The owner's thread id (`FUTEX_TID_MASK`).
pub const OWNER: u32 = 0x3fff_ffff;

/// A repair takes two system calls and wakes every sleeper; a miss costs one call. After 64 of
/// them in a row the repair is a small part of what was paid. A model repairs at every miss.
const MISSES_TO_REPAIR: u32 = if cfg!(loom) { 1 } else { 64 };

/// A lock in shared memory. Zeroed bytes are an unlocked one.
#[repr(C, align(8))]
#[derive(Debug, Default)]
pub struct RobustLock {
    word: AtomicU32,
    recoveries: AtomicU32,
    sleepers: AtomicU64,
    misses: AtomicU32,
    reserved: AtomicU32,
    node: robust_list::Node,
}

/// How a lock was got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Acquired {
    /// From an owner that released it.
    Clean,
    /// From an owner that died holding it.
    OwnerDied,
}

/// Why a lock was not got. The thread ids are those of the owner at that moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The calling thread holds it already.
    HeldByCaller,
    /// Another thread holds it, and the caller did not want to wait.
    WouldBlock(u32),
    /// Another thread held it until the deadline.
    TimedOut(u32),
}

impl RobustLock {
    /// Takes the lock. On success the lock is held and still *pending*: follow with
    /// [`hold`](Self::hold), or release it with [`leave`](Self::leave).
    ///
    /// # Errors
    ///
    /// [`Refused`], with nothing held and nothing pending.
    ///
    /// # Safety
    ///
    /// The lock stays mapped where it is until the calling thread has left it, or has ended.
    #[inline(always)]
    pub unsafe fn enter(
        &self,
        me: Thread,
        protocol: Protocol,
        patience: impl Into<Patience>,
    ) -> Result<Acquired, Refused> {
        // SAFETY: the node is at its place behind the word, and stays mapped as the caller promises.
        unsafe { me.set_pending(&self.node) };
        // Acquire: pairs with the release in `leave`, or with the death of the last owner.
        match self
            .word
            .compare_exchange(UNLOCKED, me.tid() | WAITERS, Acquire, Relaxed)
        {
            Ok(_) => Ok(Acquired::Clean),
            Err(_) => self.enter_contended(me, protocol, patience.into()),
        }
    }

    /// Takes the lock if that needs no waiting. As [`enter`](Self::enter) otherwise.
    ///
    /// # Errors
    ///
    /// [`Refused`], with nothing held and nothing pending.
    ///
    /// # Safety
    ///
    /// As for [`enter`](Self::enter).
    pub unsafe fn try_enter(&self, me: Thread, protocol: Protocol) -> Result<Acquired, Refused> {
        // SAFETY: as in `enter`.
        unsafe { me.set_pending(&self.node) };
        loop {
            let seen = self.word.load(Relaxed);
            if seen & OWNER != 0 {
                me.clear_pending();
                return Err(match seen & OWNER == me.tid() {
                    true => Refused::HeldByCaller,
                    false => Refused::WouldBlock(seen & OWNER),
                });
            }
            if let Some(acquired) = self.take_ownerless(me, seen, protocol) {
                return Ok(acquired);
            }
        }
    }

    /// Puts the held lock on the thread's robust list, so that it stays protected while other
    /// locks come and go.
    ///
    /// # Safety
    ///
    /// The calling thread has entered the lock, and not held it since; it stays mapped where it is
    /// until it is left or the thread has ended.
    #[inline(always)]
    pub unsafe fn hold(&self, me: Thread) {
        // SAFETY: the owner's node is on no list yet; the caller promises that it stays.
        unsafe { me.link(&self.node) };
        me.clear_pending();
    }

    /// Undoes [`hold`](Self::hold): the lock is held and pending again.
    ///
    /// # Safety
    ///
    /// The calling thread holds the lock by `hold`.
    #[inline(always)]
    pub unsafe fn unhold(&self, me: Thread) {
        // SAFETY: it stays mapped until it is left, as was promised to `hold`.
        unsafe { me.set_pending(&self.node) };
        // SAFETY: `hold` has linked it.
        unsafe { me.unlink(&self.node) };
    }

    /// Releases the held, pending lock, which stays pending: whatever the release owes to sleepers comes
    /// before `Thread::clear_pending`.
    ///
    /// # Safety
    ///
    /// The calling thread has entered the lock, and it is pending.
    #[inline(always)]
    pub unsafe fn leave(&self, protocol: Protocol) {
        match protocol.release {
            ReleaseBy::PlainStore => {
                // Release: pairs with the Acquire in `enter`. Only the owner writes an owned word.
                self.word.store(UNLOCKED, Release);
                // The processor may still look at `sleepers` before others see the word free;
                // whoever registers meanwhile makes us pass a barrier and looks again.
                compiler_fence(SeqCst);
            }
            ReleaseBy::Exchange => {
                // SeqCst: with the SeqCst in `register`, either this side sees the sleeper or the
                // sleeper sees the word free.
                self.word.swap(UNLOCKED, SeqCst);
            }
        }
    }

    /// Tells whether somebody may be asleep, whom a release has to wake.
    #[inline(always)]
    pub(super) fn may_have_sleepers(&self) -> bool {
        self.sleepers.load(SeqCst) & COUNT != 0
    }

    /// Returns the thread that holds the lock at this moment.
    pub fn owner(&self) -> Option<u32> {
        // Acquire: what the owner is seen to wait for is not older than its taking this lock.
        match self.word.load(Acquire) & OWNER {
            0 => None,
            tid => Some(tid),
        }
    }

    /// Tells whether the lock is free because its owner died, and nobody took it since.
    pub fn is_orphaned(&self) -> bool {
        // Acquire: who acts on it reads what the dead owner wrote.
        let seen = self.word.load(Acquire);
        seen & OWNER == 0 && seen & OWNER_DIED != 0
    }

    /// Returns how often the lock was taken over from an owner that died.
    pub fn recoveries(&self) -> u32 {
        // Relaxed: a statistic.
        self.recoveries.load(Relaxed)
    }

    /// Returns the pending place's name of this lock, for those who sleep beside it.
    pub(super) fn node(&self) -> &robust_list::Node {
        &self.node
    }

    /// Returns the word as a futex and what it holds now. On it the kernel wakes at a death.
    pub(super) fn death_watch(&self) -> (Futex<'_>, u32) {
        // Acquire: what is read afterwards is not older than this.
        (Futex::new(&self.word), self.word.load(Acquire))
    }

    #[cold]
    fn enter_contended(
        &self,
        me: Thread,
        protocol: Protocol,
        patience: Patience,
    ) -> Result<Acquired, Refused> {
        let deadline = patience.deadline(protocol);
        let mut backoff = Backoff::new(protocol.spin);
        let mut registered: Option<(u32, Announced)> = None;
        let outcome = loop {
            let seen = self.word.load(Relaxed);
            let owner = seen & OWNER;
            if owner == 0 {
                match self.take_ownerless(me, seen, protocol) {
                    Some(acquired) => break Ok(acquired),
                    None => continue,
                }
            }
            if owner == me.tid() {
                break Err(Refused::HeldByCaller);
            }
            if backoff.pause() {
                continue;
            }
            if deadline.is_some_and(Deadline::has_passed) {
                break Err(Refused::TimedOut(owner));
            }
            match registered {
                Some(registration) if registration.0 == self.generation() => {
                    self.sleep(seen, registration, protocol, deadline);
                    self.unregister(registration.0);
                    registered = None;
                    backoff.restart();
                }
                // Never, or repaired away: register, then look again before sleeping.
                _ => registered = Some(self.register(protocol)),
            }
        };
        if let Some((generation, _)) = registered {
            self.unregister(generation);
        }
        if outcome.is_err() {
            me.clear_pending();
        }
        outcome
    }

    /// Tries to take a word that was seen without an owner.
    fn take_ownerless(&self, me: Thread, seen: u32, protocol: Protocol) -> Option<Acquired> {
        // Acquire: as in `enter`.
        self.word
            .compare_exchange(seen, me.tid() | WAITERS, Acquire, Relaxed)
            .ok()?;
        if seen & OWNER_DIED == 0 {
            return Some(Acquired::Clean);
        }
        // Killed from here on, we are the owner that died, and the next one comes here.
        self.recoveries.fetch_add(1, Relaxed);
        self.repair(protocol);
        Some(Acquired::OwnerDied)
    }

    fn register(&self, protocol: Protocol) -> (u32, Announced) {
        // SeqCst: pairs with the exchange in `leave`. A look at the word that comes too early all the
        // same is made up for by the sleep, which compares it again behind the kernel's own barrier.
        let before = self.sleepers.fetch_add(1, SeqCst);
        (generation_of(before), protocol.announce())
    }

    fn unregister(&self, generation: u32) {
        // Relaxed: a count that is too high for a moment costs a system call.
        let _ = self.sleepers.fetch_update(Relaxed, Relaxed, |sleepers| {
            (generation_of(sleepers) == generation && sleepers & COUNT != 0).then(|| sleepers - 1)
        });
    }

    fn generation(&self) -> u32 {
        // Relaxed: the sleep itself compares it again.
        generation_of(self.sleepers.load(Relaxed))
    }

    fn sleep(
        &self,
        seen: u32,
        (generation, announced): (u32, Announced),
        protocol: Protocol,
        deadline: Option<Deadline>,
    ) {
        let word = (Futex::new(&self.word), seen);
        let generation = (self.generation_futex(), generation);
        let alone = match protocol.wakes {
            Wakes::Generation => generation,
            Wakes::Word => word,
        };
        // The generation first: a release that comes between the two comparisons finds us queued
        // there. A death changes the word before it wakes.
        let on_both = |until| futex::wait_either([generation, word], until);
        protocol.sleep(on_both, alone, announced, deadline);
    }

    #[cold]
    #[cfg_attr(loom, allow(clippy::absurd_extreme_comparisons, reason = "one miss"))]
    pub(super) fn wake_sleeper(&self, me: Thread, protocol: Protocol) {
        if futex::wake_one(self.wake_futex(protocol)) {
            self.misses.store(0, Relaxed);
            return;
        }
        // Relaxed throughout: `misses` decides only when to look after a count that is too high.
        if self.misses.fetch_add(1, Relaxed) < MISSES_TO_REPAIR - 1 {
            return;
        }
        self.misses.store(0, Relaxed);
        // Another owner's release will come here too. The lock is still pending.
        if self
            .word
            .compare_exchange(UNLOCKED, me.tid() | WAITERS, Acquire, Relaxed)
            .is_ok()
        {
            self.repair(protocol);
            self.word.swap(UNLOCKED, SeqCst);
            if self.sleepers.load(SeqCst) & COUNT != 0 {
                futex::wake_one(self.wake_futex(protocol));
            }
        }
    }

    /// Forgets who is registered and has everyone who lives register again. For the owner only:
    /// if it dies on the way, the next owner repairs.
    fn repair(&self, protocol: Protocol) {
        // SeqCst: not later than the release that follows.
        let _ = self.sleepers.fetch_update(SeqCst, Relaxed, |sleepers| {
            Some(u64::from(generation_of(sleepers).wrapping_add(1)) << 32)
        });
        futex::wake_all(self.wake_futex(protocol));
    }

    fn wake_futex(&self, protocol: Protocol) -> Futex<'_> {
        match protocol.wakes {
            Wakes::Generation => self.generation_futex(),
            Wakes::Word => Futex::new(&self.word),
        }
    }

    fn generation_futex(&self) -> Futex<'_> {
        Futex::high_half(&self.sleepers)
    }
}

/// The low half of `sleepers`.
const COUNT: u64 = u32::MAX as u64;

fn generation_of(sleepers: u64) -> u32 {
    (sleepers >> 32) as u32
}

const _: () = assert!(
    offset_of!(RobustLock, node) - offset_of!(RobustLock, word) == robust_list::word_before_node(),
    "the kernel finds the word at a fixed distance from the node"
);
#[cfg(not(loom))]
const _: () = assert!(offset_of!(RobustLock, sleepers) == 8 && size_of::<RobustLock>() == 40);

impl RobustLock {
    /// Where its words are, for a segment's fingerprint.
    pub(super) const LAYOUT: [usize; 5] = [
        offset_of!(RobustLock, word),
        offset_of!(RobustLock, recoveries),
        offset_of!(RobustLock, sleepers),
        offset_of!(RobustLock, misses),
        offset_of!(RobustLock, node),
    ];
}
