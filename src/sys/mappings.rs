//! Which processes have a file mapped: the kernel's own word, from `/proc/PID/maps`.
//!
//! Nothing is kept anywhere for it, so nothing goes stale: a process that was killed is not there.
//! What cannot be seen: processes of other users, for all but root; those that are not dumpable
//! (`PR_SET_DUMPABLE`, set-user-ID programs); those of a PID namespace beside or above the own; and all
//! where `/proc` is not mounted, or hides them (`hidepid`). A process that has the file open and has
//! not mapped it is none of these.

use std::collections::HashMap;
use std::fs::{self, Metadata};
use std::io::{self, BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// A file, whatever its name is or was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    /// Returns which file has this path. A symbolic link is not followed.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn of(path: &Path) -> io::Result<Self> {
        fs::symlink_metadata(path).map(|metadata| Self::from(&metadata))
    }

    /// Returns its inode number.
    pub fn inode(self) -> u64 {
        self.inode
    }
}

impl From<&Metadata> for FileId {
    fn from(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
        }
    }
}

/// Returns the processes that have each of these files mapped, in the order of their ids. Goes over
/// `/proc` once, however many files there are; a file that nobody has mapped gets an empty list.
///
/// # Errors
///
/// When `/proc` is not mounted.
pub fn processes_that_map(files: &[FileId]) -> io::Result<HashMap<FileId, Vec<u32>>> {
    let mut found: HashMap<FileId, Vec<u32>> =
        files.iter().map(|file| (*file, Vec::new())).collect();
    if found.is_empty() {
        return Ok(found);
    }
    let entries = fs::read_dir("/proc")?.flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let mut pids: Vec<u32> = pids.collect();
    pids.sort_unstable();
    for pid in pids {
        // One that has ended since, or is another user's, has nothing to say.
        let Ok(maps) = fs::File::open(format!("/proc/{pid}/maps")) else {
            continue;
        };
        for line in BufReader::new(maps).split(b'\n') {
            // A process that ends while it is read has no more lines.
            let Ok(line) = line else { break };
            if let Some(pids) = file_of(&line).and_then(|file| found.get_mut(&file))
                && pids.last() != Some(&pid)
            {
                pids.push(pid);
            }
        }
    }
    Ok(found)
}

/// Reads the file from a line of `maps` (proc_pid_maps(5)): range, permissions, offset, device as
/// major:minor in hexadecimal, inode, and a path that may be anything.
fn file_of(line: &[u8]) -> Option<FileId> {
    let mut fields = line.split(|byte| *byte == b' ');
    let device = std::str::from_utf8(fields.nth(3)?).ok()?;
    let inode = std::str::from_utf8(fields.next()?).ok()?.parse().ok()?;
    let (major, minor) = device.split_once(':')?;
    let part = |text| u32::from_str_radix(text, 16).ok();
    // Memory that is of no file has inode 0.
    (inode != 0).then_some(FileId {
        device: nix::sys::stat::makedev(part(major)?.into(), part(minor)?.into()),
        inode,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_which_file_it_is_of() {
        let line = b"7f-80 rw-s 00000000 00:1a 3140                       /dev/shm/a b (deleted)";
        let expected = FileId {
            device: nix::sys::stat::makedev(0, 0x1a),
            inode: 3140,
        };
        assert_eq!(file_of(line), Some(expected));
        let of_none = b"7f-80 rw-p 00000000 00:00 0                          [heap]";
        assert_eq!(file_of(of_none), None);
        assert_eq!(file_of(b""), None);
    }

    #[test]
    fn the_own_program_is_mapped_by_the_own_process() {
        let program = FileId::from(&fs::metadata("/proc/self/exe").expect("it runs"));
        let found = processes_that_map(&[program]).expect("/proc is mounted");
        assert!(found[&program].contains(&std::process::id()));
    }
}
