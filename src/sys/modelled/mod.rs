//! The kernel and the processor as loom sees them: siblings of the files of this floor, with the
//! same names and signatures, for `tests/loom`.
//!
//! A process is a thread here, shared memory is the heap, and what loom cannot see (the robust
//! list, the queues) is kept in plain memory beside it. `docs/ARCHITECTURE.md` says what that covers.

pub mod atomic;
pub mod clock;
pub mod futex;
pub mod membarrier;
pub mod robust_list;
