//! An array that changes whole or not at all, and its lock, in one.
//!
//! A guard changes elements in place; a journal keeps what they were until the one store that commits
//! ([`crate::raw::journal`]). So changing one element costs the same in a long array as in a short one.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use super::array_guard::ArrayGuard;
use super::error::{AddError, Holder, LockError};
use super::integer::Integer;
use super::journal::{Journal, check_words};
use crate::raw::shareable::{Shareable, Words, words_of, write_words};
use crate::segment::{Error, Kind, Segment};
use crate::sys::atomic::AtomicU64;

/// An array that processes share. Handles are `Send` and `Sync`; threads share it as processes do.
///
/// After SIGKILL, exec, the end of the holder's thread or a panic: what was last committed, and the
/// lock free at once. The next holder undoes what the last one left half done; until then readers see
/// it as undone already.
///
/// Changing one element costs the same in a long array as in a short one: four stores a word, and
/// the lock. Copying all takes as long as there are elements.
///
/// An element takes its size rounded up to eight bytes, three times: itself and its place in the
/// journal. The words of all elements together are at most 2^32 - 1. Like a slice, an array panics when
/// it is asked for an element that it does not have.
///
/// Readers take no lock and wait for nobody, but look again when a change was committed meanwhile. One
/// that copies the array and is overtaken again and again has writers pause for it, at most for the
/// time it takes to copy, and never for more than 10 ms.
pub struct Array<T> {
    journal: Journal,
    len: usize,
    element: PhantomData<fn() -> T>,
}

impl Segment {
    /// Opens the array of this name, or makes it with `len` elements, all of them `initial`.
    ///
    /// # Errors
    ///
    /// [`Error::OtherShape`] when the object is something else or has another length;
    /// [`Error::OutOfRange`] when `len` is zero or too large; [`Error::Full`].
    ///
    /// # Examples
    ///
    /// ```
    /// # let segment = shmcount::Segment::create("doc-array")?;
    /// let hits = segment.array("hits", 24, 0i64)?;
    /// hits.fetch_add(7, 1)?;
    /// assert_eq!(hits.load(7), 1);
    ///
    /// let mut all = hits.lock()?;
    /// all.swap(7, 8);
    /// all.set(9, 3);
    /// drop(all);
    /// assert_eq!(hits.snapshot()[7..10], [0, 1, 3]);
    /// # segment.remove()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn array<T: Shareable>(
        &self,
        object: &str,
        len: usize,
        initial: T,
    ) -> Result<Array<T>, Error> {
        Array::open_or_create(self, object, len, |_| initial)
    }

    /// As [`array`](Self::array), made with these elements.
    ///
    /// # Errors
    ///
    /// As [`array`](Self::array).
    pub fn array_from<T: Shareable>(&self, object: &str, initial: &[T]) -> Result<Array<T>, Error> {
        Array::open_or_create(self, object, initial.len(), |index| initial[index])
    }

    /// Opens the array of this name, which must be there, whatever its length.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchObject`]; [`Error::OtherShape`] when it is something else.
    pub fn open_array<T: Shareable>(&self, object: &str) -> Result<Array<T>, Error> {
        let (length, data) = Journal::data_words(self, object)?;
        // If there are not as many, it is no such array: the size that is expected then tells.
        let words = words_of::<T>()
            .saturating_mul(length as usize)
            .min(data + 1);
        let journal = Journal::open::<T>(self, object, (Kind::Array, length), words)?;
        Ok(Array::new(journal, length as usize))
    }
}

impl<T: Shareable> Array<T> {
    /// Returns an element as it was last committed. Takes no lock and waits for nobody.
    ///
    /// # Panics
    ///
    /// When there is no such element.
    #[inline]
    #[track_caller]
    pub fn load(&self, index: usize) -> T {
        let start = self.start_of(index);
        self.journal.words().read(|words| words.value(start))
    }

    /// Returns all elements as they were after the same commit. Takes no lock and waits for nobody.
    pub fn snapshot(&self) -> Vec<T> {
        let words = self.journal.words().snapshot();
        let words = words.as_slice();
        (0..self.len)
            .map(|index| words.value(index * words_of::<T>()))
            .collect()
    }

    /// Puts another value in the place of an element.
    ///
    /// # Errors
    ///
    /// [`LockError::Deadlock`], [`LockError::HeldByCaller`].
    ///
    /// # Panics
    ///
    /// When there is no such element.
    #[inline]
    #[track_caller]
    pub fn store(&self, index: usize, value: T) -> Result<(), LockError> {
        let start = self.start_of(index);
        self.journal
            .modify(None, |change| change.store_value(start, &value))
    }

    /// Changes an element under the lock and returns what `change` returned.
    ///
    /// When `change` panics, nothing has changed.
    ///
    /// # Errors
    ///
    /// [`LockError::Deadlock`], [`LockError::HeldByCaller`], [`LockError::TooManyHeld`].
    ///
    /// # Panics
    ///
    /// When there is no such element.
    #[track_caller]
    pub fn update<R>(
        &self,
        index: usize,
        change: impl FnOnce(&mut T) -> R,
    ) -> Result<R, LockError> {
        self.start_of(index);
        Ok(self.lock()?.update(index, change))
    }

    /// Takes the lock, for as long as that takes.
    ///
    /// # Errors
    ///
    /// [`LockError::Deadlock`], [`LockError::HeldByCaller`], [`LockError::TooManyHeld`].
    pub fn lock(&self) -> Result<ArrayGuard<'_, T>, LockError> {
        Ok(ArrayGuard::new(self.journal.lock()?, self.len))
    }

    /// Takes the lock, or gives up after `timeout`. A holder that is stopped is never robbed.
    ///
    /// # Errors
    ///
    /// [`LockError::TimedOut`] names the holder; as [`lock`](Self::lock).
    pub fn lock_timeout(&self, timeout: Duration) -> Result<ArrayGuard<'_, T>, LockError> {
        let guard = self.journal.lock_timeout(timeout)?;
        Ok(ArrayGuard::new(guard, self.len))
    }

    /// Takes the lock if nobody holds it.
    ///
    /// # Errors
    ///
    /// [`LockError::WouldBlock`] names the holder; as [`lock`](Self::lock).
    pub fn try_lock(&self) -> Result<ArrayGuard<'_, T>, LockError> {
        Ok(ArrayGuard::new(self.journal.try_lock()?, self.len))
    }

    /// Returns how many elements there are: at least one.
    #[expect(clippy::len_without_is_empty, reason = "an array is never empty")]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Returns who holds the lock at this moment.
    pub fn holder(&self) -> Option<Holder> {
        self.journal.holder()
    }

    /// Returns how often the lock was taken over from a holder that died.
    pub fn recoveries(&self) -> u32 {
        self.journal.recoveries()
    }

    /// Returns the segment that the array lies in.
    pub fn segment(&self) -> &Segment {
        self.journal.segment()
    }

    fn open_or_create(
        segment: &Segment,
        object: &str,
        len: usize,
        initial: impl Fn(usize) -> T,
    ) -> Result<Self, Error> {
        if len == 0 {
            return Err(Error::OutOfRange {
                object: object.to_owned(),
                what: "length",
                found: 0,
                expected: "1 or more",
            });
        }
        let size = words_of::<T>();
        let data = check_words(object, "length", len, size.checked_mul(len))?;
        let fill = |words: &[AtomicU64]| {
            for index in 0..len {
                write_words(&words[index * size..][..size], &initial(index));
            }
        };
        let identity = (Kind::Array, len as u64);
        let journal = Journal::open_or_create::<T>(segment, object, identity, data, fill)?;
        Ok(Self::new(journal, len))
    }

    fn new(journal: Journal, len: usize) -> Self {
        Self {
            journal,
            len,
            element: PhantomData,
        }
    }

    #[inline]
    #[track_caller]
    fn start_of(&self, index: usize) -> usize {
        start_of::<T>(index, self.len)
    }
}

impl<T: Integer> Array<T> {
    /// Adds `by` to an element and returns its value before.
    ///
    /// An add that returned is counted once. One whose process was killed is counted once or not
    /// at all.
    ///
    /// # Errors
    ///
    /// [`AddError::Overflow`], with the element unchanged;
    /// [`LockError::Deadlock`], [`LockError::HeldByCaller`].
    ///
    /// # Panics
    ///
    /// When there is no such element.
    #[inline]
    #[track_caller]
    pub fn fetch_add(&self, index: usize, by: T) -> Result<T, AddError> {
        self.add_within(index, by, None)
    }

    /// As [`fetch_add`](Self::fetch_add), but gives up after `timeout`, with the element unchanged.
    ///
    /// # Errors
    ///
    /// As [`fetch_add`](Self::fetch_add); [`LockError::TimedOut`] names the holder.
    ///
    /// # Panics
    ///
    /// When there is no such element.
    #[track_caller]
    pub fn fetch_add_timeout(&self, index: usize, by: T, timeout: Duration) -> Result<T, AddError> {
        self.add_within(index, by, Some(timeout))
    }

    #[inline]
    #[track_caller]
    fn add_within(&self, index: usize, by: T, timeout: Option<Duration>) -> Result<T, AddError> {
        let start = self.start_of(index);
        let before: T = self.journal.modify(timeout, |change| {
            let before: T = change.value(start);
            if let Some(sum) = before.checked_add(by) {
                change.store_value(start, &sum);
            }
            before
        })?;
        match before.checked_add(by) {
            Some(_) => Ok(before),
            None => Err(AddError::Overflow {
                value: before.into(),
                by: by.into(),
            }),
        }
    }
}

/// Returns the first word of an element.
#[inline]
#[track_caller]
pub(super) fn start_of<T>(index: usize, len: usize) -> usize {
    assert!(
        index < len,
        "the array has {len} elements, and the index is {index}"
    );
    index * words_of::<T>()
}

impl<T: Shareable + fmt::Debug> fmt::Debug for Array<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Array")
            .field("elements", &self.snapshot())
            .field("holder", &self.holder())
            .finish_non_exhaustive()
    }
}
