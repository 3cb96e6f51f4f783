//! How others look on while a run goes on, and stop it.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Lets others look on while a run goes on, and stop it.
#[derive(Clone, Default)]
pub struct Watch {
    pub(super) progress: Option<Arc<dyn Fn(u64, u64) + Send + Sync>>,
    interruption: Option<Interruption>,
}

#[derive(Clone)]
struct Interruption {
    signal: Arc<AtomicUsize>,
    wake: Arc<File>,
}

impl Watch {
    /// Has `progress` called now and then with the adds done and all adds.
    pub fn progress(mut self, progress: impl Fn(u64, u64) + Send + Sync + 'static) -> Self {
        self.progress = Some(Arc::new(progress));
        self
    }

    /// Ends the run when `signal` is a signal's number and not 0. The run looks at it when `wake`,
    /// which must not block, can be read: store first, then write to the other end.
    pub fn interrupted_by(mut self, signal: Arc<AtomicUsize>, wake: impl Into<OwnedFd>) -> Self {
        let wake = Arc::new(File::from(wake.into()));
        self.interruption = Some(Interruption { signal, wake });
        self
    }

    /// Returns the signal that is to end the run.
    pub(super) fn signal(&self) -> Option<i32> {
        // Relaxed: nothing is passed on with it.
        match self.interruption.as_ref()?.signal.load(Relaxed) {
            0 => None,
            signal => i32::try_from(signal).ok(),
        }
    }

    /// Takes away what has woken us: whoever wrote it has stored the signal before.
    pub(super) fn hush(&self) {
        if let Some(interruption) = &self.interruption {
            // Others may have written, too: children that were forked.
            while matches!((&*interruption.wake).read(&mut [0; 64]), Ok(1..)) {}
        }
    }

    pub(super) fn wake(&self) -> Option<BorrowedFd<'_>> {
        self.interruption.as_ref().map(|i| i.wake.as_fd())
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Watch").finish_non_exhaustive()
    }
}
