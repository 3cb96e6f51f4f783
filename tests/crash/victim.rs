//! A process that is stopped in front of one certain instruction, and killed there.
//!
//! The path of an operation is recorded once, by single steps: the address of every instruction,
//! and where the process sleeps. To stop a later process at a point of the path, a breakpoint is
//! planted at its address and passed as often as the path passes it: what has happened then is
//! exactly what the recorded instructions before the point do. (A step costs 20 µs where the
//! machine is virtual, so stepping to every point would take hours.)

use std::collections::HashMap;
use std::thread;
use std::time::Instant;

use nix::sys::ptrace;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use shmcount::sys::robust_list::Thread;

use super::process::{Child, patience};

/// The breakpoint instruction, `int3`.
const BREAKPOINT: i64 = 0xcc;
/// `syscall`, as the first two bytes of a little-endian word.
const SYSCALL: i64 = 0x050f;
/// A path that is longer than this is a loop that does not end.
const LONGEST: usize = 2_000_000;

/// Where a process can be killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Point {
    /// In front of the instruction at this address.
    Instruction(usize),
    /// Asleep in the kernel.
    Asleep,
}

/// What an operation does, instruction by instruction.
#[derive(Clone, Debug, Default)]
pub struct Path {
    pub points: Vec<Point>,
    /// The points right behind a change of something that outlives the process: the memory it
    /// shares, what the kernel knows, and the robust list it will leave.
    pub changes: Vec<usize>,
    /// The point at which other processes came in, if they waited for one.
    pub opening: Option<usize>,
}

/// How far a process came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reached {
    /// The point.
    Point,
    /// The end of the operation, on another path than the recorded one.
    End,
    /// It slept, was to be woken, and still slept a second later.
    Stuck,
}

/// A traced child that does one operation.
pub struct Victim {
    child: Child,
    /// Which of the path's points it stands at.
    at: usize,
}

enum Stop {
    Trap,
    End,
    Asleep,
}

impl Victim {
    /// Starts a process and stops it in front of `operation`.
    pub fn start(operation: impl FnOnce()) -> Self {
        let child = Child::start(|| {
            // What a thread does once in its life is not part of the operation.
            Thread::current();
            ptrace::traceme().expect("tracing is allowed");
            stop();
            operation();
            stop();
        });
        let stopped = waitpid(child.pid(), None).expect("an own child");
        assert_eq!(stopped, WaitStatus::Stopped(child.pid(), Signal::SIGSTOP));
        ptrace::setoptions(child.pid(), ptrace::Options::PTRACE_O_EXITKILL).expect("stopped");
        Self { child, at: 0 }
    }

    /// Lets the operation run by single steps, until `is_time` or to its end, and writes down its
    /// path. `wake` is called when it sleeps; `shared` digests the memory that outlives the process.
    pub fn record(
        &mut self,
        path: &mut Path,
        is_time: impl Fn() -> bool,
        mut wake: impl FnMut(),
        shared: &dyn Fn() -> u64,
    ) -> Reached {
        let mut is_syscall = HashMap::new();
        let mut outlives = (shared(), self.robust_list());
        loop {
            let address = self.address();
            if self.at == path.points.len() {
                path.points.push(Point::Instruction(address));
            }
            if is_time() {
                return Reached::Point;
            }
            assert!(self.at < LONGEST, "an operation without an end");
            let entered = *is_syscall
                .entry(address)
                .or_insert_with(|| self.text(address) & 0xffff == SYSCALL);
            ptrace::step(self.pid(), None).expect("stopped");
            let mut stop = self.wait();
            if let Stop::Asleep = stop {
                path.changes.push(path.points.len());
                path.points.push(Point::Asleep);
                wake();
                match self.wait_awake() {
                    Some(other) => stop = other,
                    None => return Reached::Stuck,
                }
            }
            if let Stop::End = stop {
                // Behind the signal that ends it, and never in front of an instruction.
                path.points.pop();
                path.changes.retain(|at| *at < path.points.len());
                return Reached::End;
            }
            self.at = path.points.len();
            let now = (shared(), self.robust_list());
            if entered || now != outlives {
                path.changes.push(self.at);
                outlives = now;
            }
        }
    }

    /// Lets the operation run on to a later point of its path, and `wake`s it when it sleeps on
    /// the way.
    pub fn advance(&mut self, path: &Path, to: usize, mut wake: impl FnMut()) -> Reached {
        let points = &path.points;
        let target = points[to];
        let mut wakes = || wake();
        // Off the target first, if it stands there: it would meet its own breakpoint.
        while self.at < to && points[self.at] == target {
            self.at += 1;
            ptrace::step(self.pid(), None).expect("stopped");
            match self.wait_through(&mut wakes) {
                Some(Stop::Trap) => {}
                Some(_) => return Reached::End,
                None => return Reached::Stuck,
            }
        }
        let from = std::mem::replace(&mut self.at, to);
        if from == to {
            return Reached::Point;
        }
        // A string instruction traps by its repetitions and is arrived at once.
        let arrivals = (from + 1..=to)
            .filter(|at| points[*at] == target && points[at - 1] != target)
            .count();
        let repetitions = (from + 1..to).rev().take_while(|at| points[*at] == target);
        match target {
            Point::Asleep => self.run_asleep(arrivals, wakes),
            Point::Instruction(address) => {
                self.run(address, arrivals, repetitions.count(), &mut wakes)
            }
        }
    }

    /// As [`advance`](Self::advance), by single steps and on whatever path it takes.
    pub fn step_to(&mut self, to: usize, mut wake: impl FnMut()) -> Reached {
        while self.at < to {
            ptrace::step(self.pid(), None).expect("stopped");
            self.at += 1;
            let mut stop = self.wait();
            if let Stop::Asleep = stop {
                if self.at == to {
                    return Reached::Point;
                }
                self.at += 1;
                wake();
                match self.wait_awake() {
                    Some(other) => stop = other,
                    None => return Reached::Stuck,
                }
            }
            if let Stop::End = stop {
                return Reached::End;
            }
        }
        Reached::Point
    }

    /// Lets the operation run from a point to its end.
    pub fn finish(&mut self, from: Point, mut wake: impl FnMut()) -> Reached {
        // Who sleeps is not stopped, and goes on when it is woken.
        let mut is_stopped = from != Point::Asleep;
        loop {
            if is_stopped {
                self.resume();
            }
            is_stopped = true;
            match self.wait_through(&mut wake) {
                Some(Stop::Trap) => {}
                Some(_) => return Reached::End,
                None => return Reached::Stuck,
            }
        }
    }

    /// Kills the process where it is.
    pub fn kill(self) {
        self.child.kill();
    }

    fn run(
        &mut self,
        address: usize,
        arrivals: usize,
        repetitions: usize,
        wake: &mut impl FnMut(),
    ) -> Reached {
        let text = self.text(address);
        let planted = (text & !0xff) | BREAKPOINT;
        let mut left = arrivals;
        loop {
            self.write_text(address, planted);
            self.resume();
            match self.wait_through(wake) {
                Some(Stop::Trap) => {}
                Some(_) => return Reached::End,
                None => return Reached::Stuck,
            }
            // In front of the instruction again, as if there had been no breakpoint.
            self.write_text(address, text);
            let mut registers = ptrace::getregs(self.pid()).expect("stopped");
            registers.rip = address as u64;
            ptrace::setregs(self.pid(), registers).expect("stopped");
            left -= 1;
            let mut repeated = 0;
            while match left {
                0 => repeated < repetitions,
                _ => self.address() == address,
            } {
                repeated += 1;
                ptrace::step(self.pid(), None).expect("stopped");
                match self.wait_through(wake) {
                    Some(Stop::Trap) => {}
                    Some(_) => return Reached::End,
                    None => return Reached::Stuck,
                }
            }
            if left == 0 {
                return Reached::Point;
            }
        }
    }

    /// Waits until the process stops, and wakes it whenever it sleeps; none when that fails.
    fn wait_through(&self, wake: &mut impl FnMut()) -> Option<Stop> {
        let mut stop = self.wait();
        while let Stop::Asleep = stop {
            wake();
            stop = self.wait_awake()?;
        }
        Some(stop)
    }

    fn run_asleep(&mut self, times: usize, mut wake: impl FnMut()) -> Reached {
        self.resume();
        for time in 1..=times {
            let stop = self.wait();
            if !matches!(stop, Stop::Asleep) {
                return Reached::End;
            }
            if time < times {
                wake();
            }
        }
        Reached::Point
    }

    fn resume(&self) {
        ptrace::cont(self.pid(), None).expect("stopped");
    }

    /// Waits until the process stops or sleeps.
    fn wait(&self) -> Stop {
        loop {
            match self.poll() {
                Some(stop) => return stop,
                // It was off the processor: asleep, unless it had stopped meanwhile.
                None if self.child.is_asleep() => return self.poll().unwrap_or(Stop::Asleep),
                None => thread::yield_now(),
            }
        }
    }

    /// Waits until a process that was just woken, or will wake by itself, stops.
    fn wait_awake(&self) -> Option<Stop> {
        let end = Instant::now() + patience();
        while Instant::now() < end {
            match self.poll() {
                Some(stop) => return Some(stop),
                None => thread::yield_now(),
            }
        }
        None
    }

    fn poll(&self) -> Option<Stop> {
        let status = waitpid(self.pid(), Some(WaitPidFlag::WNOHANG)).expect("an own child");
        (status != WaitStatus::StillAlive).then(|| self.stop_of(status))
    }

    fn stop_of(&self, status: WaitStatus) -> Stop {
        match status {
            WaitStatus::Stopped(_, Signal::SIGTRAP) => Stop::Trap,
            WaitStatus::Stopped(_, Signal::SIGSTOP) => Stop::End,
            other => panic!("the victim came to {other:?}, at {:#x}", self.at),
        }
    }

    fn address(&self) -> usize {
        let offset = std::mem::offset_of!(libc::user_regs_struct, rip);
        ptrace::read_user(self.pid(), offset as ptrace::AddressType).expect("stopped") as usize
    }

    fn text(&self, address: usize) -> i64 {
        ptrace::read(self.pid(), address as ptrace::AddressType).expect("mapped code")
    }

    fn write_text(&self, address: usize, text: i64) {
        ptrace::write(self.pid(), address as ptrace::AddressType, text).expect("mapped code");
    }

    /// Reads what the kernel will find when the process dies: first entry and pending one.
    fn robust_list(&self) -> (i64, i64) {
        let head = robust_list_head();
        let read = |at: usize| ptrace::read(self.pid(), at as ptrace::AddressType);
        (
            read(head).expect("the list's head is mapped"),
            read(head + 16).expect("the list's head is mapped"),
        )
    }

    pub fn pid(&self) -> Pid {
        self.child.pid()
    }
}

/// Stops this process until its tracer has it go on.
fn stop() {
    kill(Pid::this(), Signal::SIGSTOP).expect("a signal to oneself");
}

/// The head of this thread's robust list, and of its child's: a fork keeps addresses.
fn robust_list_head() -> usize {
    let mut head = 0usize;
    let mut length = 0usize;
    // SAFETY: the kernel writes one pointer and one length, both on this stack.
    let result =
        unsafe { libc::syscall(libc::SYS_get_robust_list, 0, &raw mut head, &raw mut length) };
    assert_eq!(result, 0, "get_robust_list is allowed");
    head
}
