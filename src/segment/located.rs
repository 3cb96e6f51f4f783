//! An object of a segment, found and checked: what every user's handle holds.

use std::ptr::NonNull;
use std::sync::atomic::AtomicBool;

use super::directory::Entry;
use super::error::{Error, Foreign};
use super::{Name, Segment};
use crate::raw::committed::{Committed, Line};
use crate::raw::protocol::Protocol;
use crate::raw::shareable::Shareable;
use crate::sys::atomic::{AtomicU64, Relaxed};
use crate::sys::process;

/// The words of an object, and the segment that keeps them mapped.
///
/// Dropped while a lock that was taken through it is still held, because its guard was forgotten, it
/// keeps the segment mapped for ever: the holder's robust list leads into it.
#[derive(Debug)]
pub struct Located {
    words: NonNull<[AtomicU64]>,
    protocol: Protocol,
    segment: Segment,
    /// Whether a guard that was made from this lives. Written under the object's lock only.
    is_lent: AtomicBool,
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
            protocol: segment.protocol(),
            segment: segment.clone(),
            is_lent: AtomicBool::new(false),
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
        // SAFETY: `segment` keeps the words mapped; `drop` sees to what is held longer.
        unsafe { view(self.words(), self.protocol) }
    }

    /// Notes that a guard of this object was made, or dropped. For the holder of its lock.
    #[inline]
    pub fn set_lent(&self, is_lent: bool) {
        // Relaxed: read by `drop`, which nobody else's use of this overlaps.
        self.is_lent.store(is_lent, Relaxed);
    }

    /// Tells whether a thread of this process still holds a lock that was taken through this.
    fn is_held(&self) -> bool {
        let owner = || line_of(self.words()).and_then(|line| line.lock().owner());
        self.is_lent.load(Relaxed) && owner().is_some_and(process::is_own_thread)
    }
}

impl Drop for Located {
    fn drop(&mut self) {
        if self.is_held() {
            std::mem::forget(self.segment.clone());
        }
    }
}

const LINE: usize = size_of::<Line>() / size_of::<AtomicU64>();

/// Returns how many words a committed `T` takes.
pub const fn committed_words<T: Shareable>() -> usize {
    LINE + Committed::<T>::PLACES
}

/// Writes the first value of a committed `T` into fresh words.
pub fn initialize<T: Shareable>(words: &[AtomicU64], value: &T, protocol: Protocol) {
    // SAFETY: the lock is not taken through this view.
    let view = unsafe { view(words, protocol) };
    view.initialize(value);
}

/// # Safety
///
/// As for [`Committed::new`].
#[inline]
unsafe fn view<T: Shareable>(words: &[AtomicU64], protocol: Protocol) -> Committed<'_, T> {
    let line = line_of(words).expect("a committed object has a line of its own");
    // SAFETY: the caller's promise.
    unsafe { Committed::new(line, &words[LINE..], protocol) }
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
