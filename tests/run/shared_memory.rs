//! Segments of a test, and what is left of a run.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// The name of a segment for one test, removed when dropped, on failure too.
pub struct Name(String);

impl Name {
    pub fn new(what: &str) -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Relaxed);
        Self(format!("test-{what}-{}-{number}", std::process::id()))
    }

    /// With this at the beginning, which may have any signs.
    #[allow(dead_code, reason = "not every test program that has this file")]
    pub fn starting(with: &str) -> Self {
        Self(format!("{with}{}", &*Self::new("")))
    }

    pub fn path(&self) -> PathBuf {
        Path::new("/dev/shm").join(format!("shmcount.{}", self.0))
    }

    pub fn exists(&self) -> bool {
        self.path().symlink_metadata().is_ok()
    }
}

impl std::ops::Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        let path = self.path();
        let _ = fs::remove_file(&path);
        let _ = fs::remove_dir(&path);
    }
}

/// The segments that a coordinator has made up a name for.
pub fn made_up_by(coordinator: u32) -> Vec<String> {
    let begin = format!("shmcount.run-{coordinator}-");
    let names = fs::read_dir("/dev/shm").unwrap();
    names
        .filter_map(|entry| entry.unwrap().file_name().into_string().ok())
        .filter(|name| name.starts_with(&begin))
        .collect()
}

/// The living processes that work for a coordinator or on a segment of this name.
pub fn workers_of(coordinator: u32, segment: &str) -> Vec<u32> {
    let told = format!("worker-of\0{coordinator}\0");
    let named = format!("SHMCOUNT_NAME={segment}\0");
    let works = |pid: &u32| {
        let read = |file| fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
        let is_forked = *pid != coordinator && contains(&read("cmdline"), segment);
        is_forked || contains(&read("cmdline"), &told) || contains(&read("environ"), &named)
    };
    processes().into_iter().filter(works).collect()
}

fn processes() -> Vec<u32> {
    let entries = fs::read_dir("/proc").unwrap();
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect()
}

fn contains(bytes: &[u8], text: &str) -> bool {
    let text = text.as_bytes();
    !text.is_empty() && bytes.windows(text.len()).any(|window| window == text)
}
