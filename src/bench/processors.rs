//! The processors that this process may use, and keeping a process on one of them.

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

const CALLER: Pid = Pid::from_raw(0);

/// The processors that this process may use.
#[derive(Clone, Debug)]
pub(super) struct Processors {
    /// Empty when the kernel does not say.
    allowed: Vec<usize>,
}

impl Processors {
    /// Looks which there are.
    pub(super) fn allowed() -> Self {
        let set = sched_getaffinity(CALLER).unwrap_or_else(|_| CpuSet::new());
        let is_in = |processor: &usize| set.is_set(*processor).unwrap_or(false);
        Self {
            allowed: (0..CpuSet::count()).filter(is_in).collect(),
        }
    }

    /// Returns how many there are.
    pub(super) fn count(&self) -> usize {
        self.allowed.len().max(1)
    }

    /// Keeps the calling process on one of them: the first on the first, and after the last all over
    /// again. Where that is refused, the scheduler decides.
    pub(super) fn pin(&self, process: usize) {
        let mut one = CpuSet::new();
        let Some(processor) = self.allowed.get(process % self.count()) else {
            return;
        };
        if one.set(*processor).is_ok() {
            let _ = sched_setaffinity(CALLER, &one);
        }
    }
}
