//! The words of an object, found and checked.

use std::ptr::NonNull;

use super::directory::Entry;
use super::error::{Error, Foreign};
use super::{Name, Segment};
use crate::sys::atomic::AtomicU64;

/// The words of an object, and the segment that keeps them mapped.
#[derive(Clone, Debug)]
pub struct Located {
    words: NonNull<[AtomicU64]>,
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
        Ok(Self {
            words: NonNull::from(words),
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
}

fn segment_name(segment: &Segment) -> &Name {
    &segment.mapped.name
}
