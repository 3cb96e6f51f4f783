//! A file of which every thread has an open file description of its own, for
//! the locks that belong to descriptions: two threads on one would not exclude
//! each other. Thread-local, so that one handle serves all threads and no thread
//! searches a shared table; closed when its thread or process ends.
//!
//! A fork would make parent and child share one, so the child closes its copy of
//! the forking thread's, in an atfork handler. Copies of the parent's other
//! threads' stay open in the child: if the parent is killed while one of those
//! threads holds, the lock stays taken until the child exits too, or execs.

use std::cell::RefCell;
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{
    AtomicBool,
    Ordering::{Acquire, Release},
};
use std::sync::{Arc, Weak};

/// The file, without a description: threads get theirs with [`ThreadFile::with`].
pub(super) struct ThreadFile {
    file: Arc<Identity>,
}

/// What every description of the file must be of. A file that took over the name
/// meanwhile would exclude nobody.
struct Identity {
    path: PathBuf,
    device: u64,
    inode: u64,
}

/// The calling thread's description of one file.
struct Description {
    /// Weak: a handle that is gone is told by it, and its address is not reused.
    of: Weak<Identity>,
    file: File,
}

thread_local! {
    static DESCRIPTIONS: RefCell<Vec<Description>> = const { RefCell::new(Vec::new()) };
}

impl ThreadFile {
    /// Opens the file for reading and writing: locks ask for one or both.
    ///
    /// # Errors
    ///
    /// What the system says when it cannot be opened.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        forget_at_fork()?;
        // A thread may open its description after the directory was changed.
        let path = std::path::absolute(path)?;
        let found = open(&path)?.metadata()?;
        let file = Arc::new(Identity {
            path,
            device: found.dev(),
            inode: found.ino(),
        });
        Ok(Self { file })
    }

    /// Hands the calling thread's description to `act`, and opens it before if
    /// the thread has none.
    pub(super) fn with<T>(&self, act: impl FnOnce(&File) -> io::Result<T>) -> io::Result<T> {
        DESCRIPTIONS
            .try_with(|descriptions| {
                if let Some(mine) = descriptions.borrow().iter().find(|d| self.is_of(d)) {
                    return act(&mine.file);
                }
                let file = self.file.open_again()?;
                let mut opened = descriptions.borrow_mut();
                opened.retain(|d| d.of.strong_count() > 0);
                opened.push(Description {
                    of: Arc::downgrade(&self.file),
                    file,
                });
                drop(opened);
                let opened = descriptions.borrow();
                act(&opened[opened.len() - 1].file)
            })
            .map_err(io::Error::other)?
    }

    /// Hands the calling thread's description to `act`.
    ///
    /// # Errors
    ///
    /// EPERM if it has none, and so holds nothing: also in a child that was
    /// forked by a thread that holds the lock.
    pub(super) fn with_opened<T>(&self, act: impl FnOnce(&File) -> io::Result<T>) -> io::Result<T> {
        DESCRIPTIONS
            .try_with(
                |descriptions| match descriptions.borrow().iter().find(|d| self.is_of(d)) {
                    Some(mine) => act(&mine.file),
                    None => Err(io::Error::from_raw_os_error(libc::EPERM)),
                },
            )
            .map_err(io::Error::other)?
    }

    fn is_of(&self, description: &Description) -> bool {
        Weak::as_ptr(&description.of) == Arc::as_ptr(&self.file)
    }
}

impl Identity {
    #[cold]
    fn open_again(&self) -> io::Result<File> {
        let file = open(&self.path)?;
        let found = file.metadata()?;
        if (found.dev(), found.ino()) != (self.device, self.inode) {
            return Err(io::Error::from_raw_os_error(libc::ESTALE));
        }
        Ok(file)
    }
}

fn open(path: &Path) -> io::Result<File> {
    File::options().read(true).write(true).open(path)
}

/// Has every child that is forked from now on forget its forking thread's
/// descriptions. Unlike a look at the process id, this costs a lock nothing.
///
/// No `Once`: a child forked while another thread is inside it would wait for
/// that thread for ever. Two that register at once do so twice, which is harmless.
fn forget_at_fork() -> io::Result<()> {
    static REGISTERED: AtomicBool = AtomicBool::new(false);
    // Acquire: pairs with the Release below; a fork after this sees the handler.
    if REGISTERED.load(Acquire) {
        return Ok(());
    }
    // SAFETY: the handler may run in any child: see there.
    match unsafe { libc::pthread_atfork(None, None, Some(forget_inherited)) } {
        0 => REGISTERED.store(true, Release),
        error => return Err(io::Error::from_raw_os_error(error)),
    }
    Ok(())
}

/// Runs in the child, on its only thread. It closes and frees, which a child may
/// do: glibc has put its allocator in order before it calls the handlers.
extern "C" fn forget_inherited() {
    // A thread past its thread-locals has none left to forget. One that forks
    // from a signal handler, inside this file, is borrowing them: that keeps them.
    let _ = DESCRIPTIONS.try_with(|descriptions| {
        if let Ok(mut descriptions) = descriptions.try_borrow_mut() {
            descriptions.clear();
        }
    });
}
