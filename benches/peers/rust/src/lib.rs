//! The frame that every crate's adds are measured in, the same for all.
//!
//! `PROGRAM [KIND] PROCS ADDS`: that many forked processes, each on one processor, add 1 so often each to
//! one number, from one start. The total is checked, and the nanoseconds from the first add to the
//! last are printed, by all adds.

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

/// One for each process and a little more.
const WORDS: usize = 1 + 2 * MOST;
const MOST: usize = 256;

/// Words that forked processes share.
struct Shared {
    words: &'static [AtomicU64; WORDS],
}

/// What somebody asked for on the command line.
pub struct Task {
    /// Which of several ways to add, where there are several.
    pub kind: Option<String>,
    /// How many processes.
    pub procs: usize,
    /// How many adds by each.
    pub adds: u64,
}

impl Task {
    /// Reads the arguments.
    ///
    /// # Panics
    ///
    /// When they make no sense.
    pub fn from_arguments() -> Self {
        let mut arguments: Vec<String> = std::env::args().skip(1).collect();
        let adds = arguments.pop().and_then(|adds| adds.parse().ok());
        let procs = arguments.pop().and_then(|procs| procs.parse().ok());
        let (Some(adds), Some(procs @ 1..=MOST)) = (adds, procs) else {
            panic!("usage: PROGRAM [KIND] PROCS ADDS");
        };
        Self {
            kind: arguments.pop(),
            procs,
            adds,
        }
    }

    /// Has the processes call `add` as often as they should, and checks what `total` says then.
    pub fn carry_out(&self, mut add: impl FnMut(), total: impl FnOnce() -> i64) -> ExitCode {
        let all = |_| (0..self.adds).for_each(|_| add());
        let expected = self.procs as i64 * self.adds as i64;
        measure(self.procs, all, expected, total)
    }
}

/// Has each of so many forked processes do its part of the `work`, given its number, and checks what
/// `total` says then; prints the nanoseconds from the first start to the last end, by the total.
pub fn measure(
    procs: usize,
    mut work: impl FnMut(usize),
    expected: i64,
    total: impl FnOnce() -> i64,
) -> ExitCode {
    let shared = Shared::new();
    let processors = unsafe { libc::sysconf(libc::_SC_NPROCESSORS_ONLN) }.max(1) as usize;
    let children: Vec<libc::pid_t> = (0..procs)
        .map(|process| {
            let pid = unsafe { libc::fork() };
            assert!(pid >= 0, "cannot fork");
            if pid == 0 {
                pin(process % processors);
                shared.start_together(procs);
                let start = now();
                work(process);
                shared.note(process, start, now());
                unsafe { libc::_exit(0) };
            }
            pid
        })
        .collect();
    let mut all_well = true;
    for child in children {
        let mut status = 0;
        let waited = unsafe { libc::waitpid(child, &mut status, 0) };
        all_well &= waited == child && status == 0;
    }
    let found = total();
    if !all_well || found != expected {
        eprintln!("error: counted {found}, expected {expected}");
        return ExitCode::FAILURE;
    }
    println!("{:.2}", shared.elapsed(procs) as f64 / expected as f64);
    ExitCode::SUCCESS
}

/// Returns memory that forked processes share, zeroed, which is never unmapped.
pub fn shared_memory<T>() -> *mut T {
    let access = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_SHARED | libc::MAP_ANONYMOUS;
    let address = unsafe { libc::mmap(std::ptr::null_mut(), size_of::<T>(), access, flags, -1, 0) };
    assert_ne!(address, libc::MAP_FAILED, "no memory");
    address.cast()
}

impl Shared {
    fn new() -> Self {
        Self {
            words: unsafe { &*shared_memory::<[AtomicU64; WORDS]>() },
        }
    }

    /// Returns when so many processes have called this.
    fn start_together(&self, procs: usize) {
        self.words[0].fetch_add(1, SeqCst);
        while self.words[0].load(SeqCst) < procs as u64 {
            std::thread::yield_now();
        }
    }

    fn note(&self, process: usize, start: u64, end: u64) {
        self.words[1 + 2 * process].store(start, SeqCst);
        self.words[2 + 2 * process].store(end, SeqCst);
    }

    fn elapsed(&self, procs: usize) -> u64 {
        let word = |place: usize| self.words[place].load(SeqCst);
        let start = (0..procs).map(|process| word(1 + 2 * process)).min();
        let end = (0..procs).map(|process| word(2 + 2 * process)).max();
        end.unwrap_or(0) - start.unwrap_or(0)
    }
}

fn pin(processor: usize) {
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(processor, &mut set);
        libc::sched_setaffinity(0, size_of_val(&set), &set);
    }
}

fn now() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
