//! Counters, values and locks that the processes of one Linux host share, and that stay right
//! when a process is killed.
//!
//! A [`Segment`] is a named piece of shared memory; in it lie objects that any process of the same
//! user finds by name. A [`Value`] is a number or a structure with a lock of its own: what a holder
//! changes becomes true in one store when it lets go, so a holder that is killed, or panics, leaves
//! the last committed value and a free lock. Reading takes no lock.
//!
//! ```
//! use shmcount::Segment;
//!
//! let segment = Segment::open_or_create("doc-visits")?;
//! let visits = segment.value("main", 0i64)?;
//! visits.fetch_add(1)?;
//! assert_eq!(visits.load(), 1);
//! segment.remove()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! All processes of one user that open a segment by name find the same objects in it, by name and type.
//! Threads share them as processes do. Nothing has to be inherited, no server runs, and a shell joins in
//! with the program `shmcount`.
//!
//! # Which object
//!
//! | to | take | and not |
//! |---|---|---|
//! | count, and know the number after each add | [`Value`], [`Value::fetch_add`] | |
//! | count as fast as can be, and read the sum now and then | [`Counter`], [`CounterWriter`] | when a moment's exact sum matters, or somebody waits for it: `Value` |
//! | change a structure as a whole | [`Value::lock`], [`Value::update`], [`Value::try_update`] | when it is large and little of it changes: `Array` |
//! | wait for a value | [`Value::wait_until`] | |
//! | change elements of a table, several at once if need be | [`Array`] | |
//! | find values by key | [`Map`] | |
//! | hand work or results from some to others | [`Queue`]; texts, or what varies in length: [`BytesQueue`] | |
//! | protect a file, a device, anything outside | [`Lock`] | for data of one's own: `Value`, which nobody has to repair |
//! | the same, in the order of asking | [`FifoLock`] | where nobody starves anyway: `Lock` costs less |
//! | let N in at once | [`Semaphore`] | |
//! | have all go on at a sign | [`Event`] | |
//! | wait with several conditions on one value | [`Condvar`] | for one condition: `Value::wait_until`, which nobody can forget to notify |
//! | meet, and then all go on | [`Barrier`], [`Party`] | |
//! | wait until all tasks are done, or their workers dead | [`WaitGroup`], [`Task`] | |
//!
//! A lock does not say who comes first. Where the order counts, as with interest and deposits, write down
//! whose turn it is: `examples/in_turn.rs` has the three ways side by side. More to copy: `bank.rs`,
//! `producer_consumer.rs`, `job_pool.rs`, `parallel_map.rs`.
//!
//! # What you know it as
//!
//! | Python `multiprocessing` | Go | TypeScript, JavaScript | here |
//! |---|---|---|---|
//! | `Value`, and its `get_lock()` | a variable and its `sync.Mutex` | | [`Value`] |
//! | `Lock` | `sync.Mutex` | a lock made of `Atomics.wait` | [`Lock`] |
//! | `RLock` | | | none: who has the guard passes it on |
//! | | `sync.RWMutex` | | none, see below |
//! | | `atomic.AddInt64` | `Atomics.add` | [`Value::fetch_add`], [`Counter::add`] |
//! | | `atomic.CompareAndSwapInt64` | `Atomics.compareExchange` | [`Value::compare_exchange`] |
//! | | | `Atomics.wait`, `Atomics.notify` | [`Value::wait_until`] |
//! | `Array`, `shared_memory` | a slice and its mutex | `SharedArrayBuffer`, `Int32Array` | [`Array`] |
//! | `Semaphore`, `BoundedSemaphore` | `semaphore.Weighted` of weight 1, `errgroup.SetLimit` | | [`Semaphore`] |
//! | `Event` | a closed `chan struct{}` | | [`Event`] |
//! | `Condition` | `sync.Cond` | | [`Condvar`] |
//! | `Barrier` | | | [`Barrier`] |
//! | | `sync.WaitGroup`, `errgroup.Group` | `Promise.all` | [`WaitGroup`] |
//! | `Queue`, `JoinableQueue`, `Pipe` | a buffered channel, `close`, `range` | `postMessage` of `worker_threads` | [`Queue`], [`BytesQueue`] |
//! | `Manager().dict()` | a map and its mutex, `sync.Map` | | [`Map`] |
//! | `Manager().list()` | a slice and its mutex | | [`Array`], [`Queue`], see below |
//! | `Pool.map` | | | an index in a [`Value`] and an [`Array`]: `examples/parallel_map.rs` |
//!
//! **There is no list.** What a shared list is used for is to append and take away, which is a
//! [`Queue`], or elements by number, which is an [`Array`] with a [`Value`] for how many of them count.
//! A list that grows would have to move in memory whose size is fixed.
//!
//! **There is no reader-writer lock.** Readers of a [`Value`], an [`Array`] or a [`Map`] take no lock at
//! all, so one would only make them slower. It would serve readers that must keep writers out of something
//! outside, say a directory that is read by several steps: use a [`Lock`] there, or a [`Semaphore`] of which a
//! reader takes one permit, and a writer, behind a `Lock`, all of them.
//!
//! # When a process is killed
//!
//! By SIGKILL or any other way, at any instruction. Nobody has to notice it, repair, or sweep.
//!
//! | it was | what it leaves |
//! |---|---|
//! | holding the lock of a [`Value`], [`Array`] or [`Map`] | what was last committed; the lock is free at once |
//! | in the middle of an add, a store or a commit | all of it or nothing |
//! | adding to a [`Counter`] | its adds; of the last, all or nothing |
//! | holding a [`Lock`] or [`FifoLock`] | the lock free at once; the next guard's `owner_died` says so |
//! | holding a [`Permit`] | the permit free at once |
//! | pushing | the item in the queue, or not |
//! | popping | the item in the queue, or gone with the process |
//! | setting an [`Event`], or closing a queue | done, and all who wait learn of it, or not |
//! | notified by a [`Condvar`] | its notification to another who waits, until the guard it got back has committed |
//! | notifying, with the guard in hand as it should be | notified and committed, or a value as it was |
//! | a party of a [`Barrier`] that others need | a broken barrier: all get [`BarrierError::Broken`] with its process id |
//! | doing a [`Task`] | a task that is over, and counted in [`Finished::lost`] |
//! | waiting for anything, or being woken | nothing: nobody misses a wake-up because of it |
//!
//! A panic that unwinds through a guard commits nothing. A process that is *stopped* is not robbed:
//! waits take a timeout, and [`LockError::TimedOut`] names it. Threads that wait in a circle for each other's
//! values, arrays, maps and locks do not wait for ever: one of them gets [`LockError::Deadlock`], within
//! a second.
//!
//! # Limits
//!
//! - A segment is memory, of fixed size ([`SegmentOptions::capacity`]), until reboot or [`Segment::remove`]. Objects
//!   are not removed from it one by one.
//! - Values are plain bytes ([`Shareable`]): numbers, arrays, structures that derive `bytemuck::Pod`. No
//!   pointers, no `String`.
//! - A guard, a permit, a party and a task belong to the thread that took them: they are not `Send`, and
//!   end with it. A thread holds up to 2,000 at once.
//! - Locks must not be taken in signal handlers. A process made by a bare `clone(2)`, `vfork` or `_Fork` must not
//!   use, or drop, anything of a segment.
//! - All are of one user and one PID namespace. Who may write the segment is trusted.
//! - Linux alone, x86-64 or aarch64.
//!
//! # The house
//!
//! The house has floors, and imports go downward only: [`sys`] talks to the kernel, [`raw`] is what
//! lies in shared memory, [`segment`] gives it a name, [`sync`] are the handles a user holds. With the
//! feature `run` come `contender`, ways of adding to one number side by side, and `run`, the harness
//! of `shmcount run`; with `cli` come the program, and beside `run` its measurements, `bench`. Under
//! `--cfg loom` there are only `raw` and a modelled `sys`, for `tests/loom`.

#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod bench;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;
#[cfg(feature = "run")]
pub mod contender;
pub mod raw;
#[cfg(feature = "run")]
pub mod run;
#[cfg(not(loom))]
pub mod segment;
#[cfg(not(loom))]
pub mod sync;
pub mod sys;

pub use raw::shareable::Shareable;
#[cfg(not(loom))]
pub use segment::{Error, Foreign, Release, Segment, SegmentOptions, Spin, Waiter};
#[cfg(not(loom))]
pub use sync::*;
#[cfg(not(loom))]
pub use sys::process::Identity;

/// The examples of the README, compiled and run by the tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
