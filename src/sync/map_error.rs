//! Why a map was not changed.

use super::error::LockError;

/// Why a map was not changed. Nothing has changed then, and nothing is held.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MapError {
    /// The key is new, and the map has as many as it takes.
    #[error("the map has {} and takes no more", keys(*capacity))]
    Full {
        /// How many it takes.
        capacity: usize,
    },
    /// The key is longer than the keys of this map.
    #[error("the key has {length} bytes, and the map takes {most}")]
    KeyTooLong {
        /// How long it is.
        length: usize,
        /// How long a key may be.
        most: usize,
    },
    /// The sum is no number of this type.
    #[error("adding {by} to {value} overflows")]
    Overflow {
        /// The value, which stays.
        value: i128,
        /// What was to be added.
        by: i128,
    },
    /// The lock was not got.
    #[error(transparent)]
    Lock(#[from] LockError),
}

const LARGER: &str = "remove keys, or make a larger one: `shmcount create NAME map --capacity N`";
const LONGER: &str =
    "make one for longer keys: `shmcount create NAME map --capacity N --key-bytes N`";

fn keys(count: usize) -> String {
    match count {
        1 => "1 key".to_owned(),
        _ => format!("{count} keys"),
    }
}

impl MapError {
    /// Returns what a person can do about it, if there is something to say.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Full { .. } => Some(LARGER.to_owned()),
            Self::KeyTooLong { .. } => Some(LONGER.to_owned()),
            Self::Overflow { .. } => None,
            Self::Lock(error) => error.help(),
        }
    }
}
