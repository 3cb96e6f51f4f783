//! Floor 2: a named piece of shared memory.
//!
//! [`Segment`] is the whole: made under a private name and published whole, or opened and checked
//! before a byte of it is trusted. Its [`directory`] says which objects lie where. Removing a
//! segment takes its name away; who has it open goes on with it.
//!
//! A segment is private to its user, and who may write it is trusted. Damage to header or directory
//! is an error to whoever opens or looks for an object. A file that is cut while it is mapped is
//! what it is for every mapped file: SIGBUS to whoever touches what is gone. No length check
//! comes in time, only a memfd can be sealed, and a handler is the program's to install. The
//! kernel then frees the other locks of the killed thread, but those that it took before one that
//! was cut off itself stay taken, for the kernel's walk of them ends there.

mod circles;
mod claim;
pub mod directory;
mod error;
mod header;
mod located;
mod name;
mod object;
mod options;
#[cfg(feature = "cli")]
mod token;
mod waiters;

use std::io;
use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::ptr::NonNull;
use std::sync::Arc;
use std::time::SystemTime;

use crate::raw::committed::{Committed, Line};
use crate::raw::protocol::Protocol;
use crate::raw::slot::Slot;
use crate::sys::atomic::AtomicU64;
use crate::sys::mappings::{self, FileId};
use crate::sys::process::Identity;
use crate::sys::shm::{self, Mapping};

pub use claim::Claim;
use directory::Directory;
pub use directory::{Entry, Kind, Shape};
pub use error::{Error, Foreign};
pub use located::Located;
pub use name::Name;
#[cfg(feature = "cli")]
pub(crate) use name::argument;
pub use object::{Object, Room};
pub use options::{Release, SegmentOptions, Spin};
#[cfg(feature = "cli")]
pub(crate) use token::{Taken, Token};
pub use waiters::Waiter;

/// A segment that this process has mapped. Clones share the mapping; the last one unmaps it.
#[derive(Clone)]
pub struct Segment {
    mapped: Arc<Mapped>,
    makes_only: bool,
}

impl Segment {
    /// Makes a segment with room for [`SegmentOptions::DEFAULT_CAPACITY`] bytes of objects.
    ///
    /// # Errors
    ///
    /// [`Error::AlreadyExists`], [`Error::NoSpace`], [`Error::InvalidName`], [`Error::System`].
    ///
    /// # Examples
    ///
    /// ```
    /// let segment = shmcount::Segment::create("doc-create")?;
    /// let visits = segment.value("visits", 0i64)?;
    /// assert_eq!(visits.fetch_add(2)?, 0);
    /// assert_eq!(visits.load(), 2);
    /// segment.remove()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn create(name: &str) -> Result<Self, Error> {
        SegmentOptions::new().create(name)
    }

    /// Opens a segment that exists.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], or whatever makes it unfit: see [`Foreign`].
    pub fn open(name: &str) -> Result<Self, Error> {
        SegmentOptions::new().open(name)
    }

    /// Opens a segment, or makes it when there is none. Processes that do this at the same time
    /// get the same one.
    ///
    /// # Errors
    ///
    /// As [`create`](Self::create) and [`open`](Self::open).
    pub fn open_or_create(name: &str) -> Result<Self, Error> {
        SegmentOptions::new().open_or_create(name)
    }

    /// Returns how segments can be made and opened otherwise.
    pub fn options() -> SegmentOptions {
        SegmentOptions::new()
    }

    /// Takes the segment's name away, and with the last process that has it open its memory.
    /// Returns whether it still had the name: another segment of that name is left alone.
    ///
    /// # Errors
    ///
    /// [`Error::System`].
    pub fn remove(&self) -> Result<bool, Error> {
        shm::unlink(&self.mapped.name.file(), self.mapped.mapping.inode())
            .map_err(|source| Error::system("remove", &self.mapped.name, source))
    }

    /// Removes the segment of this name, fit to be opened or not.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`]; [`Error::Foreign`] when the name is that of a directory, a symbolic
    /// link or the like, the segment is another user's, or its mode lets this one not even read it;
    /// [`Error::System`].
    pub fn remove_named(name: &str) -> Result<(), Error> {
        let name = Name::new(name)?;
        let file = header::own_file(&name)?;
        match shm::unlink(&name.file(), file.ino()) {
            Ok(true) => Ok(()),
            Ok(false) => Err(Error::NotFound { name }),
            // Its removers lock it, for which it has to be opened.
            Err(source) if source.kind() == io::ErrorKind::PermissionDenied => {
                header::check_mode(&file).map_err(|foreign| Error::foreign(&name, foreign))?;
                Err(Error::system("remove", &name, source))
            }
            Err(source) => Err(Error::system("remove", &name, source)),
        }
    }

    /// Returns the segment's name.
    pub fn name(&self) -> &str {
        self.mapped.name.as_str()
    }

    /// Returns the segment's file.
    pub fn path(&self) -> PathBuf {
        shm::path_of(&self.mapped.name.file())
    }

    /// Returns how many bytes are mapped.
    pub fn size(&self) -> usize {
        self.mapped.mapping.len()
    }

    /// Returns the process that made the segment.
    pub fn creator(&self) -> Identity {
        self.mapped.header().creator()
    }

    /// Returns when the segment was made.
    pub fn created(&self) -> SystemTime {
        self.mapped.header().created()
    }

    /// Tells whether the segment was marked as of no use once its creator has ended.
    pub fn is_temporary(&self) -> bool {
        self.mapped.header().is_temporary()
    }

    /// Returns how locks are released here.
    pub fn release(&self) -> Release {
        self.mapped.header().release()
    }

    /// Returns the processes that have the segment mapped at this moment, in the order of their ids: what
    /// the kernel says, so one that was killed is not among them.
    ///
    /// Not seen are processes that hide their memory (set-user-ID programs, `PR_SET_DUMPABLE`), and
    /// those outside of the own PID namespace. Takes some tens of microseconds for each process of the host;
    /// [`processes_that_map`](mappings::processes_that_map) asks for many segments at once.
    ///
    /// # Errors
    ///
    /// When `/proc` is not mounted.
    ///
    /// # Examples
    ///
    /// ```
    /// let segment = shmcount::Segment::create("doc-attached")?;
    /// assert_eq!(segment.attached()?, [std::process::id()]);
    /// segment.remove()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn attached(&self) -> io::Result<Vec<u32>> {
        let found = mappings::processes_that_map(&[self.file()])?;
        Ok(found.into_values().flatten().collect())
    }

    /// Returns which file the segment is, whatever its name is by now.
    pub(crate) fn file(&self) -> FileId {
        self.mapped.mapping.file()
    }

    /// Returns the objects that are there at this moment, in the order they were made.
    ///
    /// # Errors
    ///
    /// [`Error::Foreign`] when the directory makes no sense.
    pub fn entries(&self) -> Result<Vec<Entry>, Error> {
        Directory::of(&self.mapped).entries()
    }

    /// Finds an object.
    ///
    /// # Errors
    ///
    /// [`Error::Foreign`] when the directory makes no sense.
    pub fn find(&self, object: &str) -> Result<Option<Entry>, Error> {
        Directory::of(&self.mapped).find(object)
    }

    /// Returns a handle that makes objects and opens none: of processes that make an object of the same
    /// name at the same time one succeeds, the others get [`Error::ObjectExists`].
    ///
    /// # Examples
    ///
    /// ```
    /// # let segment = shmcount::Segment::create("doc-create-new")?;
    /// assert!(segment.create_new().value("main", 5i64).is_ok());
    /// assert!(segment.create_new().value("main", 7i64).is_err());
    /// # segment.remove()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn create_new(&self) -> Self {
        Self {
            makes_only: true,
            ..self.clone()
        }
    }

    /// Finds an object that must be there.
    pub(crate) fn entry(&self, object: &str) -> Result<Entry, Error> {
        self.find(object)?.ok_or_else(|| Error::NoSuchObject {
            name: self.mapped.name.clone(),
            object: object.to_owned(),
        })
    }

    /// Returns the length of the object of this name and kind, if it is there: for objects that are
    /// opened as long as they were made.
    ///
    /// Nothing when the object is of another kind or too long: then opening it says so.
    pub(crate) fn length_if_there(&self, object: &str, kind: Kind) -> Result<Option<u32>, Error> {
        let entry = self
            .find(object)?
            .filter(|entry| entry.kind() == Some(kind));
        Ok(entry.and_then(|entry| u32::try_from(entry.length()).ok()))
    }

    fn of(mapped: Mapped) -> Self {
        Self {
            mapped: Arc::new(mapped),
            makes_only: false,
        }
    }

    /// Opens an object of the given shape, or makes it: `fill` writes its first state into zeroed
    /// words, before any other process can see it.
    pub(crate) fn locate(
        &self,
        object: &str,
        shape: Shape,
        fill: impl FnOnce(&[AtomicU64]),
    ) -> Result<Located, Error> {
        let mut is_made = false;
        // Called only by the one who makes it.
        let note_and_fill = |words: &[AtomicU64]| {
            is_made = true;
            fill(words);
        };
        let entry = Directory::of(&self.mapped).find_or_insert(object, shape, note_and_fill)?;
        if self.makes_only && !is_made {
            return Err(Error::ObjectExists {
                name: self.mapped.name.clone(),
                object: object.to_owned(),
            });
        }
        Located::new(self, &entry)
    }

    /// Opens an object that is there, which must be of the given shape.
    pub(crate) fn locate_existing(&self, object: &str, shape: Shape) -> Result<Located, Error> {
        let entry = self.entry(object)?;
        entry.check(self.name(), shape)?;
        Located::new(self, &entry)
    }

    pub(crate) fn protocol(&self) -> Protocol {
        self.mapped.protocol
    }

    fn words(&self, range: Range<usize>) -> Option<&[AtomicU64]> {
        self.mapped.words(range)
    }
}

impl std::fmt::Debug for Segment {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Segment")
            .field("name", &self.name())
            .field("size", &self.size())
            .finish_non_exhaustive()
    }
}

/// A mapping with a header that was written or checked.
struct Mapped {
    name: Name,
    mapping: Mapping,
    protocol: Protocol,
}

/// Where the line of the directory is: after the header, on its own cache line.
const DIRECTORY: usize = 256;
/// Where the slots of those who wait are: behind the directory's line.
const WAITERS: usize = DIRECTORY + size_of::<Line>();
/// How many can be known to wait at once: more than processors of most hosts, in 4 KiB. Those beyond
/// them wait as well, and are not seen.
const MOST_WAITERS: usize = 64;
/// Where the first directory entry is.
const FIRST_ENTRY: usize = WAITERS + MOST_WAITERS * size_of::<Slot>();

impl Mapped {
    fn new(name: Name, mapping: Mapping, protocol: Protocol) -> Self {
        Self {
            name,
            mapping,
            protocol,
        }
    }

    /// Returns the words of a range of bytes, if it is word-aligned and within the mapping.
    fn words(&self, range: Range<usize>) -> Option<&[AtomicU64]> {
        words_of(&self.mapping, range)
    }

    fn header(&self) -> header::Header {
        header::Header::read(&self.mapping)
    }

    /// The directory's state: how many bytes of the segment are in use.
    fn used(&self) -> Committed<'_, u64> {
        used_of(&self.mapping, self.protocol)
    }
}

fn used_of(mapping: &Mapping, protocol: Protocol) -> Committed<'_, u64> {
    let line = words_of(mapping, DIRECTORY..WAITERS)
        .and_then(object::line_of)
        .expect("a segment is made and checked to be longer than this");
    // SAFETY: the mapping is borrowed for as long as the view, and `lock` is not called on it.
    unsafe { Committed::new(line, &[], protocol) }
}

/// Returns the words of a range of bytes, if it is word-aligned and within the mapping.
fn words_of(mapping: &Mapping, range: Range<usize>) -> Option<&[AtomicU64]> {
    const WORD: usize = size_of::<AtomicU64>();
    let aligned = range.start.is_multiple_of(WORD) && range.end.is_multiple_of(WORD);
    if !aligned || range.start > range.end || range.end > mapping.len() {
        return None;
    }
    // SAFETY: the offset is within the mapping.
    let start: NonNull<u8> = unsafe { mapping.start().add(range.start) };
    let words = NonNull::slice_from_raw_parts(start.cast::<AtomicU64>(), range.len() / WORD);
    // SAFETY: all of it lies in the mapping, which lives as long as its borrow; the start is aligned
    // because the mapping's is; every process reads and writes it by atomic operations only, and
    // any bytes are valid atomics.
    Some(unsafe { words.as_ref() })
}
