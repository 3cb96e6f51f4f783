//! A `/dev/shm` of a process's own, for tests that fill it or look at all that is in it.

use std::sync::OnceLock;

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

use super::process::Process;
use super::suite::Skipped;

/// The act that tries it. Each suite has it among its own.
pub const TRY_OWN_SHM: &str = "stage::own_shm_at_all";

/// Gives the calling process, which must have one thread, an empty `/dev/shm`. It is gone with
/// the process.
pub fn own_shm(options: &str) {
    try_own_shm(options).expect("a mount namespace can be made");
}

fn try_own_shm(options: &str) -> Result<(), Errno> {
    const NONE: Option<&str> = None;
    unshare(CloneFlags::CLONE_NEWNS)?;
    mount(NONE, "/", NONE, MsFlags::MS_REC | MsFlags::MS_PRIVATE, NONE)?;
    let options = format!("mode=1777,{options}");
    mount(
        Some("tmpfs"),
        "/dev/shm",
        Some("tmpfs"),
        MsFlags::empty(),
        Some(options.as_str()),
    )
}

/// Requires the right to mount.
pub fn needs_own_shm() -> Result<(), Skipped> {
    static ANSWER: OnceLock<bool> = OnceLock::new();
    let works = *ANSWER.get_or_init(|| {
        let mut process = Process::start(TRY_OWN_SHM, &[]);
        process.hear() == "works"
    });
    match works {
        true => Ok(()),
        false => Err(Skipped("a mount namespace needs root".to_owned())),
    }
}

/// The act [`TRY_OWN_SHM`].
pub fn own_shm_at_all(parent: super::Parent) {
    parent.tell(match try_own_shm("size=64k") {
        Ok(()) => "works",
        Err(_) => "refused",
    });
}

/// Requires root.
pub fn needs_root() -> Result<(), Skipped> {
    match nix::unistd::geteuid().is_root() {
        true => Ok(()),
        false => Err(Skipped("it needs root".to_owned())),
    }
}
