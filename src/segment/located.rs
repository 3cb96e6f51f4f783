//! An object of a segment, found and checked: what every user's handle holds.

use std::ptr::NonNull;

use super::directory::{Entry, Kind};
use super::error::{Error, Foreign};
use super::{Name, Segment};
use crate::raw::committed::{Committed, Line};
use crate::raw::protocol::Protocol;
use crate::raw::shareable::Shareable;
use crate::sys::atomic::AtomicU64;

/// The words of an object, and the segment that keeps them mapped.
#[derive(Debug)]
pub struct Located {
    words: NonNull<[AtomicU64]>,
    protocol: Protocol,
    segment: Segment,
}

// SAFETY: the words are atomics in a mapping of the whole process, kept alive by `segment`.
unsafe impl Send for Located {}
// SAFETY: as above; a shared reference gives only `&[AtomicU64]`.
unsafe impl Sync for Located {}

impl Located {
    pub(super) fn new(segment: &Segment, entry: &Entry) -> Result<Self, Error> {
        let words = segment.words(entry.range()).ok_or_else(|| {
            let offset = entry.range().start as u64;
            Error::foreign(segment_name(segment), Foreign::Directory { offset })
        })?;
        if matches!(entry.kind(), Some(Kind::Value | Kind::Lock)) {
            segment.mapped.remember_line(entry.range().start);
        }
        Ok(Self {
            words: NonNull::from(words),
            protocol: segment.protocol(),
            segment: segment.clone(),
        })
    }

    /// Returns the segment.
    pub fn segment(&self) -> &Segment {
        &self.segment
    }

    /// Returns the object's words.
    #[inline]
    pub fn words(&self) -> &[AtomicU64] {
        // SAFETY: they came from a reference into the mapping, which `segment` keeps mapped.
        unsafe { self.words.as_ref() }
    }

    /// Returns the object as a committed `T`, for a shape of [`committed_words`] words.
    ///
    /// # Panics
    ///
    /// When the shape had fewer.
    #[inline]
    pub fn committed<T: Shareable>(&self) -> Committed<'_, T> {
        view(self.words(), self.protocol)
    }
}

const LINE: usize = size_of::<Line>() / size_of::<AtomicU64>();

/// Returns how many words a committed `T` takes.
pub const fn committed_words<T: Shareable>() -> usize {
    LINE + Committed::<T>::PLACES
}

/// Writes the first value of a committed `T` into fresh words.
pub fn initialize<T: Shareable>(words: &[AtomicU64], value: &T, protocol: Protocol) {
    view(words, protocol).initialize(value);
}

#[inline]
fn view<T: Shareable>(words: &[AtomicU64], protocol: Protocol) -> Committed<'_, T> {
    let line = line_of(words).expect("a committed object has a line of its own");
    Committed::new(line, &words[LINE..], protocol)
}

/// Returns the line that some words begin with, if they are long enough and aligned.
#[inline]
pub(super) fn line_of(words: &[AtomicU64]) -> Option<&Line> {
    let line = words.get(..LINE)?.as_ptr().cast::<Line>();
    if !line.is_aligned() {
        return None;
    }
    // SAFETY: the words are as long as a Line and aligned like one, and borrowed as long; a Line is
    // made of atomics, like they are, and any bytes are a valid one.
    Some(unsafe { &*line })
}

fn segment_name(segment: &Segment) -> &Name {
    &segment.mapped.name
}
