//! Kernels before Linux 5.16, and sandboxes: system calls that the library does without where it must.
//!
//! A process enters a sandbox by installing a seccomp filter, which refuses `futex_waitv`, membarrier or
//! both as an old kernel does (`ENOSYS`) or as a container's profile does (`EPERM`). `scenes` are what a few
//! processes do one after the other, `crowd` is what many do at once.

pub mod crowd;
pub mod player;
pub mod program;
pub mod scenes;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::io;
use std::sync::OnceLock;

use libc::c_long;
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, apply_filter};
use shmcount::sys::{futex, membarrier};

use crate::stage::{Parent, Process, Skipped};

/// What a process is refused, and how.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sandbox {
    name: &'static str,
    waitv: bool,
    membarrier: bool,
    errno: i32,
}

/// Refuses nothing.
pub const FREE: Sandbox = sandbox("free", [false, false], 0);

/// All that refuse something.
pub const SANDBOXES: [Sandbox; 6] = [
    sandbox("futex_waitv:ENOSYS", [true, false], libc::ENOSYS),
    sandbox("futex_waitv:EPERM", [true, false], libc::EPERM),
    sandbox("membarrier:ENOSYS", [false, true], libc::ENOSYS),
    sandbox("membarrier:EPERM", [false, true], libc::EPERM),
    sandbox("both:ENOSYS", [true, true], libc::ENOSYS),
    sandbox("both:EPERM", [true, true], libc::EPERM),
];

const fn sandbox(name: &'static str, [waitv, membarrier]: [bool; 2], errno: i32) -> Sandbox {
    Sandbox {
        name,
        waitv,
        membarrier,
        errno,
    }
}

/// When a process enters its sandbox.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Entering {
    /// Before it opens the segment.
    Before,
    /// When it has opened the segment and all it uses there.
    After,
}

impl Entering {
    pub const BOTH: [Self; 2] = [Self::Before, Self::After];

    fn name(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::After => "after",
        }
    }
}

impl Sandbox {
    /// Returns the one of this name.
    fn named(name: &str) -> Self {
        let mut all = SANDBOXES.into_iter().chain([FREE]);
        all.find(|sandbox| sandbox.name == name)
            .unwrap_or_else(|| panic!("no sandbox is called {name}"))
    }

    /// Refuses the calling thread, and whatever it starts, these calls from here on.
    fn try_enter(self) -> Result<(), Box<dyn std::error::Error>> {
        let calls = [
            (self.waitv, libc::SYS_futex_waitv),
            (self.membarrier, libc::SYS_membarrier),
        ];
        let refused = calls.into_iter().filter(|(is_refused, _)| *is_refused);
        refuse(refused.map(|(_, call)| call), self.errno)
    }

    /// As [`try_enter`](Self::try_enter), and checks that it is so.
    fn enter(self) {
        self.try_enter().expect("it was tried before");
        if self.waitv {
            assert!(!futex::can_wait_either());
            self.check_errno();
        }
        if self.membarrier {
            assert!(!membarrier::global_expedited());
            self.check_errno();
        }
    }

    fn check_errno(self) {
        let errno = io::Error::last_os_error().raw_os_error();
        assert_eq!(errno, Some(self.errno));
    }
}

/// Refuses the calling thread, and whatever it starts, some system calls from here on.
pub fn refuse(
    calls: impl IntoIterator<Item = c_long>,
    errno: i32,
) -> Result<(), Box<dyn std::error::Error>> {
    let refused: BTreeMap<_, _> = calls.into_iter().map(|call| (call, vec![])).collect();
    if refused.is_empty() {
        return Ok(());
    }
    let filter: BpfProgram = SeccompFilter::new(
        refused,
        SeccompAction::Allow,
        SeccompAction::Errno(errno as u32),
        std::env::consts::ARCH.try_into()?,
    )?
    .try_into()?;
    Ok(apply_filter(&filter)?)
}

/// Says with whom it was that a test failed.
struct Failing<T: Debug>(T);

impl<T: Debug> Drop for Failing<T> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("with {:?}", self.0);
        }
    }
}

/// Requires a kernel that lets processes enter sandboxes, and that has what these take away.
pub fn needs_sandboxes() -> Result<(), Skipped> {
    static ANSWER: OnceLock<String> = OnceLock::new();
    let answer = ANSWER.get_or_init(|| Process::start("sandbox::enter_at_all", &[]).hear());
    match &**answer {
        "works" => Ok(()),
        reason => Err(Skipped(reason.to_owned())),
    }
}

/// Tells whether, or why not.
pub fn enter_at_all(parent: Parent) {
    let all = Sandbox::named("both:EPERM");
    parent.tell(&match (futex::can_wait_either(), membarrier::register()) {
        (true, true) => match all.try_enter() {
            Ok(()) => "works".to_owned(),
            Err(error) => format!("no seccomp filter can be installed: {error}"),
        },
        (waitv, membarrier) => format!(
            "the kernel itself refuses something: futex_waitv {waitv}, membarrier {membarrier}"
        ),
    });
}
