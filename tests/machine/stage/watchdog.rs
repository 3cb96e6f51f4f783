//! Ends a test that hangs.
//!
//! What can hang are a test's processes: they are killed, the test reads the end of their output
//! where it waited for a line, fails, and removes what it made. Should the test itself hang, the
//! whole program ends.

use std::cell::RefCell;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::scratch::Scratch;

/// The slowest test takes 15 s on two busy cores.
const PATIENCE: Duration = Duration::from_secs(120);
/// What a test may take to fail once its processes are gone.
const GRACE: Duration = Duration::from_secs(20);

thread_local! {
    static KENNEL: RefCell<Option<Groups>> = const { RefCell::new(None) };
}

/// The process groups of a test.
#[derive(Clone, Default)]
pub(super) struct Groups(Arc<Mutex<Vec<Pid>>>);

/// Watches over the calling thread's test until dropped.
pub(super) struct Watchdog {
    /// Never sent to: its end is the message.
    _until_dropped: Sender<()>,
}

impl Groups {
    /// Returns those of the test that runs on this thread.
    pub(super) fn of_this_test() -> Self {
        KENNEL.with_borrow(|groups| groups.clone().unwrap_or_default())
    }

    pub(super) fn add(&self, leader: Pid) {
        self.lock().push(leader);
    }

    /// Forgets a group, before its leader's id can be used again.
    pub(super) fn remove(&self, leader: Pid) {
        self.lock().retain(|known| *known != leader);
    }

    fn kill(&self) {
        for leader in self.lock().iter() {
            // It may have ended by itself.
            let _ = killpg(*leader, Signal::SIGKILL);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Pid>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watchdog {
    pub(super) fn start(test: &'static str) -> Self {
        let groups = Groups::default();
        KENNEL.set(Some(groups.clone()));
        let (until_dropped, dropped) = mpsc::channel::<()>();
        thread::spawn(move || {
            let is_over =
                |patience| dropped.recv_timeout(patience) != Err(RecvTimeoutError::Timeout);
            if is_over(PATIENCE) {
                return;
            }
            eprintln!("{test}: hung, its processes are killed");
            groups.kill();
            if !is_over(GRACE) {
                eprintln!("{test}: still hangs, the program ends");
                Scratch::remove_all_of_this_process();
                std::process::exit(101);
            }
        });
        Self {
            _until_dropped: until_dropped,
        }
    }
}
