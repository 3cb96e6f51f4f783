//! Floor 3: the handles a user holds, one file an object.

mod barrier;
mod error;
mod integer;
mod lock;
mod semaphore;
mod value;
mod value_guard;
mod wait_group;

pub use barrier::{Barrier, BarrierWaitResult, Party};
pub use error::{
    AcquireError, AddError, BarrierError, BrokenBy, Holder, LockError, WaitError, WaitGroupError,
};
pub use integer::Integer;
pub use lock::{Lock, LockGuard};
pub use semaphore::{Permit, Semaphore};
pub use value::Value;
pub use value_guard::ValueGuard;
pub use wait_group::{Finished, Task, WaitGroup};
