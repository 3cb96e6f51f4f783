//! Who a process is, and whether it still lives.
//!
//! A pid alone is used again; a pid with its start time is not. Both are only meaningful
//! within one PID namespace and one boot, so those have an identity here too.

use std::fs::{self, File};
use std::io::{self, Read};
use std::mem::MaybeUninit;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::panic::AssertUnwindSafe;
use std::process::{Command, ExitStatus};
use std::ptr;

use nix::errno::Errno;
use nix::sys::signal::{SigHandler, Signal};
use nix::unistd::{ForkResult, Pid};

/// A process that is never mistaken for a later one with the same pid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The process id, as seen from the own PID namespace.
    pub pid: u32,
    /// When it started, in clock ticks since boot.
    pub start: u64,
}

impl Identity {
    /// Returns who the calling process is.
    ///
    /// # Errors
    ///
    /// When `/proc` is not mounted.
    pub fn own() -> io::Result<Self> {
        let pid = std::process::id();
        Ok(Self {
            pid,
            start: start_time(pid)?,
        })
    }

    /// Tells whether the process still runs. One that has ended and was not waited for does not.
    ///
    /// When that cannot be found out, for want of a descriptor say, it does: what belongs to the
    /// dead is taken away from them.
    pub fn is_alive(self) -> bool {
        match Stat::of(self.pid) {
            Ok(stat) => stat.start == self.start && !stat.has_ended(),
            // NotFound when it was gone before the look, ESRCH when it went during it.
            Err(error) => {
                error.kind() != io::ErrorKind::NotFound && error.raw_os_error() != Some(libc::ESRCH)
            }
        }
    }
}

/// A process, and the PID namespace in which it is called that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The process.
    pub process: Identity,
    /// The inode number that names the namespace.
    pub pid_namespace: u64,
}

impl Origin {
    /// Returns who the calling process is, and where.
    ///
    /// # Errors
    ///
    /// When `/proc` is not mounted.
    pub fn own() -> io::Result<Self> {
        Ok(Self {
            process: Identity::own()?,
            pid_namespace: pid_namespace()?,
        })
    }
}

/// Returns when a process started, in clock ticks since boot.
///
/// # Errors
///
/// When there is no such process, or `/proc` is not mounted.
pub fn start_time(pid: u32) -> io::Result<u64> {
    Stat::of(pid).map(|stat| stat.start)
}

/// Tells whether a process of one thread sleeps, as opposed to runs, or would if it had a processor.
pub fn is_asleep(pid: u32) -> bool {
    Stat::of(pid).is_ok_and(|stat| stat.state == b'S')
}

/// Returns the process that a thread belongs to.
pub fn of_thread(tid: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{tid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("Tgid:"))?;
    line.trim().parse().ok()
}

/// Returns what a process was started as, program and arguments, fit to be printed in a line.
pub fn command_line(pid: u32) -> Option<String> {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let words = text.trim_end_matches('\0').replace('\0', " ");
    (!words.is_empty()).then(|| words.replace(char::is_control, "?"))
}

/// Tells whether a thread of the calling process has this id. Where a sandbox refuses the question, it has.
///
/// Asks the kernel, not `/proc`, which may be another PID namespace's, or gone after a chroot.
pub fn is_own_thread(tid: u32) -> bool {
    // SAFETY: signal 0 is checked for and sent to nobody; no memory is passed.
    let result = unsafe { libc::syscall(libc::SYS_tgkill, std::process::id(), tid, 0) };
    result == 0 || Errno::last() != Errno::ESRCH
}

/// Returns the inode number that names the own PID namespace.
///
/// # Errors
///
/// When `/proc` is not mounted.
pub fn pid_namespace() -> io::Result<u64> {
    fs::metadata("/proc/self/ns/pid").map(|namespace| namespace.ino())
}

/// Returns the random id of the running boot.
///
/// # Errors
///
/// When `/proc` is not mounted.
pub fn boot_id() -> io::Result<u128> {
    let text = beginning_of("/proc/sys/kernel/random/boot_id")?;
    let digits = text.iter().filter(|byte| byte.is_ascii_hexdigit());
    let digits: String = digits.map(|digit| char::from(*digit)).collect();
    u128::from_str_radix(&digits, 16)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// Has the kernel kill this process when `parent` ends, and ends at once if it already has.
///
/// # Errors
///
/// When the kernel refuses, which it has no reason to.
pub fn die_with(parent: u32) -> io::Result<()> {
    nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?;
    // The parent may have ended before the line above; then nobody will tell.
    if Pid::parent().as_raw() as u32 != parent {
        // SAFETY: _exit runs nothing of the program, so it may be called between fork and exec.
        unsafe { libc::_exit(0) };
    }
    Ok(())
}

/// Has `signals` do again what they do to a program that says nothing of them: for a forked child,
/// which would otherwise run its parent's handlers.
pub fn restore(signals: &[Signal]) {
    for signal in signals {
        // SAFETY: the default action runs no code of this process.
        let restored = unsafe { nix::sys::signal::signal(*signal, SigHandler::SigDfl) };
        debug_assert!(restored.is_ok(), "{signal} can be handled");
    }
}

/// Has the signal ignored.
pub fn ignore(signal: Signal) {
    // SAFETY: to ignore a signal runs no code of this process.
    let ignored = unsafe { nix::sys::signal::signal(signal, SigHandler::SigIgn) };
    debug_assert!(ignored.is_ok(), "{signal} can be ignored");
}

/// Tells whether this process was started with the signal ignored, as by nohup(1).
pub fn ignores(signal: Signal) -> bool {
    let mut action = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: with no new action, sigaction only writes the old one, which there is room for.
    let asked = unsafe { libc::sigaction(signal as i32, ptr::null(), action.as_mut_ptr()) };
    if asked != 0 {
        return false;
    }
    // SAFETY: sigaction succeeded, so it has written the whole of it.
    let action = unsafe { action.assume_init() };
    action.sa_sigaction == libc::SIG_IGN
}

/// Has the kernel kill the program that `command` starts when the calling thread ends, and puts it
/// and what it starts in a process group of their own.
pub fn tie_to_parent(command: &mut Command) {
    let parent = std::process::id();
    command.process_group(0);
    // SAFETY: between fork and exec this calls prctl and getppid, or _exit, and allocates nothing.
    unsafe { command.pre_exec(move || die_with(parent)) };
}

/// Forks, has the child do `work`, and returns the child's pid to the parent. The child ends with
/// what `work` returns, or with 101 when it panics; it never returns from here.
///
/// The child has one thread. What other threads of the parent were doing stays half done in it, so
/// `work` must not wait for locks that they held.
///
/// # Errors
///
/// When the system has no room for another process.
pub fn fork(work: impl FnOnce() -> i32) -> io::Result<u32> {
    // SAFETY: the child runs only `work`, whose caller knows that it is alone, and glibc keeps its
    // own locks (malloc, stdio) usable across fork.
    match unsafe { nix::unistd::fork() }? {
        ForkResult::Parent { child } => Ok(child.as_raw() as u32),
        ForkResult::Child => {
            let status = std::panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or(101);
            // SAFETY: _exit runs nothing of the program; the parent's destructors are the parent's.
            unsafe { libc::_exit(status) }
        }
    }
}

/// Waits until a child has ended, and collects it.
///
/// # Errors
///
/// When it is no child of this process, or was collected before.
pub fn collect(pid: u32) -> io::Result<ExitStatus> {
    wait(pid, 0).map(|(_, status)| status)
}

/// Collects a child if it has ended.
///
/// # Errors
///
/// When it is no child of this process, or was collected before.
pub fn try_collect(pid: u32) -> io::Result<Option<ExitStatus>> {
    let (ended, status) = wait(pid, libc::WNOHANG)?;
    Ok((ended != 0).then_some(status))
}

/// Not by nix, for which a death by a real-time signal is an error.
fn wait(pid: u32, flags: i32) -> io::Result<(i32, ExitStatus)> {
    let mut status = 0;
    loop {
        // SAFETY: waitpid writes the status, and nothing else.
        match unsafe { libc::waitpid(pid as i32, &raw mut status, flags) } {
            -1 if Errno::last() == Errno::EINTR => {}
            -1 => return Err(io::Error::last_os_error()),
            ended => return Ok((ended, ExitStatus::from_raw(status))),
        }
    }
}

/// Returns the first kilobyte of a file of `/proc`, at once: [`fs::read`] does not know how long it is, and
/// begins with 32 bytes.
fn beginning_of(path: &str) -> io::Result<Vec<u8>> {
    let mut text = vec![0; 1024];
    let length = File::open(path)?.read(&mut text)?;
    text.truncate(length);
    Ok(text)
}

/// The fields of `/proc/PID/stat` that matter here.
struct Stat {
    state: u8,
    threads: u32,
    start: u64,
}

impl Stat {
    fn of(pid: u32) -> io::Result<Self> {
        let text = beginning_of(&format!("/proc/{pid}/stat"))?;
        Self::parse(&text).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
    }

    fn parse(text: &[u8]) -> Option<Self> {
        // The second field is the name in parentheses, which may hold any of them itself, and is cut off
        // after 15 bytes, in the middle of a letter too.
        let end_of_name = text.iter().rposition(|byte| *byte == b')')?;
        let after_name = str::from_utf8(&text[end_of_name..]).ok()?;
        let mut fields = after_name.split(' ').skip(1);
        let state = *fields.next()?.as_bytes().first()?;
        // state is field 3, num_threads 20 and starttime 22 (proc_pid_stat(5)).
        let threads = fields.nth(20 - 3 - 1)?.parse().ok()?;
        let start = fields.nth(22 - 20 - 1)?.parse().ok()?;
        Some(Self {
            state,
            threads,
            start,
        })
    }

    fn has_ended(&self) -> bool {
        // The state is the first thread's. It may end before the others do; of a process that
        // has ended it is the only one left.
        matches!(self.state, b'Z' | b'X') && self.threads <= 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_does_not_shift_the_fields() {
        let text = b"7 (a) b) c) S 1 7 7 0 -1 4 1 0 0 0 0 0 0 0 20 0 1 0 4242 1 1\n";
        let stat = Stat::parse(text).expect("well formed");
        assert_eq!((stat.state, stat.threads, stat.start), (b'S', 1, 4242));
    }

    #[test]
    fn a_name_may_end_in_the_middle_of_a_letter() {
        let text = b"7 (four\xc3) Z 1 7 7 0 -1 4 1 0 0 0 0 0 0 0 20 0 1 0 4242 1 1\n";
        let stat = Stat::parse(text).expect("well formed");
        assert_eq!((stat.state, stat.threads, stat.start), (b'Z', 1, 4242));
    }

    #[test]
    fn the_own_process_is_alive_and_one_of_another_start_is_not() {
        let own = Identity::own().expect("/proc is mounted");
        assert!(own.is_alive());
        let reused = Identity {
            start: own.start + 1,
            ..own
        };
        assert!(!reused.is_alive());
    }

    #[test]
    fn who_sleeps_is_asleep_whatever_the_name() {
        let parent = std::process::id();
        let sleeper = fork(|| {
            let tied = die_with(parent).and_then(|()| Ok(nix::sys::prctl::set_name(c"four\xc3")?));
            while tied.is_ok() {
                nix::unistd::pause();
            }
            1
        });
        let sleeper = sleeper.expect("there is room");
        let named = || fs::read(format!("/proc/{sleeper}/comm")).is_ok_and(|n| n == b"four\xc3\n");
        let start = std::time::Instant::now();
        let is_late = || start.elapsed().as_secs() > 30;
        let is_so = || named() && is_asleep(sleeper);
        while !is_so() && !is_late() {
            std::thread::yield_now();
        }
        let was_asleep = is_so();
        let pid = Pid::from_raw(sleeper as i32);
        nix::sys::signal::kill(pid, Signal::SIGKILL).expect("not collected");
        collect(sleeper).expect("it is our child");
        assert!(was_asleep);
    }

    #[test]
    fn the_own_thread_belongs_to_the_own_process() {
        let tid = nix::unistd::gettid().as_raw() as u32;
        assert_eq!(of_thread(tid), Some(std::process::id()));
        assert!(is_own_thread(tid));
        // Of another process.
        assert!(!is_own_thread(1));
    }
}
