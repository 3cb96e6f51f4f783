//! Why something was not pushed or popped. The queue is as it was then, but for damage.

use std::time::Duration;

use super::attempt::NotMade;
use super::bytes_ring::Damaged;
use super::error::LockError;

/// Why an item was not pushed. It gives the item back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PushError<T> {
    /// There is no room.
    #[error("the queue is full")]
    Full(T),
    /// The queue takes no more items.
    #[error("the queue is closed")]
    Closed(T),
    /// There was no room all the time.
    #[error("the queue was full, and had no room within {timeout:?}")]
    TimedOut {
        /// What was to be pushed.
        item: T,
        /// How long the caller waited.
        timeout: Duration,
    },
    /// The queue's lock was not got: who holds it has been stopped in the middle of a push or a pop.
    #[error("cannot push to the queue: {error}")]
    Locked {
        /// What was to be pushed.
        item: T,
        /// Why the lock was not got.
        #[source]
        error: LockError,
    },
}

/// Why bytes were not pushed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PushBytesError {
    /// They would not fit into the empty queue.
    #[error("the item has {length} bytes, the queue takes items of up to {longest}")]
    TooLong {
        /// How many they are.
        length: usize,
        /// How many they may be.
        longest: usize,
    },
    /// There is not enough room now.
    #[error("the queue is full")]
    Full,
    /// The queue takes no more items.
    #[error("the queue is closed")]
    Closed,
    /// There was not enough room all the time.
    #[error("the queue was full, and had no room for the item within {timeout:?}")]
    TimedOut {
        /// How long the caller waited.
        timeout: Duration,
    },
    /// The queue's lock was not got: who holds it has been stopped in the middle of a push or a pop.
    #[error("cannot push to the queue: {0}")]
    Locked(#[from] LockError),
}

/// Why no item was popped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PopError {
    /// There is no item.
    #[error("the queue is empty")]
    Empty,
    /// There is no item, and none will come.
    #[error("the queue is closed and empty")]
    Closed,
    /// There was no item all the time.
    #[error("the queue was empty, and no item came within {timeout:?}")]
    TimedOut {
        /// How long the caller waited.
        timeout: Duration,
    },
    /// The next item's length makes no sense: a stray write has damaged the queue. All that was in it
    /// has been dropped, and it can be used again.
    #[error("the queue was damaged: an item of {length} bytes in {used}; all of it was dropped")]
    Damaged {
        /// What stands as the item's length.
        length: u64,
        /// How many bytes of the queue were in use.
        used: u64,
    },
    /// The queue's lock was not got: who holds it has been stopped in the middle of a push or a pop.
    #[error("cannot pop from the queue: {0}")]
    Locked(#[from] LockError),
}

impl<T> PushError<T> {
    /// Returns what was to be pushed.
    pub fn into_item(self) -> T {
        match self {
            Self::Full(item)
            | Self::Closed(item)
            | Self::TimedOut { item, .. }
            | Self::Locked { item, .. } => item,
        }
    }

    #[cold]
    pub(super) fn new(item: T, not_made: NotMade) -> Self {
        match not_made {
            NotMade::NotNow => Self::Full(item),
            NotMade::TimedOut(timeout) => Self::TimedOut { item, timeout },
            NotMade::Lock(error) => Self::Locked { item, error },
        }
    }
}

impl From<NotMade> for PushBytesError {
    #[cold]
    fn from(not_made: NotMade) -> Self {
        match not_made {
            NotMade::NotNow => Self::Full,
            NotMade::TimedOut(timeout) => Self::TimedOut { timeout },
            NotMade::Lock(error) => Self::Locked(error),
        }
    }
}

impl From<Damaged> for PopError {
    fn from(Damaged { length, used }: Damaged) -> Self {
        Self::Damaged { length, used }
    }
}

impl From<NotMade> for PopError {
    #[cold]
    fn from(not_made: NotMade) -> Self {
        match not_made {
            NotMade::NotNow => Self::Empty,
            NotMade::TimedOut(timeout) => Self::TimedOut { timeout },
            NotMade::Lock(error) => Self::Locked(error),
        }
    }
}
