//! The first bytes of a segment: what it is, and for whom.
//!
//! Written once, before the segment has a name, and never changed. Opening looks at the file
//! first (type, owner, mode, length), then at every field here, before anything else is trusted.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytemuck::{Pod, Zeroable};

use super::directory::ENTRY_SIZE;
use super::error::{Error, Foreign};
use super::name::Name;
use super::options::Release;
use super::{DIRECTORY, FIRST_ENTRY, WAITERS, words_of};
use crate::raw::committed::Line;
use crate::raw::protocol::Wakes;
use crate::raw::shareable;
use crate::raw::slot::Slot;
use crate::sys::process::{self, Identity, Origin};
use crate::sys::shm::{self, MODE, Mapping};

const MAGIC: [u8; 8] = *b"shmcount";
/// Raised with every change of what the bytes mean.
const VERSION: u32 = 2;
/// The bit of `flags` that marks a segment as useless without its creator.
const TEMPORARY: u32 = 1;

/// What a segment says of itself.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Header {
    magic: [u8; 8],
    version: u32,
    fingerprint: u32,
    size: u64,
    inode: u64,
    pid_namespace: u64,
    boot: [u64; 2],
    creator_start: u64,
    created_ns: u64,
    creator_pid: u32,
    flags: u32,
    release: u32,
    wakes: u32,
}

const _: () = assert!(size_of::<Header>() <= DIRECTORY);

impl Header {
    pub(super) fn new(
        mapping: &Mapping,
        creator: Origin,
        release: Release,
        wakes: Wakes,
        temporary: bool,
    ) -> io::Result<Self> {
        let created = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Ok(Self {
            magic: MAGIC,
            version: VERSION,
            fingerprint: FINGERPRINT,
            size: mapping.len() as u64,
            inode: mapping.inode(),
            pid_namespace: creator.pid_namespace,
            boot: boot()?,
            creator_start: creator.process.start,
            created_ns: created.as_nanos() as u64,
            creator_pid: creator.process.pid,
            flags: if temporary { TEMPORARY } else { 0 },
            release: release as u32,
            wakes: u32::from(wakes == Wakes::Generation),
        })
    }

    pub(super) fn read(mapping: &Mapping) -> Self {
        shareable::read_words(words_of(mapping, 0..DIRECTORY).unwrap_or_default())
    }

    pub(super) fn write(&self, mapping: &Mapping) {
        let words = words_of(mapping, 0..DIRECTORY).expect("made with room for a header");
        shareable::write_words(words, self);
    }

    pub(super) fn release(&self) -> Release {
        match self.release == Release::Plain as u32 {
            true => Release::Plain,
            false => Release::Exchange,
        }
    }

    pub(super) fn wakes(&self) -> Wakes {
        match self.wakes {
            0 => Wakes::Word,
            _ => Wakes::Generation,
        }
    }

    pub(super) fn creator(&self) -> Identity {
        Identity {
            pid: self.creator_pid,
            start: self.creator_start,
        }
    }

    pub(super) fn created(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_nanos(self.created_ns)
    }

    pub(super) fn is_temporary(&self) -> bool {
        self.flags & TEMPORARY != 0
    }

    /// Finds what does not fit this program, this process and this file.
    fn unfit(&self, mapping: &Mapping) -> io::Result<Option<Foreign>> {
        let namespace = process::pid_namespace()?;
        Ok(Some(if self.magic != MAGIC {
            Foreign::Magic
        } else if self.version != VERSION {
            Foreign::Version {
                found: self.version,
                expected: VERSION,
            }
        } else if self.fingerprint != FINGERPRINT {
            Foreign::Layout {
                found: self.fingerprint,
                expected: FINGERPRINT,
            }
        } else if self.size != mapping.len() as u64 {
            Foreign::Size {
                found: mapping.len() as u64,
                expected: self.size,
            }
        } else if self.boot != boot()? {
            Foreign::Boot
        } else if self.inode != mapping.inode() {
            Foreign::Copy
        } else if self.pid_namespace != namespace {
            Foreign::PidNamespace {
                found: self.pid_namespace,
                expected: namespace,
            }
        } else {
            return Ok(None);
        }))
    }
}

/// Maps the segment of this name, once everything about it fits.
pub(super) fn open_checked(name: &Name) -> Result<(Mapping, Header), Error> {
    let system = |source| Error::system("open", name, source);
    let file = open_own_file(name)?;
    let length = file.metadata().map_err(system)?.len();
    if length < FIRST_ENTRY as u64 {
        let foreign = Foreign::Size {
            found: length,
            expected: FIRST_ENTRY as u64,
        };
        return Err(Error::foreign(name, foreign));
    }
    let mapping = Mapping::open(&name.file(), &file).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => Error::NotFound { name: name.clone() },
        _ => system(source),
    })?;
    let header = Header::read(&mapping);
    match header.unfit(&mapping).map_err(system)? {
        None => Ok((mapping, header)),
        Some(foreign) => Err(Error::foreign(name, foreign)),
    }
}

/// Opens the file of this name, if it is a regular one, private, and the user's own.
fn open_own_file(name: &Name) -> Result<File, Error> {
    let foreign = |foreign| Error::foreign(name, foreign);
    // Before opening: to open a device or a fifo may do something already.
    check_mode(&own_file(name)?).map_err(foreign)?;
    let opened = shm::open_file(&shm::path_of(&name.file()));
    let file = opened.map_err(|source| not_opened(name, source))?;
    let metadata = file.metadata().map_err(|source| not_opened(name, source))?;
    check_owner(&metadata).map_err(foreign)?;
    check_mode(&metadata).map_err(foreign)?;
    Ok(file)
}

/// Looks at the file of this name, if it is a regular one and the user's own, whatever its mode.
pub(super) fn own_file(name: &Name) -> Result<fs::Metadata, Error> {
    let metadata = fs::symlink_metadata(shm::path_of(&name.file()))
        .map_err(|source| not_opened(name, source))?;
    check_owner(&metadata).map_err(|foreign| Error::foreign(name, foreign))?;
    Ok(metadata)
}

fn not_opened(name: &Name, source: io::Error) -> Error {
    match source.kind() {
        io::ErrorKind::NotFound => Error::NotFound { name: name.clone() },
        _ => Error::system("open", name, source),
    }
}

fn check_owner(metadata: &fs::Metadata) -> Result<(), Foreign> {
    let kind = metadata.file_type();
    if !kind.is_file() {
        return Err(Foreign::FileType {
            found: match kind {
                _ if kind.is_symlink() => "symbolic link",
                _ if kind.is_dir() => "directory",
                _ if kind.is_fifo() => "fifo",
                _ if kind.is_socket() => "socket",
                _ => "device",
            },
        });
    }
    let user = nix::unistd::geteuid().as_raw();
    if metadata.uid() != user {
        return Err(Foreign::Owner {
            found: metadata.uid(),
            expected: user,
        });
    }
    Ok(())
}

pub(super) fn check_mode(metadata: &fs::Metadata) -> Result<(), Foreign> {
    match metadata.mode() & 0o7777 {
        MODE => Ok(()),
        found => Err(Foreign::Mode {
            found,
            expected: MODE,
        }),
    }
}

fn boot() -> io::Result<[u64; 2]> {
    let id = process::boot_id()?;
    Ok([(id >> 64) as u64, id as u64])
}

/// Folds the sizes and places that two builds must share into one number (FNV-1a).
const FINGERPRINT: u32 = {
    let [
        word,
        recoveries,
        sleepers,
        misses,
        node,
        value,
        sequence,
        watched,
    ] = Line::LAYOUT;
    let [slot_word, slot_notes, slot_node, slot_more] = Slot::LAYOUT;
    let parts = [
        size_of::<Header>(),
        DIRECTORY,
        WAITERS,
        FIRST_ENTRY,
        ENTRY_SIZE,
        size_of::<Line>(),
        word,
        recoveries,
        sleepers,
        misses,
        node,
        value,
        sequence,
        watched,
        size_of::<Slot>(),
        slot_word,
        slot_notes,
        slot_node,
        slot_more,
        size_of::<usize>(),
    ];
    let mut hash: u32 = 0x811c_9dc5;
    let mut i = 0;
    while i < parts.len() {
        hash = (hash ^ parts[i] as u32).wrapping_mul(0x0100_0193);
        i += 1;
    }
    hash
};
