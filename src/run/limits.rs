//! Looks, before anything is started, whether the system allows as many descriptors as a run needs.
//!
//! `ipc-channel` panics or names another error when there are none left.

use std::fs;
use std::io;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::error::Error;

/// A worker needs its door or its ear, and one to watch for its end.
const PER_WORKER: u64 = 2;
/// While one worker is started and another is let in: pipes, the ends of channels, a directory.
const AT_TIMES: u64 = 16;

/// Raises the soft limit of open files as far as `workers` need it.
///
/// # Errors
///
/// [`Error::TooFewDescriptors`] when the hard limit is too low.
pub(super) fn make_room(workers: u64) -> Result<(), Error> {
    let system = Error::system("count the open files");
    let open = match open_files() {
        Ok(open) => open,
        Err(source) => return Err(system(source)),
    };
    let (soft, hard) =
        getrlimit(Resource::RLIMIT_NOFILE).map_err(|errno| system(io::Error::from(errno)))?;
    let needed = open + AT_TIMES + workers * PER_WORKER;
    let raised = || setrlimit(Resource::RLIMIT_NOFILE, needed, hard).is_ok();
    match needed <= soft || (needed <= hard && raised()) {
        true => Ok(()),
        false => Err(Error::TooFewDescriptors {
            workers,
            needed,
            limit: hard,
        }),
    }
}

fn open_files() -> io::Result<u64> {
    const DIRECTORY: &str = "/proc/self/fd";
    match fs::metadata(DIRECTORY)?.len() {
        // Before Linux 6.2.
        0 => Ok(fs::read_dir(DIRECTORY)?.count() as u64),
        open => Ok(open),
    }
}
