//! Floor 3: the handles a user holds, one file an object.

mod array;
mod array_guard;
mod attempt;
mod barrier;
mod bytes_queue;
mod bytes_ring;
mod condvar;
mod condvar_state;
mod counter;
mod counter_cell;
mod counter_writer;
mod error;
mod event;
mod fifo_lock;
mod fifo_lock_guard;
mod integer;
mod journal;
mod lock;
mod map;
mod map_error;
mod map_guard;
mod own_cells;
mod queue;
mod queue_empty;
mod queue_error;
mod queue_iter;
mod queue_state;
mod semaphore;
mod value;
mod value_guard;
mod waiting;

pub use array::Array;
pub use array_guard::ArrayGuard;
pub use bytes_queue::BytesQueue;
pub use condvar::{Condvar, WaitTimeoutResult};
pub use counter::Counter;
pub use counter_writer::CounterWriter;
pub use event::Event;
pub use fifo_lock::FifoLock;
pub use fifo_lock_guard::FifoLockGuard;
mod wait_group;

pub use barrier::{Barrier, BarrierWaitResult, Party};
pub use error::{
    AcquireError, AddError, BarrierError, BrokenBy, Holder, LockError, WaitError, WaitGroupError,
};
pub use integer::Integer;
pub use lock::{Lock, LockGuard};
pub use map::Map;
pub use map_error::MapError;
pub use map_guard::MapGuard;
pub use queue::Queue;
pub use queue_error::{PopError, PushBytesError, PushError};
pub use queue_iter::{BytesQueueIter, QueueIter};
pub use semaphore::{Permit, Semaphore};
pub use value::Value;
pub use value_guard::ValueGuard;
pub use wait_group::{Finished, Task, WaitGroup};
pub use waiting::Circle;
