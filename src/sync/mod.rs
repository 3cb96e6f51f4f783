//! Floor 3: the handles a user holds, one file an object.

mod attempt;
mod bytes_queue;
mod bytes_ring;
mod condvar;
mod condvar_state;
mod error;
mod event;
mod integer;
mod lock;
mod queue;
mod queue_error;
mod queue_iter;
mod queue_state;
mod semaphore;
mod value;
mod value_guard;

pub use bytes_queue::BytesQueue;
pub use condvar::{Condvar, WaitTimeoutResult};
pub use error::{AcquireError, AddError, Holder, LockError, WaitError};
pub use event::Event;
pub use integer::Integer;
pub use lock::{Lock, LockGuard};
pub use queue::Queue;
pub use queue_error::{PopError, PushBytesError, PushError};
pub use queue_iter::{BytesQueueIter, QueueIter};
pub use semaphore::{Permit, Semaphore};
pub use value::Value;
pub use value_guard::ValueGuard;
