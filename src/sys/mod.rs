//! Floor 0: the kernel, one file for each thing asked of it.
//!
//! Nothing here knows a lock, a segment or an object. Everything that is unsafe about
//! talking to Linux is proved here, so that the floors above call plain functions.

pub mod atomic;
pub mod backoff;
pub mod bell;
pub mod clock;
pub mod futex;
pub mod membarrier;
pub mod process;
pub mod robust_list;
pub mod shm;
#[cfg(feature = "cli")]
pub mod stdout;

#[cfg(not(all(
    target_os = "linux",
    target_env = "gnu",
    any(target_arch = "x86_64", target_arch = "aarch64")
)))]
compile_error!(
    "shmcount needs Linux with glibc on x86-64 or aarch64: its locks lie on glibc's robust list, \
     which other C libraries lay out differently"
);
