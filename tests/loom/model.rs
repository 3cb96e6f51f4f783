//! Runs a program in every order, and prints how many there were.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Instant;

use loom::model::Builder;
use loom::thread::{self, JoinHandle};
use shmcount::Shareable;
use shmcount::raw::committed::{Committed, Line};
use shmcount::raw::patience::FirstLook;
use shmcount::raw::protocol::{Announce, Protocol, ReleaseBy, Wakes};
use shmcount::sys::atomic::{AtomicU64, SeqCstFence, make_seq_cst_with};
use shmcount::sys::backoff::Spin;
use shmcount::sys::robust_list::Thread;

/// Releases by exchange and sleeps at once. The plain release is not loom's: see `sys::modelled`.
pub const PROTOCOL: Protocol = Protocol {
    release: ReleaseBy::Exchange,
    announce: Announce::AtomicOnly,
    wakes: Wakes::Generation,
    sleeps_on_both: true,
    first_look: FirstLook::NEVER,
    spin: Spin::Never,
};

/// More than any execution here takes; loom's own 1,000 is too few for three threads.
const BRANCHES: usize = 20_000;

thread_local! {
    static SPAWNED: Cell<u32> = const { Cell::new(0) };
}

/// Runs `program` in every order with at most so many preemptions, the smaller number by default and
/// the larger one when `MODEL_BOUNDS` is `large`, and with `SeqCst` accesses made in both ways.
///
/// # Panics
///
/// When the program panics, when all of its threads sleep, or when two accesses race.
pub fn check(name: &str, [small, large]: [usize; 2], program: impl Fn() + Send + Sync + 'static) {
    let program = Arc::new(program);
    let is_large = std::env::var_os("MODEL_BOUNDS").is_some_and(|bounds| bounds == "large");
    let preemptions = if is_large { large } else { small };
    for fence in [SeqCstFence::Before, SeqCstFence::After] {
        let executions = Arc::new(AtomicUsize::new(0));
        let mut builder = Builder::new();
        builder.max_branches = BRANCHES;
        builder.preemption_bound = builder.preemption_bound.or(Some(preemptions));
        let bound = builder.preemption_bound.unwrap_or(preemptions);
        make_seq_cst_with(fence);
        let (counted, program, start) = (executions.clone(), program.clone(), Instant::now());
        builder.check(move || {
            counted.fetch_add(1, Relaxed);
            SPAWNED.set(1);
            program();
        });
        println!(
            "{name:<56} {bound} preemptions, fence {fence:?}: {:>9} executions {:>7.1} s",
            executions.load(Relaxed),
            start.elapsed().as_secs_f64(),
        );
    }
}

/// Returns the first thread of a program.
pub fn first() -> Thread {
    Thread::numbered(1)
}

/// Starts a thread that must have nothing pending when it ends.
pub fn spawn<R: 'static>(work: impl FnOnce(Thread) -> R + 'static) -> JoinHandle<R> {
    let tid = SPAWNED.get() + 1;
    SPAWNED.set(tid);
    thread::spawn(move || {
        let me = Thread::numbered(tid);
        let result = work(me);
        assert!(me.is_at_rest(), "something is pending after the last call");
        result
    })
}

/// Waits for threads, and returns what they returned.
pub fn join<R, const N: usize>(threads: [JoinHandle<R>; N]) -> [R; N] {
    threads.map(|thread| thread.join().expect("a panic ends the model"))
}

/// A committed value on the heap, shared by the threads of one execution.
#[derive(Clone)]
pub struct Shared<T> {
    memory: Arc<(Line, Vec<AtomicU64>)>,
    value: std::marker::PhantomData<T>,
}

impl<T: Shareable> Shared<T> {
    /// Makes one; must be called in the program, for loom's atomics belong to one execution.
    pub fn new(value: T) -> Self {
        let places = (0..Committed::<T>::PLACES).map(|_| AtomicU64::new(0));
        let shared = Self {
            memory: Arc::new((Line::default(), places.collect())),
            value: std::marker::PhantomData,
        };
        shared.view().initialize(&value);
        shared
    }

    /// Returns the library's own view of it.
    pub fn view(&self) -> Committed<'_, T> {
        // SAFETY: the memory is on the heap, and stays until the last thread has dropped this.
        unsafe { Committed::new(&self.memory.0, &self.memory.1, PROTOCOL) }
    }
}
