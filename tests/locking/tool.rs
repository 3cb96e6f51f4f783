//! The two programs that are compared, and a lock of each.

use std::ffi::OsStr;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output, Stdio};

use shmcount::sys::process::tie_to_parent;

use crate::running::Running;
use crate::stage::{Scratch, Skipped};

pub const SHMCOUNT: &str = env!("CARGO_BIN_EXE_shmcount");

/// A program, with a lock that nobody else uses.
pub enum Tool {
    Flock {
        directory: tempfile::TempDir,
        path: PathBuf,
    },
    Shmcount {
        lock: Scratch,
        other: Scratch,
    },
}

/// Requires a program.
pub fn needs_program(name: &str, why: &str) -> Result<PathBuf, Skipped> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut files = std::env::split_paths(&path).map(|directory| directory.join(name));
    let found = files.find(|file| file.is_file());
    found.ok_or_else(|| Skipped(format!("there is no {name}(1) {why}")))
}

impl Tool {
    pub fn flock(path: &Path) -> Self {
        Self::Flock {
            directory: tempfile::tempdir().unwrap(),
            path: path.to_owned(),
        }
    }

    pub fn shmcount() -> Self {
        Self::Shmcount {
            lock: Scratch::new("lock"),
            other: Scratch::new("other"),
        }
    }

    /// The lock's name on the command line.
    pub fn lock(&self) -> String {
        match self {
            Self::Flock { directory, .. } => directory.path().join("lock").display().to_string(),
            Self::Shmcount { lock, .. } => lock.name().to_owned(),
        }
    }

    /// Another lock.
    pub fn other(&self) -> String {
        match self {
            Self::Flock { directory, .. } => directory.path().join("other").display().to_string(),
            Self::Shmcount { other, .. } => other.name().to_owned(),
        }
    }

    /// The file that the lock is.
    pub fn file(&self) -> PathBuf {
        match self {
            Self::Flock { .. } => self.lock().into(),
            Self::Shmcount { lock, .. } => lock.path(),
        }
    }

    /// The words that start it.
    pub fn words(&self) -> Vec<String> {
        match self {
            Self::Flock { path, .. } => vec![path.display().to_string()],
            Self::Shmcount { .. } => vec![SHMCOUNT.to_owned(), "lock".to_owned()],
        }
    }

    pub fn command<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Command {
        command(&self.words(), arguments)
    }

    /// Runs it to its end.
    pub fn run<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Output {
        output(self.command(arguments))
    }

    /// Runs it to its end, and says how it ended.
    pub fn end<A: AsRef<OsStr>>(&self, arguments: &[A]) -> String {
        end_of(self.run(arguments).status)
    }

    /// Runs this with the lock.
    pub fn end_under(&self, options: &[&str], what: &[&str]) -> String {
        self.end(&[options, &[&*self.lock()], what].concat())
    }

    /// Starts a command that holds the lock until it is told to end.
    pub fn hold(&self, options: &[&str]) -> Running {
        let lock = self.lock();
        let what = ["sh", "-c", "echo $$; exec cat"];
        Running::start(self.command(&[options, &[&*lock], &what].concat()))
    }

    /// Tells whether another could have the lock now.
    pub fn is_free(&self) -> bool {
        self.end_under(&["-n"], &["true"]) == "0"
    }

    /// Waits until another could have the lock.
    pub fn wait_until_free(&self) {
        assert_eq!(self.end_under(&["-w", "60"], &["true"]), "0");
    }
}

/// A program that ends with the thread that starts it.
pub fn command<A: AsRef<OsStr>>(words: &[String], arguments: &[A]) -> Command {
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).args(arguments);
    tie_to_parent(&mut command);
    command
}

/// Runs it to its end, with nothing to read.
pub fn output(mut command: Command) -> Output {
    command.stdin(Stdio::null()).output().unwrap()
}

pub fn end_of(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => code.to_string(),
        (_, Some(signal)) => format!("by signal {signal}"),
        _ => status.to_string(),
    }
}
