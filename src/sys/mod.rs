//! Floor 0: the kernel, one file for each thing asked of it.
//!
//! Nothing here knows a lock, a segment or an object. Everything that is unsafe about
//! talking to Linux is proved here, so that the floors above call plain functions.
//!
//! Under `--cfg loom`, for the model checker, `modelled` stands in for what the floor above needs.

#[cfg(not(loom))]
pub mod atomic;
pub mod backoff;
#[cfg(not(loom))]
pub mod bell;
#[cfg(all(feature = "cli", not(loom)))]
pub mod byte_lock;
#[cfg(not(loom))]
pub mod clock;
#[cfg(not(loom))]
pub mod futex;
#[cfg(not(loom))]
pub mod mappings;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod mathematics;
#[cfg(not(loom))]
pub mod membarrier;
#[cfg(loom)]
pub mod modelled;
#[cfg(not(loom))]
pub mod process;
#[cfg(not(loom))]
pub mod robust_list;
#[cfg(not(loom))]
pub mod shm;
#[cfg(all(feature = "cli", not(loom)))]
pub mod start;
#[cfg(feature = "cli")]
pub mod terminal;
#[cfg(all(feature = "cli", not(loom)))]
pub mod ward;

#[cfg(loom)]
pub use modelled::{atomic, clock, futex, membarrier, robust_list};

#[cfg(not(all(
    target_os = "linux",
    target_env = "gnu",
    any(target_arch = "x86_64", target_arch = "aarch64")
)))]
compile_error!(
    "shmcount needs Linux with glibc on x86-64 or aarch64: its locks lie on glibc's robust list, \
     which other C libraries lay out differently"
);
