//! process-sync's `SharedMutex`, and a number in its shared memory.

use std::cell::RefCell;
use std::process::ExitCode;

use process_sync::{SharedMemoryObject, SharedMutex};
use shmcount_peers::Task;

fn main() -> ExitCode {
    let mut mutex = SharedMutex::new().expect("a mutex");
    let total = RefCell::new(SharedMemoryObject::new(0i64).expect("a number"));
    let mut of_adder = total.borrow_mut();
    let number: *mut i64 = of_adder.get_mut();
    drop(of_adder);
    let add = move || {
        mutex.lock().expect("a lock");
        // The mutex is held, and the memory stays mapped until the program ends.
        unsafe { number.write_volatile(number.read_volatile() + 1) };
        mutex.unlock().expect("a held lock");
    };
    Task::from_arguments().carry_out(add, || *total.borrow().get())
}
