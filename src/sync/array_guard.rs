//! What holds an array's lock, and changes elements that are committed together.

use std::fmt;
use std::marker::PhantomData;

use super::array::start_of;
use super::journal::JournalGuard;
use crate::raw::shareable::{Shareable, Words, words_of};

/// The lock of an [`Array`](crate::Array). What is changed through it is committed when it is dropped,
/// all at once; whoever reads the array before sees none of it.
///
/// It commits whichever way it is dropped: an early return with `?` commits what was changed up to
/// there. A panic that unwinds through it commits nothing, nor does [`discard`](Self::discard). A guard
/// that a fork copied into a child changes nothing there.
///
/// Elements are copied out and in, as with [`Cell`](std::cell::Cell), for other processes may look at
/// them.
#[must_use = "the changes are committed and the lock released when this is dropped"]
pub struct ArrayGuard<'a, T: Shareable> {
    guard: JournalGuard<'a>,
    len: usize,
    element: PhantomData<fn() -> T>,
}

impl<'a, T: Shareable> ArrayGuard<'a, T> {
    pub(super) fn new(guard: JournalGuard<'a>, len: usize) -> Self {
        Self {
            guard,
            len,
            element: PhantomData,
        }
    }

    /// Returns an element, as this guard has left it.
    ///
    /// # Panics
    ///
    /// When there is no such element.
    #[inline]
    #[track_caller]
    pub fn get(&self, index: usize) -> T {
        self.guard.value(start_of::<T>(index, self.len))
    }

    /// Puts another value in the place of an element.
    ///
    /// # Panics
    ///
    /// When there is no such element.
    #[inline]
    #[track_caller]
    pub fn set(&mut self, index: usize, value: T) {
        let start = start_of::<T>(index, self.len);
        if let Some(change) = self.guard.change() {
            change.store_value(start, &value);
        }
    }

    /// As [`set`](Self::set), and returns the value that was there.
    ///
    /// # Panics
    ///
    /// When there is no such element.
    #[track_caller]
    pub fn replace(&mut self, index: usize, value: T) -> T {
        let before = self.get(index);
        self.set(index, value);
        before
    }

    /// Changes an element, and returns what `change` returned. When that panics, it has not changed.
    ///
    /// # Panics
    ///
    /// When there is no such element.
    #[track_caller]
    pub fn update<R>(&mut self, index: usize, change: impl FnOnce(&mut T) -> R) -> R {
        let mut value = self.get(index);
        let result = change(&mut value);
        self.set(index, value);
        result
    }

    /// Puts two elements in each other's place.
    ///
    /// # Panics
    ///
    /// When there is no such element.
    #[track_caller]
    pub fn swap(&mut self, one: usize, other: usize) {
        let (first, second) = (self.get(one), self.get(other));
        self.set(one, second);
        self.set(other, first);
    }

    /// Makes all elements this value.
    pub fn fill(&mut self, value: T) {
        (0..self.len).for_each(|index| self.set(index, value));
    }

    /// Returns the elements one after the other, as this guard has left them.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = T> + DoubleEndedIterator + '_ {
        let size = words_of::<T>();
        (0..self.len).map(move |index| self.guard.value(index * size))
    }

    /// Returns how many elements there are: at least one.
    #[expect(clippy::len_without_is_empty, reason = "an array is never empty")]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Tells whether the last holder died with the lock in hand. The elements are those last committed
    /// all the same.
    pub fn owner_died(&self) -> bool {
        self.guard.owner_died()
    }

    /// Releases the lock and leaves all elements as they were.
    pub fn discard(self) {
        self.guard.discard();
    }
}

impl<T: Shareable + fmt::Debug> fmt::Debug for ArrayGuard<'_, T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.iter()).finish()
    }
}
