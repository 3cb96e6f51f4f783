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

/// Makes every registered process pass a full memory barrier before this returns; tells whether
/// they did. They did not when a sandbox that was entered since [`register`] refuses the call.
pub fn global_expedited() -> bool {
    call(libc::MEMBARRIER_CMD_GLOBAL_EXPEDITED)
}

fn call(command: libc::c_int) -> bool {
    // SAFETY: membarrier reads and writes no memory of the caller.
    unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
}
