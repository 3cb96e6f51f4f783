//! A segment name that is free when a test begins and free again when it ends.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use shmcount::sys::shm;

/// A name of a segment. Whatever has it is removed on drop.
pub struct Scratch {
    name: String,
}

impl Scratch {
    /// Makes up a name.
    pub fn new(label: &str) -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Relaxed);
        Self {
            name: format!("{}{label}-{number}", prefix()),
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the path of its file.
    pub fn path(&self) -> PathBuf {
        shm::path_of(&format!("shmcount.{}", self.name))
    }

    pub(super) fn left_by_this_process() -> Vec<String> {
        let file_prefix = format!("shmcount.{}", prefix());
        let names = shm::names().expect("/dev/shm can be read");
        names
            .filter(|name| name.starts_with(&file_prefix))
            .collect()
    }

    pub(super) fn remove_all_of_this_process() {
        for name in Self::left_by_this_process() {
            remove(shm::path_of(&name));
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        remove(self.path());
    }
}

fn remove(path: PathBuf) {
    // It may not be there, or be a directory; and there is nothing to do about a failure.
    let _ = fs::remove_file(&path);
    let _ = fs::remove_dir(&path);
}

fn prefix() -> String {
    format!("test-{}-", std::process::id())
}
