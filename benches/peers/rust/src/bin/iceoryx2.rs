//! iceoryx2's inter-process mutex with the number in it: `plain`, or `robust`, which survives its
//! holder.

extern crate iceoryx2_bb_loggers;

use std::process::ExitCode;

use iceoryx2_bb_posix::mutex::{
    Handle, Mutex, MutexBuilder, MutexHandle, MutexThreadTerminationBehavior,
};
use shmcount_peers::{Task, shared_memory};

fn main() -> ExitCode {
    let task = Task::from_arguments();
    let memory: *mut MutexHandle<i64> = shared_memory();
    unsafe { memory.write(MutexHandle::new()) };
    let handle: &'static MutexHandle<i64> = unsafe { &*memory };
    let behavior = match task.kind.as_deref() {
        Some("robust") => MutexThreadTerminationBehavior::ReleaseWhenLocked,
        _ => MutexThreadTerminationBehavior::StallWhenLocked,
    };
    let mutex: Mutex<'_, '_, i64> = MutexBuilder::new()
        .is_interprocess_capable(true)
        .thread_termination_behavior(behavior)
        .create(0, handle)
        .expect("a mutex");
    let add = || *mutex.lock().expect("a lock") += 1;
    task.carry_out(add, || *mutex.lock().expect("a lock"))
}
