//! Who takes part, which protocol they run, and how many may be killed.

use crate::enter::Enter;
use crate::state::{Pc, Process};
use crate::twins::Twin;
use crate::watch::Watch;

/// How the lock is let go; one choice for the whole segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    /// An atomic exchange: a full barrier.
    Exchange,
    /// A plain store, which may sit in the store buffer; sleepers pay with a membarrier.
    Plain,
}

/// What is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// A word: storing it is the commit, and the sequence is for watchers only.
    Small,
    /// Two places: the sequence names the current one.
    Large,
}

/// What frees the lock of a killed owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// `list_op_pending` stays set while the lock is held.
    Pending,
    /// The lock goes onto the robust list, as a guard's does.
    List,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Locks, commits and unlocks, `rounds` times.
    Locker { rounds: u8, hold: Hold },
    /// Waits until commits and recoveries together reach `target`.
    Watcher { target: u8 },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Role {
    pub kind: Kind,
    /// Its waits may run out at any time. A wait that runs out and is taken up again is also what
    /// an interrupted one (EINTR) looks like.
    pub timed: bool,
}

impl Role {
    pub fn start(&self) -> Process {
        let (pc, rounds) = match self.kind {
            Kind::Locker { rounds, .. } => (Pc::Enter(Enter::Announce), rounds),
            Kind::Watcher { .. } => (Pc::Watch(Watch::Arm), 1),
        };
        Process {
            pc,
            rounds,
            ..Process::default()
        }
    }

    pub fn is_watcher(&self) -> bool {
        matches!(self.kind, Kind::Watcher { .. })
    }

    pub fn holds_by_list(&self) -> bool {
        matches!(
            self.kind,
            Kind::Locker {
                hold: Hold::List,
                ..
            }
        )
    }
}

pub fn locker(hold: Hold, rounds: u8) -> Role {
    Role {
        kind: Kind::Locker { rounds, hold },
        timed: false,
    }
}

pub fn watcher(target: u8) -> Role {
    Role {
        kind: Kind::Watcher { target },
        timed: false,
    }
}

pub fn timed(role: Role) -> Role {
    Role {
        timed: true,
        ..role
    }
}

/// Equal roles stand side by side: the search treats them as interchangeable.
#[derive(Clone, Copy, Debug)]
pub struct Scenario<'a> {
    pub roles: &'a [Role],
    pub release: Release,
    pub size: Size,
    pub kills: u8,
    pub twin: Option<Twin>,
}

impl Scenario<'_> {
    pub fn is(&self, twin: Twin) -> bool {
        self.twin == Some(twin)
    }

    /// Without watchers nobody reads the sequence and nobody announces himself, so the steps that
    /// serve watchers only are left out.
    pub fn has_watchers(&self) -> bool {
        self.roles.iter().any(Role::is_watcher)
    }

    /// Tells whether a commit leaves the sequence as it is when nobody watches.
    pub fn spares_sequence(&self) -> bool {
        let has_barrier = self.release == Release::Plain || self.is(Twin::SparesWithoutBarrier);
        self.size == Size::Small && has_barrier
    }

    pub fn sleepers_need_membarrier(&self) -> bool {
        self.release == Release::Plain && !self.is(Twin::NoMembarrier)
    }
}
