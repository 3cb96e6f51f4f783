//! Loom's atomics, each with the queues of who sleeps on it.
//!
//! Loom takes a `SeqCst` access for an `AcqRel` one, which is too weak, but its `SeqCst` fences are
//! whole. So an access becomes one with a fence beside it, which is how processors without such
//! accesses get them. A fence orders a little more than the access would: a missing ordering could
//! hide behind it. Therefore every model runs twice, with the fence before and with it after.
//!
//! Loom remembers of each atomic only the last access. A thread that loads a word and then stores it
//! hides from loom that another thread had loaded it before, and the order in which the store comes
//! first is never tried. So every load is made to depend on the loads before it: by a notification of
//! nobody, which loom orders and which synchronizes nothing.

use std::cell::Cell;

pub use std::sync::atomic::Ordering::{self, AcqRel, Acquire, Relaxed, Release, SeqCst};
pub use std::sync::atomic::compiler_fence;

pub use loom::sync::atomic::fence;

use loom::sync::Condvar;

use super::futex::Queue;

/// On which side of a `SeqCst` access its fence is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeqCstFence {
    /// The fence, then the access.
    Before,
    /// The access, then the fence.
    After,
}

thread_local! {
    static FENCE: Cell<SeqCstFence> = const { Cell::new(SeqCstFence::Before) };
}

/// Says how `SeqCst` accesses are made from here on, in the models of this thread.
pub fn make_seq_cst_with(fence: SeqCstFence) {
    FENCE.set(fence);
}

fn fence_before(order: Ordering) {
    if order == SeqCst && FENCE.get() == SeqCstFence::Before {
        fence(SeqCst);
    }
}

fn fence_after(order: Ordering) {
    if order == SeqCst && FENCE.get() == SeqCstFence::After {
        fence(SeqCst);
    }
}

macro_rules! modelled_atomic {
    ($name:ident, $integer:ty) => {
        /// As the standard library's.
        #[derive(Debug)]
        pub struct $name {
            value: loom::sync::atomic::$name,
            /// Of the low half, which is the whole of a short word, and of the high half.
            pub(super) queues: [Queue; 2],
            loads: Condvar,
        }

        #[allow(missing_docs, reason = "the standard library's, one by one")]
        impl $name {
            pub fn new(value: $integer) -> Self {
                Self {
                    value: loom::sync::atomic::$name::new(value),
                    queues: Default::default(),
                    loads: Condvar::new(),
                }
            }

            pub fn load(&self, order: Ordering) -> $integer {
                self.loads.notify_all();
                fence_before(order);
                let value = self.value.load(order);
                fence_after(order);
                value
            }

            pub fn store(&self, value: $integer, order: Ordering) {
                fence_before(order);
                self.value.store(value, order);
                fence_after(order);
            }

            pub fn swap(&self, value: $integer, order: Ordering) -> $integer {
                fence_before(order);
                let before = self.value.swap(value, order);
                fence_after(order);
                before
            }

            pub fn fetch_add(&self, value: $integer, order: Ordering) -> $integer {
                fence_before(order);
                let before = self.value.fetch_add(value, order);
                fence_after(order);
                before
            }

            pub fn compare_exchange(
                &self,
                current: $integer,
                new: $integer,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$integer, $integer> {
                fence_before(success);
                let result = self.value.compare_exchange(current, new, success, failure);
                fence_after(if result.is_ok() { success } else { failure });
                result
            }

            pub fn fetch_update(
                &self,
                success: Ordering,
                failure: Ordering,
                mut change: impl FnMut($integer) -> Option<$integer>,
            ) -> Result<$integer, $integer> {
                let mut seen = self.load(failure);
                while let Some(new) = change(seen) {
                    match self.compare_exchange(seen, new, success, failure) {
                        Ok(before) => return Ok(before),
                        Err(other) => seen = other,
                    }
                }
                Err(seen)
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new(0)
            }
        }
    };
}

modelled_atomic!(AtomicU32, u32);
modelled_atomic!(AtomicU64, u64);
