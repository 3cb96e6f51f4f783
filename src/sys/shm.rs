//! POSIX shared memory: a file in `/dev/shm`, mapped by the `shared_memory` crate.
//!
//! What the crate leaves open is closed here. It ignores the size of what it opens, so that is
//! checked before. It reserves nothing, so the pages are allocated at once and a full `/dev/shm`
//! is an error instead of a SIGBUS. Its owner unlinks on drop even in a forked child, so it never
//! owns. It takes descriptor 0 for none, so the standard descriptors are filled meanwhile.
//!
//! An object is built under a private name and published with `link(2)`: under its own name it
//! is there whole or not at all. A builder that is killed leaves only the private name, which
//! tells who made it; [`reap_unfinished`] removes it.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use shared_memory::{Shmem, ShmemConf, ShmemError};

use super::clock::Deadline;
use super::mappings::FileId;
use super::process::{Identity, Origin};

/// Where glibc's `shm_open` puts its objects.
const DIRECTORY: &str = "/dev/shm";
/// The mode of every object: private to its user.
pub const MODE: u32 = 0o600;
/// What private names begin with. Followed by PID namespace, pid, start time and a number.
const UNFINISHED: &str = "shmcount~";
/// Allocated in a fraction of a millisecond, so that a timer that rings every millisecond lets it be done.
const PIECE: usize = 1 << 20;
/// A removal takes microseconds; who holds the file this long has been stopped.
const PATIENCE: Duration = Duration::from_secs(10);
/// Removers hardly ever meet, and flock(2) knows no deadline.
const POLL: Duration = Duration::from_millis(1);

/// A shared-memory object that is mapped for reading and writing.
///
/// Dropping it unmaps the memory; the object stays.
pub struct Mapping {
    shmem: Shmem,
    file: FileId,
}

// SAFETY: the mapping is process-wide; `Shmem` is not Send only because it holds a pointer.
unsafe impl Send for Mapping {}
// SAFETY: through `&Mapping` nothing but its address, length and inode number can be read.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Makes an object of `size` bytes, has it filled, and gives it its name. `fill` is told by whom.
    ///
    /// # Errors
    ///
    /// `AlreadyExists` when the name is taken, `StorageFull` when `/dev/shm` has no room, and
    /// whatever the system or `fill` answers. Nothing is left behind.
    pub fn publish<E: From<io::Error>>(
        name: &str,
        size: usize,
        fill: impl FnOnce(&Self, Origin) -> Result<(), E>,
    ) -> Result<Self, E> {
        let public = path_of(name);
        match fs::symlink_metadata(&public) {
            Ok(_) => return Err(io::Error::from(io::ErrorKind::AlreadyExists).into()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
        let builder = Origin::own()?;
        reap_unfinished(builder.pid_namespace)?;
        let (private, mapping) = Self::create_private(builder, size)?;
        fill(&mapping, builder)?;
        fs::hard_link(path_of(&private.name), &public)?;
        Ok(mapping)
    }

    /// Maps the object of this name, which must be `file`.
    ///
    /// # Errors
    ///
    /// Whatever the system answers; `NotFound` when the name is another object's by now.
    pub fn open(name: &str, file: &File) -> io::Result<Self> {
        let shmem = with_standard_descriptors(|| ShmemConf::new().os_id(os_id(name)).open())?
            .map_err(system_error)?;
        let named = FileId::of(&path_of(name))?;
        let file_id = FileId::from(&file.metadata()?);
        if named != file_id || shmem.len() as u64 != file.metadata()?.len() {
            return Err(io::ErrorKind::NotFound.into());
        }
        let file = file_id;
        Ok(Self { shmem, file })
    }

    /// Returns where the memory begins: page-aligned, and valid for [`len`](Self::len) bytes for
    /// as long as this lives.
    pub fn start(&self) -> NonNull<u8> {
        NonNull::new(self.shmem.as_ptr()).expect("a mapping does not begin at address zero")
    }

    /// Returns how many bytes are mapped.
    #[expect(
        clippy::len_without_is_empty,
        reason = "nothing of no bytes can be mapped"
    )]
    pub fn len(&self) -> usize {
        self.shmem.len()
    }

    /// Returns the object's inode number, which no other object has while this lives.
    pub fn inode(&self) -> u64 {
        self.file.inode()
    }

    /// Returns which file the object is.
    pub fn file(&self) -> FileId {
        self.file
    }

    fn create_private(builder: Origin, size: usize) -> io::Result<(PrivateName, Self)> {
        loop {
            let private = PrivateName::new(builder);
            match Self::create(&private.name, size) {
                // This process left it when it was another program, before exec. The next is free.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                created => return Ok((private, created?)),
            }
        }
    }

    fn create(name: &str, size: usize) -> io::Result<Self> {
        let mut shmem =
            with_standard_descriptors(|| ShmemConf::new().os_id(os_id(name)).size(size).create())?
                .map_err(system_error)?;
        shmem.set_owner(false);
        let path = path_of(name);
        // The umask may have taken more away than there is to give.
        fs::set_permissions(&path, Permissions::from_mode(MODE))?;
        let open = || File::options().write(true).open(&path);
        let file = with_standard_descriptors(open)??;
        allocate(size, |begin, length| {
            nix::fcntl::posix_fallocate(&file, begin as libc::off_t, length as libc::off_t)
        })?;
        let file = FileId::from(&file.metadata()?);
        Ok(Self { shmem, file })
    }
}

/// Allocates so many bytes by what takes the begin and the length of a piece: at once, so that what has no
/// room takes none, or a piece at a time.
///
/// Before Linux 6.12, tmpfs gives up a piece, and all of it that it had, for any signal with a handler.
fn allocate(
    size: usize,
    mut piece: impl FnMut(usize, usize) -> nix::Result<()>,
) -> nix::Result<()> {
    match piece(0, size) {
        Err(Errno::EINTR) => {}
        done => return done,
    }
    for begin in (0..size).step_by(PIECE) {
        let length = PIECE.min(size - begin);
        loop {
            match piece(begin, length) {
                Err(Errno::EINTR) => {}
                Ok(()) => break,
                Err(errno) => return Err(errno),
            }
        }
    }
    Ok(())
}

/// Opens the file behind a name, for looking at it, without following or waiting for anything.
///
/// Not for writing: it may get a standard descriptor that was closed, and what another thread
/// prints to that must not end up in a segment.
///
/// # Errors
///
/// Whatever the system answers; ELOOP for a symbolic link.
pub fn open_file(path: &Path) -> io::Result<File> {
    File::options()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path)
}

/// Returns the path of the object of this name.
pub fn path_of(name: &str) -> PathBuf {
    Path::new(DIRECTORY).join(name)
}

/// Removes the name if it is still that of the object with this inode number; tells whether it
/// was.
///
/// Removers of one object exclude each other by a lock on its file, and a successor can only be
/// published when the name is gone, so what is unlinked is what was looked at.
///
/// # Errors
///
/// EBUSY when another remover has been at it for ten seconds; whatever the system answers.
pub fn unlink(name: &str, inode: u64) -> io::Result<bool> {
    let path = path_of(name);
    // Before opening: a successor may be a fifo or a device, or may not be ours to open.
    if inode_of(&path)? != Some(inode) {
        return Ok(false);
    }
    let file = match open_file(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        file => lock_for_removal(file?)?,
    };
    if file.metadata()?.ino() != inode || inode_of(&path)? != Some(inode) {
        return Ok(false);
    }
    fs::remove_file(&path)?;
    Ok(true)
}

/// Returns the inode number behind a name, if there is one.
fn inode_of(path: &Path) -> io::Result<Option<u64>> {
    match fs::symlink_metadata(path) {
        Ok(named) => Ok(Some(named.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Keeps other removers of a file away, or gives up with EBUSY: one of them was stopped.
fn lock_for_removal(mut file: File) -> io::Result<Flock<File>> {
    let deadline = Deadline::after(PATIENCE);
    loop {
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(locked) => return Ok(locked),
            Err((_, Errno::EWOULDBLOCK)) if deadline.has_passed() => {
                return Err(Errno::EBUSY.into());
            }
            Err((unlocked, Errno::EWOULDBLOCK)) => file = unlocked,
            Err((_, errno)) => return Err(errno.into()),
        }
        thread::sleep(POLL);
    }
}

/// Returns the names of all objects, in no order.
///
/// # Errors
///
/// When `/dev/shm` cannot be read.
pub fn names() -> io::Result<impl Iterator<Item = String>> {
    Ok(fs::read_dir(DIRECTORY)?.filter_map(|entry| entry.ok()?.file_name().into_string().ok()))
}

/// Removes what builders of this PID namespace, the own one, left that were killed before they published.
///
/// # Errors
///
/// When `/dev/shm` cannot be read.
pub fn reap_unfinished(namespace: u64) -> io::Result<()> {
    for name in names()? {
        if builder_of(&name, namespace).is_some_and(|builder| !builder.is_alive()) {
            // Somebody else may have been faster, or may have to: it is another user's.
            let _ = fs::remove_file(path_of(&name));
        }
    }
    Ok(())
}

/// Reads who is building under a private name, if this PID namespace can know.
fn builder_of(name: &str, namespace: u64) -> Option<Identity> {
    let mut fields = name.strip_prefix(UNFINISHED)?.split('.');
    let made_in: u64 = fields.next()?.parse().ok()?;
    let pid = fields.next()?.parse().ok()?;
    let start = fields.next()?.parse().ok()?;
    (made_in == namespace).then_some(Identity { pid, start })
}

/// A name under which an object is built, removed on drop.
struct PrivateName {
    name: String,
}

impl PrivateName {
    fn new(builder: Origin) -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        // Relaxed: only that no two are the same matters.
        let number = MADE.fetch_add(1, Relaxed);
        let Identity { pid, start } = builder.process;
        let namespace = builder.pid_namespace;
        Self {
            name: format!("{UNFINISHED}{namespace}.{pid}.{start}.{number}"),
        }
    }
}

impl Drop for PrivateName {
    fn drop(&mut self) {
        // It may not have come to be; and nothing could be done about a failure.
        let _ = fs::remove_file(path_of(&self.name));
    }
}

fn os_id(name: &str) -> String {
    format!("/{name}")
}

/// Calls `open` while descriptors 0, 1 and 2 are in use, so that it gets none of them.
fn with_standard_descriptors<T>(open: impl FnOnce() -> T) -> io::Result<T> {
    let standard = [
        io::stdin().as_raw_fd(),
        io::stdout().as_raw_fd(),
        io::stderr().as_raw_fd(),
    ];
    let mut fill = Vec::new();
    while standard.iter().any(|descriptor| is_closed(*descriptor)) {
        let null = File::open("/dev/null").map_err(|error| {
            io::Error::other(format!(
                "a standard descriptor is closed, and /dev/null: {error}"
            ))
        })?;
        fill.push(null);
    }
    Ok(open())
}

fn is_closed(descriptor: RawFd) -> bool {
    // SAFETY: F_GETFD takes no memory, and a closed descriptor is an answer.
    unsafe { libc::fcntl(descriptor, libc::F_GETFD) == -1 }
}

fn system_error(error: ShmemError) -> io::Error {
    match error {
        ShmemError::MappingIdExists => io::ErrorKind::AlreadyExists.into(),
        ShmemError::MapCreateFailed(errno)
        | ShmemError::MapOpenFailed(errno)
        | ShmemError::UnknownOsError(errno) => io::Error::from_raw_os_error(errno as i32),
        other => io::Error::other(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_interrupted_is_allocated_in_pieces() {
        let mut done = Vec::new();
        let mut interrupted = false;
        let allocated = allocate(2 * PIECE + 1, |begin, length| {
            interrupted = !interrupted;
            if interrupted {
                return Err(Errno::EINTR);
            }
            done.push((begin, length));
            Ok(())
        });
        assert_eq!(allocated, Ok(()));
        assert_eq!(done, [(0, PIECE), (PIECE, PIECE), (2 * PIECE, 1)]);
    }

    #[test]
    fn what_is_not_interrupted_is_allocated_or_refused_at_once() {
        for expected in [Ok(()), Err(Errno::ENOSPC)] {
            let mut tried = Vec::new();
            let allocated = allocate(2 * PIECE, |begin, length| {
                tried.push((begin, length));
                expected
            });
            assert_eq!((allocated, &*tried), (expected, &[(0, 2 * PIECE)][..]));
        }
    }
}
