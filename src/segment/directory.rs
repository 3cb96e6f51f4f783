//! Which objects a segment has, and where.
//!
//! Entries lie one behind the other, each followed by its object. The only state that changes is
//! how many bytes are in use, a committed number: a new entry and its object are written behind
//! the end, then the number takes them in with one store. Killed before, nothing happened, and the
//! next one writes over it. So entries below the number never change, and looking needs no lock.
//!
//! Every length read here is checked against the segment's, each time: a damaged directory is an
//! error, never a crash or an endless walk.

use std::time::Duration;

use bytemuck::{Pod, Zeroable};

use super::error::{Error, Foreign};
use super::{FIRST_ENTRY, Mapped};
use crate::raw::shareable::{self, ElementType, Shareable};
use crate::sys::atomic::{AtomicU64, Relaxed};
use crate::sys::clock::Deadline;
use crate::sys::robust_list::Thread;

/// Objects start on a cache line of their own.
const ALIGNMENT: usize = 64;
pub(super) const ENTRY_SIZE: usize = size_of::<Record>();
/// Making an object takes microseconds; who holds the directory this long has been stopped.
const PATIENCE: Duration = Duration::from_secs(10);

/// The kinds of objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
#[non_exhaustive]
pub enum Kind {
    /// [`Value`](crate::Value).
    Value = 1,
    /// [`Lock`](crate::Lock).
    Lock = 2,
    /// Plain words that no lock of ours protects.
    Words = 3,
    /// A counter with a cell for each thread.
    Counter = 4,
    /// An array.
    Array = 5,
    /// A semaphore.
    Semaphore = 6,
    /// An event.
    Event = 7,
    /// A condition variable.
    Condvar = 8,
    /// A barrier.
    Barrier = 9,
    /// A wait group.
    WaitGroup = 10,
    /// A queue of items of one type.
    Queue = 11,
    /// A queue of items of varying length.
    BytesQueue = 12,
    /// A map.
    Map = 13,
    /// A lock that is granted in the order of asking.
    FifoLock = 14,
}

impl Kind {
    const ALL: [Self; 14] = [
        Self::Value,
        Self::Lock,
        Self::Words,
        Self::Counter,
        Self::Array,
        Self::Semaphore,
        Self::Event,
        Self::Condvar,
        Self::Barrier,
        Self::WaitGroup,
        Self::Queue,
        Self::BytesQueue,
        Self::Map,
        Self::FifoLock,
    ];

    /// Returns the kind's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Value => "value",
            Self::Lock => "lock",
            Self::Words => "words",
            Self::Counter => "counter",
            Self::Array => "array",
            Self::Semaphore => "semaphore",
            Self::Event => "event",
            Self::Condvar => "condvar",
            Self::Barrier => "barrier",
            Self::WaitGroup => "wait-group",
            Self::Queue => "queue",
            Self::BytesQueue => "bytes-queue",
            Self::Map => "map",
            Self::FifoLock => "fifo-lock",
        }
    }

    fn from_mark(mark: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u32 == mark)
    }
}

/// What an object must be to be opened, and how much room it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Its kind.
    pub kind: Kind,
    /// The type of its elements.
    pub element_type: ElementType,
    /// The size of an element, in bytes.
    pub element_size: u64,
    /// How many elements it has.
    pub length: u64,
    /// How many words the whole object takes.
    pub words: usize,
}

impl Shape {
    /// Returns the shape of `length` elements of type `T` in `words` words.
    pub fn of<T: Shareable>(kind: Kind, length: u64, words: usize) -> Self {
        Self {
            kind,
            element_type: ElementType::of::<T>(),
            element_size: size_of::<T>() as u64,
            length,
            words,
        }
    }

    fn bytes(self) -> u64 {
        (ENTRY_SIZE + self.words * size_of::<AtomicU64>()).next_multiple_of(ALIGNMENT) as u64
    }
}

/// An object that is in a directory.
#[derive(Clone, Debug)]
pub struct Entry {
    name: String,
    record: Record,
    offset: usize,
}

/// An entry as it lies in the segment.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
struct Record {
    /// Of entry and object together.
    bytes: u64,
    kind: u32,
    element_type: u32,
    element_size: u64,
    length: u64,
    words: u64,
    name_length: u64,
    name: [u8; 64],
    reserved: [u64; 2],
}

const _: () = assert!(size_of::<Record>() == 128);

impl Entry {
    /// Returns the object's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns its kind, if this version knows it.
    pub fn kind(&self) -> Option<Kind> {
        Kind::from_mark(self.record.kind)
    }

    /// Returns the type of its elements.
    pub fn element_type(&self) -> ElementType {
        ElementType::from_mark(self.record.element_type)
    }

    /// Returns the size of an element in bytes.
    pub fn element_size(&self) -> u64 {
        self.record.element_size
    }

    /// Returns how many elements it has.
    pub fn length(&self) -> u64 {
        self.record.length
    }

    /// Returns how many words the whole object takes.
    pub fn words(&self) -> u64 {
        self.record.words
    }

    /// Checks that the object is what the caller takes it for.
    pub(super) fn check(&self, segment: &str, shape: Shape) -> Result<(), Error> {
        let differs = |what, found: String, expected: String| Error::OtherShape {
            name: segment.to_owned(),
            object: self.name.clone(),
            what,
            found,
            expected,
        };
        if self.kind() != Some(shape.kind) {
            let kind_name = self.kind().map_or("of a later version", Kind::name);
            let expected = shape.kind.name().to_owned();
            return Err(differs("kind", kind_name.to_owned(), expected));
        }
        if self.element_type() != shape.element_type {
            let found = self.element_type().name(self.element_size());
            let expected = shape.element_type.name(shape.element_size);
            return Err(differs("element type", found, expected));
        }
        let numbers = [
            ("element size", self.record.element_size, shape.element_size),
            ("length", self.record.length, shape.length),
            ("size in words", self.record.words, shape.words as u64),
        ];
        match numbers
            .iter()
            .find(|(_, found, expected)| found != expected)
        {
            None => Ok(()),
            Some((what, found, expected)) => {
                Err(differs(what, found.to_string(), expected.to_string()))
            }
        }
    }

    /// Returns where the object's words are, in bytes from the start of the segment.
    pub(super) fn range(&self) -> std::ops::Range<usize> {
        let start = self.offset + ENTRY_SIZE;
        start..start + self.record.words as usize * size_of::<AtomicU64>()
    }

    /// Reads the entry at an offset below `used`, if it makes sense.
    fn read(segment: &Mapped, offset: usize, used: usize) -> Option<Self> {
        let words = segment.words(offset..offset.checked_add(ENTRY_SIZE)?)?;
        let record: Record = shareable::read_words(words);
        let object = record.words.checked_mul(size_of::<AtomicU64>() as u64)?;
        let fits = object.checked_add(ENTRY_SIZE as u64)? <= record.bytes
            && record.bytes <= (used - offset) as u64
            && record.bytes.is_multiple_of(ALIGNMENT as u64);
        let name = record
            .name
            .get(..usize::try_from(record.name_length).ok()?)?;
        let name = std::str::from_utf8(name).ok()?.to_owned();
        (fits && check_name(&name).is_ok()).then_some(Self {
            name,
            record,
            offset,
        })
    }
}

pub(super) struct Directory<'a> {
    segment: &'a Mapped,
}

impl<'a> Directory<'a> {
    pub(super) fn of(segment: &'a Mapped) -> Self {
        Self { segment }
    }

    pub(super) fn entries(&self) -> Result<Vec<Entry>, Error> {
        self.entries_below(self.segment.used().load())
    }

    pub(super) fn find(&self, object: &str) -> Result<Option<Entry>, Error> {
        let entries = self.entries()?;
        Ok(entries.into_iter().find(|entry| entry.name == object))
    }

    /// Returns the object of this name and shape, made now if it is not there.
    pub(super) fn find_or_insert(
        &self,
        object: &str,
        shape: Shape,
        fill: impl FnOnce(&[AtomicU64]),
    ) -> Result<Entry, Error> {
        check_name(object)?;
        let found = match self.find(object)? {
            Some(entry) => entry,
            None => self.insert(object, shape, fill)?,
        };
        found.check(self.segment.name.as_str(), shape)?;
        Ok(found)
    }

    fn insert(
        &self,
        object: &str,
        shape: Shape,
        fill: impl FnOnce(&[AtomicU64]),
    ) -> Result<Entry, Error> {
        let deadline = Some(Deadline::after(PATIENCE));
        // Nothing in here takes another lock, and a panic would be a bug of this file.
        let insertion = |used: u64| match self.append(object, shape, used, fill) {
            Ok((used, entry)) => (used, Ok(entry)),
            Err(error) => (None, Err(error)),
        };
        self.segment
            .used()
            .modify(Thread::current(), deadline, insertion)
            .map_err(|refused| Error::DirectoryLocked {
                name: self.segment.name.clone(),
                refused,
            })?
    }

    /// Writes entry and object behind `used`; returns the new end, or none if another process was
    /// faster and its entry is to be used.
    fn append(
        &self,
        object: &str,
        shape: Shape,
        used: u64,
        fill: impl FnOnce(&[AtomicU64]),
    ) -> Result<(Option<u64>, Entry), Error> {
        let entries = self.entries_below(used)?;
        if let Some(entry) = entries.into_iter().find(|entry| entry.name == object) {
            return Ok((None, entry));
        }
        let offset = used as usize;
        let end = used.saturating_add(shape.bytes());
        let size = self.segment.mapping.len() as u64;
        let words = self
            .segment
            .words(offset..end as usize)
            .ok_or_else(|| Error::Full {
                name: self.segment.name.clone(),
                object: object.to_owned(),
                needed: shape.bytes(),
                free: size.saturating_sub(used),
            })?;
        // Somebody may have been killed here before.
        words.iter().for_each(|word| word.store(0, Relaxed));
        let record = Record::new(object, shape);
        shareable::write_words(words, &record);
        let entry = Entry {
            name: object.to_owned(),
            record,
            offset,
        };
        let range = entry.range();
        fill(&words[(range.start - offset) / 8..(range.end - offset) / 8]);
        Ok((Some(end), entry))
    }

    fn entries_below(&self, used: u64) -> Result<Vec<Entry>, Error> {
        let damaged =
            |offset: u64| Error::foreign(&self.segment.name, Foreign::Directory { offset });
        let within = usize::try_from(used).ok();
        let within =
            within.filter(|used| (FIRST_ENTRY..=self.segment.mapping.len()).contains(used));
        let used = within.ok_or_else(|| damaged(used))?;
        let mut entries = Vec::new();
        let mut offset = FIRST_ENTRY;
        while offset < used {
            let entry = Entry::read(self.segment, offset, used);
            let entry = entry.ok_or_else(|| damaged(offset as u64))?;
            // At least an entry's own size, so this ends.
            offset += entry.record.bytes as usize;
            entries.push(entry);
        }
        Ok(entries)
    }
}

impl Record {
    fn new(object: &str, shape: Shape) -> Self {
        let mut name = [0; 64];
        name[..object.len()].copy_from_slice(object.as_bytes());
        Self {
            bytes: shape.bytes(),
            kind: shape.kind as u32,
            element_type: shape.element_type as u32,
            element_size: shape.element_size,
            length: shape.length,
            words: shape.words as u64,
            name_length: object.len() as u64,
            name,
            reserved: [0; 2],
        }
    }
}

/// Refuses what no object can be called.
pub(crate) fn check_name(object: &str) -> Result<(), Error> {
    let is_valid = (1..64).contains(&object.len())
        && !object.contains(['/', '[', ']'])
        && !object.contains(char::is_control);
    match is_valid {
        true => Ok(()),
        false => Err(Error::InvalidObjectName {
            object: object.to_owned(),
        }),
    }
}
