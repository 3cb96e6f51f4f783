//! A map that changes whole or not at all, and its lock, in one.
//!
//! A hash table of a fixed capacity ([`crate::raw::table`]), whose words change in place with a
//! journal that keeps what they were until the one store that commits ([`crate::raw::journal`]).

use std::fmt;
use std::time::Duration;

use super::error::{Holder, LockError};
use super::integer::Integer;
use super::journal::{Journal, check_words};
use super::map_error::MapError;
use super::map_guard::MapGuard;
use crate::raw::change::Change;
use crate::raw::shareable::Shareable;
use crate::raw::table::{Found, Key, Table};
use crate::segment::{Error, Kind, Segment};

/// A map that processes share. Handles are `Send` and `Sync`; threads share it as processes do.
///
/// Keys are bytes: strings, and whatever else has bytes, such as numbers by way of `to_le_bytes`. Values
/// are of one type. After SIGKILL, exec, the end of the holder's thread or a panic: what was last
/// committed, and the lock free at once. The next holder undoes what the last one left half done; until
/// then readers see it as undone already.
///
/// The number of keys and their length are fixed when it is made: [`MapError::Full`] and
/// [`MapError::KeyTooLong`] say so. Keys come in no order.
///
/// For each key there are 1⅓ places, each of 8 bytes, the longest key and the value (both rounded up to
/// eight), and three times that with the journal. Looking a key up takes no lock and waits for nobody,
/// but is done again when a change was committed meanwhile. Keys are found by 64-bit FNV-1a with a
/// finish; whoever chooses keys can choose them so that all collide, which makes every operation as slow
/// as a walk over the whole map, and nothing worse.
pub struct Map<V> {
    journal: Journal,
    table: Table<V>,
}

impl Segment {
    /// Opens the map of this name, or makes it, empty: for up to `capacity` keys of up to
    /// `max_key_bytes` bytes, which are rounded up to a multiple of eight.
    ///
    /// # Errors
    ///
    /// [`Error::OtherShape`] when the object is something else, or made for other numbers;
    /// [`Error::OutOfRange`] when `capacity` is zero or too large, or `max_key_bytes` is more than
    /// 65,528; [`Error::Full`].
    ///
    /// # Examples
    ///
    /// ```
    /// # let segment = shmcount::Segment::create("doc-map")?;
    /// let visits = segment.map::<i64>("visits", 100, 32)?;
    /// visits.fetch_add("/index.html", 1)?;
    /// visits.fetch_add("/index.html", 1)?;
    /// assert_eq!(visits.get("/index.html"), Some(2));
    /// assert_eq!(visits.get("/other.html"), None);
    ///
    /// assert_eq!(visits.remove("/index.html")?, Some(2));
    /// assert!(visits.is_empty());
    /// # segment.remove()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn map<V: Shareable>(
        &self,
        object: &str,
        capacity: usize,
        max_key_bytes: usize,
    ) -> Result<Map<V>, Error> {
        let out_of_range = |what, found: usize, expected| Error::OutOfRange {
            object: object.to_owned(),
            what,
            found: found as u64,
            expected,
        };
        if capacity == 0 {
            return Err(out_of_range("capacity", 0, "1 or more"));
        }
        if max_key_bytes > Key::MOST_BYTES {
            let expected = "65528 or less";
            return Err(out_of_range("length of keys", max_key_bytes, expected));
        }
        let table = Table::new(capacity, max_key_bytes.div_ceil(8));
        let data = check_words(object, "capacity", capacity, table.words())?;
        let identity = (Kind::Map, capacity as u64);
        let journal = Journal::open_or_create::<V>(self, object, identity, data, |_| {})?;
        Ok(Map { journal, table })
    }

    /// Opens the map of this name, which must be there, whatever it was made for.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchObject`]; [`Error::OtherShape`] when it is something else.
    pub fn open_map<V: Shareable>(&self, object: &str) -> Result<Map<V>, Error> {
        let (capacity, data) = Journal::data_words(self, object)?;
        let table = Table::of_words((capacity as usize).min(data), data);
        // If these are not as many, it is no such map: the size that is expected then tells.
        let fits = table.words() == Some(data) && table.capacity() as u64 == capacity;
        let words = if fits { data } else { data + 1 };
        let journal = Journal::open::<V>(self, object, (Kind::Map, capacity), words)?;
        Ok(Map { journal, table })
    }
}

impl<V: Shareable> Map<V> {
    /// Returns the value of a key as it was last committed. Takes no lock, waits for nobody and delays
    /// nobody.
    #[inline]
    pub fn get(&self, key: impl AsRef<[u8]>) -> Option<V> {
        let key = self.key(key.as_ref()).ok()?;
        self.journal
            .words()
            .read(|words| self.table.get(&words, key))
    }

    /// Tells whether the map has a key. As [`get`](Self::get).
    #[inline]
    pub fn contains(&self, key: impl AsRef<[u8]>) -> bool {
        self.get(key).is_some()
    }

    /// Gives a key a value. Returns the one it had before.
    ///
    /// # Errors
    ///
    /// [`MapError::Full`] when the key is new and there is no room; [`MapError::KeyTooLong`];
    /// [`LockError::Deadlock`], [`LockError::HeldByCaller`].
    pub fn insert(&self, key: impl AsRef<[u8]>, value: V) -> Result<Option<V>, MapError> {
        let key = self.key(key.as_ref())?;
        let inserted = self.modify(|table, change| table.insert(change, key, &value))?;
        inserted.map_err(|_| self.full())
    }

    /// Takes a key away. Returns the value it had.
    ///
    /// # Errors
    ///
    /// [`LockError::Deadlock`], [`LockError::HeldByCaller`].
    pub fn remove(&self, key: impl AsRef<[u8]>) -> Result<Option<V>, LockError> {
        match self.key(key.as_ref()) {
            Ok(key) => self.modify(|table, change| table.remove(change, key)),
            // A key that is too long is not in it.
            Err(_) => Ok(None),
        }
    }

    /// Returns the value of a key, after giving it this one if it has none.
    ///
    /// # Errors
    ///
    /// As [`insert`](Self::insert).
    pub fn get_or_insert(&self, key: impl AsRef<[u8]>, value: V) -> Result<V, MapError> {
        let key = self.key(key.as_ref())?;
        let got = self.modify(|table, change| match table.get(change, key) {
            Some(found) => Ok(found),
            None => table.insert(change, key, &value).map(|_| value),
        })?;
        got.map_err(|_| self.full())
    }

    /// Changes the value of a key under the lock, and returns what `change` returned; nothing when the
    /// map has no such key.
    ///
    /// When `change` panics, nothing has changed.
    ///
    /// # Errors
    ///
    /// [`LockError::Deadlock`], [`LockError::HeldByCaller`], [`LockError::TooManyHeld`].
    pub fn update<R>(
        &self,
        key: impl AsRef<[u8]>,
        change: impl FnOnce(&mut V) -> R,
    ) -> Result<Option<R>, LockError> {
        Ok(self.lock()?.update(key, change))
    }

    /// Takes all keys away.
    ///
    /// # Errors
    ///
    /// [`LockError::Deadlock`], [`LockError::HeldByCaller`].
    pub fn clear(&self) -> Result<(), LockError> {
        self.modify(|table, change| table.clear(change))
    }

    /// Returns all keys and values as they were after the same commit, in no order. Takes no lock and
    /// waits for nobody.
    pub fn snapshot(&self) -> Vec<(Vec<u8>, V)> {
        self.table.pairs(self.journal.words().snapshot().as_slice())
    }

    /// Returns how many keys there are.
    pub fn len(&self) -> usize {
        self.journal.words().read(|words| self.table.len(&words))
    }

    /// Tells whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns how many keys it takes.
    pub fn capacity(&self) -> usize {
        self.table.capacity()
    }

    /// Returns how long a key may be, in bytes.
    pub fn max_key_bytes(&self) -> usize {
        self.table.most_key_bytes()
    }

    /// Takes the lock, for as long as that takes, to change several values at once.
    ///
    /// # Errors
    ///
    /// [`LockError::Deadlock`], [`LockError::HeldByCaller`], [`LockError::TooManyHeld`].
    ///
    /// # Examples
    ///
    /// ```
    /// # let segment = shmcount::Segment::create("doc-map-lock")?;
    /// let accounts = segment.map::<i64>("accounts", 10, 16)?;
    /// accounts.insert("alice", 100)?;
    /// let mut guard = accounts.lock()?;
    /// guard.fetch_add("alice", -30)?;
    /// guard.fetch_add("bob", 30)?;
    /// assert_eq!(accounts.get("bob"), None, "not committed yet");
    /// drop(guard);
    /// assert_eq!(accounts.get("bob"), Some(30));
    /// # segment.remove()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn lock(&self) -> Result<MapGuard<'_, V>, LockError> {
        Ok(MapGuard::new(self.journal.lock()?, self))
    }

    /// Takes the lock, or gives up after `timeout`. A holder that is stopped is never robbed.
    ///
    /// # Errors
    ///
    /// [`LockError::TimedOut`] names the holder; as [`lock`](Self::lock).
    pub fn lock_timeout(&self, timeout: Duration) -> Result<MapGuard<'_, V>, LockError> {
        Ok(MapGuard::new(self.journal.lock_timeout(timeout)?, self))
    }

    /// Takes the lock if nobody holds it.
    ///
    /// # Errors
    ///
    /// [`LockError::WouldBlock`] names the holder; as [`lock`](Self::lock).
    pub fn try_lock(&self) -> Result<MapGuard<'_, V>, LockError> {
        Ok(MapGuard::new(self.journal.try_lock()?, self))
    }

    /// Returns who holds the lock at this moment.
    pub fn holder(&self) -> Option<Holder> {
        self.journal.holder()
    }

    /// Returns how often the lock was taken over from a holder that died.
    pub fn recoveries(&self) -> u32 {
        self.journal.recoveries()
    }

    /// Returns the segment that the map lies in.
    pub fn segment(&self) -> &Segment {
        self.journal.segment()
    }

    pub(super) fn table(&self) -> Table<V> {
        self.table
    }

    /// Checks a key's length, and computes its hash.
    #[inline]
    pub(super) fn key<'k>(&self, bytes: &'k [u8]) -> Result<Key<'k>, MapError> {
        let most = self.table.most_key_bytes();
        let key = Key::new(bytes).filter(|_| bytes.len() <= most);
        key.ok_or(MapError::KeyTooLong {
            length: bytes.len(),
            most,
        })
    }

    pub(super) fn full(&self) -> MapError {
        MapError::Full {
            capacity: self.table.capacity(),
        }
    }

    #[inline]
    fn modify<R>(&self, act: impl FnOnce(Table<V>, &mut Change<'_>) -> R) -> Result<R, LockError> {
        (self.journal).modify(None, |change| act(self.table, change))
    }
}

impl<V: Integer> Map<V> {
    /// Adds `by` to the value of a key, which is zero if the map does not have it yet. Returns the value
    /// before.
    ///
    /// An add that returned is counted once. One whose process was killed is counted once or not
    /// at all.
    ///
    /// # Errors
    ///
    /// [`MapError::Overflow`]; as [`insert`](Self::insert).
    #[inline]
    pub fn fetch_add(&self, key: impl AsRef<[u8]>, by: V) -> Result<V, MapError> {
        self.add_within(key.as_ref(), by, None)
    }

    /// As [`fetch_add`](Self::fetch_add), but gives up after `timeout`, with nothing changed.
    ///
    /// # Errors
    ///
    /// As [`fetch_add`](Self::fetch_add); [`LockError::TimedOut`] names the holder.
    pub fn fetch_add_timeout(
        &self,
        key: impl AsRef<[u8]>,
        by: V,
        timeout: Duration,
    ) -> Result<V, MapError> {
        self.add_within(key.as_ref(), by, Some(timeout))
    }

    #[inline]
    fn add_within(&self, key: &[u8], by: V, timeout: Option<Duration>) -> Result<V, MapError> {
        let key = self.key(key)?;
        (self.journal).modify(timeout, |change| self.add(change, key, by))?
    }

    #[inline]
    pub(super) fn add(&self, change: &mut Change<'_>, key: Key<'_>, by: V) -> Result<V, MapError> {
        let table = self.table;
        let Found::At(place) = table.find(change, key) else {
            let inserted = table.insert(change, key, &by);
            return inserted.map(|_| V::zeroed()).map_err(|_| self.full());
        };
        let before = table.value(change, place);
        match before.checked_add(by) {
            Some(sum) => {
                table.set(change, place, &sum);
                Ok(before)
            }
            None => Err(MapError::Overflow {
                value: before.into(),
                by: by.into(),
            }),
        }
    }
}

impl<V: Shareable + fmt::Debug> fmt::Debug for Map<V> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Map")
            .field("len", &self.len())
            .field("capacity", &self.capacity())
            .field("holder", &self.holder())
            .finish_non_exhaustive()
    }
}
