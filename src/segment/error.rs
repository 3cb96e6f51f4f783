//! What can be wrong with a segment.

use std::io;

use super::name::{Name, argument};
use crate::raw::robust_lock::Refused;
use crate::sys::process;
use crate::sys::robust_list::NoRobustList;

/// Why a segment or an object in it cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The name is not one.
    #[error("segment name {name:?} is not valid: {reason}")]
    InvalidName {
        /// What was given.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// There is no such segment.
    #[error("segment '{name}' does not exist")]
    NotFound {
        /// Its name.
        name: Name,
    },
    /// There is such a segment, or something else of its name.
    #[error("segment '{name}' exists already")]
    AlreadyExists {
        /// Its name.
        name: Name,
    },
    /// Something of that name is there, and it is not a segment this program can use.
    #[error("segment '{name}' {foreign}")]
    Foreign {
        /// Its name.
        name: Name,
        /// What it is.
        foreign: Foreign,
    },
    /// `/dev/shm` is full.
    #[error("no room in /dev/shm for the {size} bytes of segment '{name}'")]
    NoSpace {
        /// Its name.
        name: Name,
        /// How many bytes were asked for.
        size: usize,
    },
    /// The segment has no such object.
    #[error("segment '{name}' has no object '{object}'")]
    NoSuchObject {
        /// The segment's name.
        name: Name,
        /// The object's name.
        object: String,
    },
    /// The object was to be made, and is there.
    #[error("segment '{name}' has an object '{object}' already")]
    ObjectExists {
        /// The segment's name.
        name: Name,
        /// The object's name.
        object: String,
    },
    /// The object's name is not one.
    #[error(
        "object name {object:?} is not valid: it must have 1 to 63 bytes, without '/', '[', ']' and control characters"
    )]
    InvalidObjectName {
        /// What was given.
        object: String,
    },
    /// The object is of another kind, type or length.
    #[error("object '{name}/{object}' has {what} {found}, expected {expected}")]
    OtherShape {
        /// The segment's name.
        name: String,
        /// The object's name.
        object: String,
        /// What differs.
        what: &'static str,
        /// What it is.
        found: String,
        /// What was asked for.
        expected: String,
    },
    /// An object cannot be made with this number.
    #[error("object '{object}' has {what} {found}, expected {expected}")]
    OutOfRange {
        /// The object's name.
        object: String,
        /// Which number.
        what: &'static str,
        /// What it is.
        found: u64,
        /// What it may be.
        expected: &'static str,
    },
    /// The segment has no room for the object.
    #[error("segment '{name}' has {free} bytes left, object '{object}' needs {needed}")]
    Full {
        /// The segment's name.
        name: Name,
        /// The object's name.
        object: String,
        /// How many bytes it needs.
        needed: u64,
        /// How many there are.
        free: u64,
    },
    /// The directory's lock was not to be had.
    #[error("the directory of segment '{name}' is locked: {}", told(*refused))]
    DirectoryLocked {
        /// The segment's name.
        name: Name,
        /// Why.
        refused: Refused,
    },
    /// No lock can be taken here.
    #[error(transparent)]
    Unsupported(#[from] NoRobustList),
    /// The release that was asked for needs what this kernel or sandbox does not have.
    #[error("the plain release needs membarrier(2) and futex_waitv(2), which are refused here")]
    NoPlainRelease,
    /// The system refused something.
    #[error("cannot {action} segment '{name}'")]
    System {
        /// What was tried.
        action: &'static str,
        /// The segment's name.
        name: Name,
        /// What the system answered.
        source: io::Error,
    },
}

/// What makes a thing of a segment's name no segment for this program.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Foreign {
    /// It is not a regular file.
    #[error("is not a segment but a {found}")]
    FileType {
        /// What it is.
        found: &'static str,
    },
    /// It belongs to another user.
    #[error("belongs to user {found}, and this is user {expected}")]
    Owner {
        /// Whose it is.
        found: u32,
        /// Who asks.
        expected: u32,
    },
    /// Others may read or write it.
    #[error("has mode {found:04o}, expected {expected:04o}")]
    Mode {
        /// Its mode.
        found: u32,
        /// The mode of every segment.
        expected: u32,
    },
    /// It is shorter or longer than it says, or shorter than any segment.
    #[error("has {found} bytes, expected {expected}")]
    Size {
        /// How long it is.
        found: u64,
        /// How long it should be.
        expected: u64,
    },
    /// It does not begin as a segment does.
    #[error("was not made by shmcount")]
    Magic,
    /// It was made by a version with another format.
    #[error("has format {found}, this program expects {expected}")]
    Version {
        /// Its format.
        found: u32,
        /// The format of this program.
        expected: u32,
    },
    /// It was made by a build that lays structures out differently.
    #[error("has layout {found:08x}, this program expects {expected:08x}")]
    Layout {
        /// Its fingerprint.
        found: u32,
        /// The fingerprint of this program.
        expected: u32,
    },
    /// It was made in another PID namespace, so thread ids mean something else there.
    #[error("was made in PID namespace {found}, this is {expected}")]
    PidNamespace {
        /// Its namespace.
        found: u64,
        /// The namespace of this process.
        expected: u64,
    },
    /// It was made before the last boot, or on another machine.
    #[error("was made in another boot of this host")]
    Boot,
    /// Its file is a copy of the one it was made as.
    #[error("is a copy of another segment")]
    Copy,
    /// Its directory makes no sense.
    #[error("has a damaged directory at byte {offset}")]
    Directory {
        /// Where.
        offset: u64,
    },
}

impl Error {
    pub(super) fn system(action: &'static str, name: &Name, source: io::Error) -> Self {
        Self::System {
            action,
            name: name.clone(),
            source,
        }
    }

    pub(super) fn foreign(name: &Name, foreign: Foreign) -> Self {
        Self::Foreign {
            name: name.clone(),
            foreign,
        }
    }

    /// Returns what a person can do about it, if there is something to say.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::NotFound { name } => {
                Some(format!("make it with `shmcount create {}`", name.quoted()))
            }
            Self::AlreadyExists { name } => Some(format!(
                "choose another name, or remove it with `shmcount rm {}`",
                name.quoted()
            )),
            Self::Foreign { name, foreign } => foreign.help(name),
            Self::NoSpace { .. } => {
                Some("remove what is not needed from /dev/shm, or mount it larger".to_owned())
            }
            Self::NoSuchObject { name, .. } => {
                Some(format!("a bare `{name}` is the object `{name}/main`"))
            }
            Self::InvalidName { .. } => Some("choose a word: `shmcount create visits`".to_owned()),
            Self::InvalidObjectName { .. } => {
                Some("an object is NAME/OBJECT: `shmcount create visits/today`".to_owned())
            }
            Self::OtherShape { name, .. } => Some(format!(
                "`shmcount show {}` says what it is; choose another name for another object",
                argument(name)
            )),
            Self::Full { .. } => {
                Some("make a larger one: `shmcount create OTHER --room BYTES`".to_owned())
            }
            Self::DirectoryLocked { name, refused } => Some(help_of_locked(name, *refused)),
            Self::Unsupported(_) => {
                Some("allow set_robust_list(2) and get_robust_list(2) in this sandbox".to_owned())
            }
            Self::NoPlainRelease => Some("use the exchange release".to_owned()),
            Self::System { source, .. } => match source.raw_os_error()? {
                libc::EMFILE => Some("allow more open files: `ulimit -n`".to_owned()),
                libc::EACCES => Some("this user needs write permission on /dev/shm".to_owned()),
                libc::ENOMEM => Some("allow more address space: `ulimit -v`".to_owned()),
                _ => None,
            },
            _ => None,
        }
    }
}

fn told(refused: Refused) -> String {
    match refused {
        Refused::HeldByCaller => "this thread holds it already".to_owned(),
        Refused::WouldBlock(tid) => format!("thread {tid} holds it"),
        Refused::TimedOut(tid) => format!("thread {tid} held it all the time"),
    }
}

/// The directory's lock is never kept: its holder was stopped, or its word was damaged.
fn help_of_locked(name: &Name, refused: Refused) -> String {
    let holder = match refused {
        Refused::HeldByCaller => None,
        Refused::WouldBlock(tid) | Refused::TimedOut(tid) => process::of_thread(tid),
    };
    match holder {
        Some(pid) => format!("look at it with `ps -p {pid}`: it lives, perhaps stopped"),
        None => format!(
            "try again, or remove it with `shmcount rm {}`",
            name.quoted()
        ),
    }
}

impl Foreign {
    fn help(&self, name: &Name) -> Option<String> {
        match self {
            Self::Owner { .. } => Some("segments are private to the user who made them".to_owned()),
            // `shmcount rm` cannot open it either.
            Self::Mode { found, .. } if found & 0o400 == 0 => {
                Some(format!(
"remove it with `rm {}`", argument(&format!("/dev/shm/shmcount.{name}"))))
            }
            Self::FileType { .. } => Some(format!("look at /dev/shm/shmcount.{name}")),
            Self::PidNamespace { .. } => Some(
                "let both see the same processes, e.g. `docker run --pid=container:ID --ipc=container:ID`"
                    .to_owned(),
            ),
            _ => Some(format!("remove it with `shmcount rm {}`", name.quoted())),
        }
    }
}
