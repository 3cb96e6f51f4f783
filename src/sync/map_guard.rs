//! What holds a map's lock, and makes changes that are committed together.

use std::fmt;

use super::integer::Integer;
use super::journal::JournalGuard;
use super::map::Map;
use super::map_error::MapError;
use crate::raw::shareable::Shareable;
use crate::raw::table::Found;

/// The lock of a [`Map`]. What is changed through it is committed when it is dropped, all at once;
/// whoever reads the map before sees none of it.
///
/// It commits whichever way it is dropped: an early return with `?` commits what was changed up to
/// there. A panic that unwinds through it commits nothing, nor does [`discard`](Self::discard). A guard
/// that a fork copied into a child changes nothing there.
#[must_use = "the changes are committed and the lock released when this is dropped"]
pub struct MapGuard<'a, V: Shareable> {
    guard: JournalGuard<'a>,
    map: &'a Map<V>,
}

impl<'a, V: Shareable> MapGuard<'a, V> {
    pub(super) fn new(guard: JournalGuard<'a>, map: &'a Map<V>) -> Self {
        Self { guard, map }
    }

    /// Returns the value of a key, as this guard has left it.
    pub fn get(&self, key: impl AsRef<[u8]>) -> Option<V> {
        let key = self.map.key(key.as_ref()).ok()?;
        self.map.table().get(&self.guard, key)
    }

    /// Tells whether the map has a key.
    pub fn contains(&self, key: impl AsRef<[u8]>) -> bool {
        self.get(key).is_some()
    }

    /// Gives a key a value. Returns the one it had before.
    ///
    /// # Errors
    ///
    /// [`MapError::Full`] when the key is new and there is no room, [`MapError::KeyTooLong`].
    pub fn insert(&mut self, key: impl AsRef<[u8]>, value: V) -> Result<Option<V>, MapError> {
        let key = self.map.key(key.as_ref())?;
        let Some(change) = self.guard.change() else {
            return Ok(None);
        };
        let inserted = self.map.table().insert(change, key, &value);
        inserted.map_err(|_| self.map.full())
    }

    /// Takes a key away. Returns the value it had.
    pub fn remove(&mut self, key: impl AsRef<[u8]>) -> Option<V> {
        let key = self.map.key(key.as_ref()).ok()?;
        self.map.table().remove(self.guard.change()?, key)
    }

    /// Returns the value of a key, after giving it this one if it has none.
    ///
    /// # Errors
    ///
    /// As [`insert`](Self::insert).
    pub fn get_or_insert(&mut self, key: impl AsRef<[u8]>, value: V) -> Result<V, MapError> {
        match self.get(&key) {
            Some(found) => Ok(found),
            None => self.insert(key, value).map(|_| value),
        }
    }

    /// Changes the value of a key, and returns what `change` returned; nothing when the map has no such
    /// key. When `change` panics, the value has not changed.
    pub fn update<R>(
        &mut self,
        key: impl AsRef<[u8]>,
        change: impl FnOnce(&mut V) -> R,
    ) -> Option<R> {
        let table = self.map.table();
        let key = self.map.key(key.as_ref()).ok()?;
        let Found::At(place) = table.find(&self.guard, key) else {
            return None;
        };
        let mut value = table.value(&self.guard, place);
        let result = change(&mut value);
        table.set(self.guard.change()?, place, &value);
        Some(result)
    }

    /// Takes all keys away.
    pub fn clear(&mut self) {
        if let Some(change) = self.guard.change() {
            self.map.table().clear(change);
        }
    }

    /// Returns all keys and values as this guard has left them, in no order.
    pub fn to_vec(&self) -> Vec<(Vec<u8>, V)> {
        self.map.table().pairs(&self.guard)
    }

    /// Returns how many keys there are.
    pub fn len(&self) -> usize {
        self.map.table().len(&self.guard)
    }

    /// Tells whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Tells whether the last holder died with the lock in hand. The map is as it was last committed all
    /// the same.
    pub fn owner_died(&self) -> bool {
        self.guard.owner_died()
    }

    /// Releases the lock and leaves the map as it was.
    pub fn discard(self) {
        self.guard.discard();
    }
}

impl<V: Integer> MapGuard<'_, V> {
    /// Adds `by` to the value of a key, which is zero if the map does not have it yet. Returns the value
    /// before.
    ///
    /// # Errors
    ///
    /// [`MapError::Overflow`]; as [`insert`](Self::insert).
    pub fn fetch_add(&mut self, key: impl AsRef<[u8]>, by: V) -> Result<V, MapError> {
        let key = self.map.key(key.as_ref())?;
        match self.guard.change() {
            Some(change) => self.map.add(change, key, by),
            None => Ok(V::zeroed()),
        }
    }
}

impl<V: Shareable> fmt::Debug for MapGuard<'_, V> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("MapGuard")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}
