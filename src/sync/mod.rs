//! Floor 3: the handles a user holds, one file an object.

mod counter;
mod counter_cell;
mod counter_writer;
mod error;
mod fifo_lock;
mod fifo_lock_guard;
mod integer;
mod lock;
mod own_cells;
mod semaphore;
mod value;
mod value_guard;

pub use counter::Counter;
pub use counter_writer::CounterWriter;
pub use error::{AcquireError, AddError, Holder, LockError, WaitError};
pub use fifo_lock::FifoLock;
pub use fifo_lock_guard::FifoLockGuard;
pub use integer::Integer;
pub use lock::{Lock, LockGuard};
pub use semaphore::{Permit, Semaphore};
pub use value::Value;
pub use value_guard::ValueGuard;
