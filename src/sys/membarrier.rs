//! A memory barrier on behalf of other processes.
//!
//! It lets the common side of a handshake go without one: whoever is about to sleep makes
//! every processor that runs a registered process drain its store buffer (`membarrier(2)`,
//! `MEMBARRIER_CMD_GLOBAL_EXPEDITED`). Registration is inherited by fork and cleared by exec.

/// Registers this process, so that barriers of others reach it; tells whether the kernel agreed.
///
/// Registering again is a quick system call that changes nothing.
pub fn register() -> bool {
    call(libc::MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED)
}

/// Makes every registered process pass a full memory barrier before this returns.
///
/// Only for processes for which [`register`] returned `true`.
pub fn global_expedited() {
    let passed = call(libc::MEMBARRIER_CMD_GLOBAL_EXPEDITED);
    debug_assert!(passed, "membarrier worked when this process registered");
}

fn call(command: libc::c_int) -> bool {
    // SAFETY: membarrier reads and writes no memory of the caller.
    unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
}
