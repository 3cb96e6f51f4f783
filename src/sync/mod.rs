//! Floor 3: the handles a user holds, one file an object.

mod array;
mod array_guard;
mod error;
mod integer;
mod journal;
mod lock;
mod map;
mod map_error;
mod map_guard;
mod semaphore;
mod value;
mod value_guard;

pub use array::Array;
pub use array_guard::ArrayGuard;
pub use error::{AcquireError, AddError, Holder, LockError, WaitError};
pub use integer::Integer;
pub use lock::{Lock, LockGuard};
pub use map::Map;
pub use map_error::MapError;
pub use map_guard::MapGuard;
pub use semaphore::{Permit, Semaphore};
pub use value::Value;
pub use value_guard::ValueGuard;
