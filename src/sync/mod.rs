//! Floor 3: the handles a user holds, one file an object.

mod error;
mod integer;
mod lock;
mod semaphore;
mod value;
mod value_guard;
mod waiting;

pub use error::{AcquireError, AddError, Holder, LockError, WaitError};
pub use integer::Integer;
pub use lock::{Lock, LockGuard};
pub use semaphore::{Permit, Semaphore};
pub use value::Value;
pub use value_guard::ValueGuard;
pub use waiting::Circle;
