//! How the processes of a segment release its locks and sleep for them.
//!
//! A segment's header says how its locks are released and where sleepers are woken; what a process
//! does about that depends on what its kernel, or sandbox, lets it do.

use std::time::Duration;

use super::patience::FirstLook;
use crate::sys::backoff::Spin;
use crate::sys::clock::Deadline;
use crate::sys::futex::{self, Awake, Futex};
use crate::sys::membarrier;

/// How long a process without `futex_waitv` or membarrier sleeps before it looks again.
const SLICE: Duration = Duration::from_millis(20);

/// How a process releases the locks of a segment, and sleeps for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protocol {
    /// How this process releases.
    pub release: ReleaseBy,
    /// What this process pays before it sleeps.
    pub announce: Announce,
    /// Where a release wakes sleepers. All processes of a segment must agree on it.
    pub wakes: Wakes,
    /// Whether this process can sleep on two words at once (`futex_waitv`).
    pub sleeps_on_both: bool,
    /// Whether a waiter polls before it sleeps.
    pub spin: Spin,
    /// When a waiter looks whether it waits in a circle.
    pub first_look: FirstLook,
}

/// How a lock is released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReleaseBy {
    /// An atomic exchange: a full barrier between the release and the look at the sleepers.
    Exchange,
    /// A plain store: sleepers pay for the barrier, with `membarrier(2)`.
    PlainStore,
}

/// What makes a sleeper's registration visible to a releaser that does not see it at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Announce {
    /// The registration's own atomic operation is enough, because releasers exchange.
    AtomicOnly,
    /// Releasers must pass a barrier of ours.
    Membarrier,
    /// They should, and the kernel refuses it: look again now and then.
    Refused,
}

/// Where sleepers are woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wakes {
    /// On the generation; sleepers sleep on generation and word at once (`futex_waitv`).
    Generation,
    /// On the word, where `futex_waitv` is missing.
    Word,
}

/// Whether everybody who owes a wake-up is sure to see that somebody may be asleep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Announced {
    /// They are.
    ToAll,
    /// Some may not be: look again now and then.
    Perhaps,
}

impl Protocol {
    /// Makes an announcement that was just stored visible to every releaser.
    pub(super) fn announce(self) -> Announced {
        let is_certain = match self.announce {
            Announce::AtomicOnly => true,
            Announce::Membarrier => membarrier::global_expedited(),
            Announce::Refused => false,
        };
        match is_certain {
            true => Announced::ToAll,
            false => Announced::Perhaps,
        }
    }

    /// Sleeps on several words, by `on_all`, until one is woken or found changed; at least until some
    /// such thing may have gone unnoticed. `alone` is the word to sleep on where that must be one.
    pub(super) fn sleep(
        self,
        on_all: impl FnOnce(Option<Deadline>) -> Awake,
        alone: (Futex<'_>, u32),
        announced: Announced,
        deadline: Option<Deadline>,
    ) -> Awake {
        let slice = || Some(Deadline::or_within(deadline, SLICE));
        if self.sleeps_on_both {
            let until = match announced {
                Announced::ToAll => deadline,
                Announced::Perhaps => slice(),
            };
            let awake = on_all(until);
            if awake != Awake::Refused {
                return awake;
            }
        }
        futex::wait(alone.0, alone.1, slice())
    }
}

const _: () = assert!(
    size_of::<Protocol>() <= size_of::<u64>(),
    "a larger one goes through memory each time a lock is taken"
);
