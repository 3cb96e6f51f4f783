//! What a plan must be to make sense.

use super::error::Invalid;
use super::plan::{Plan, Start, WORKER_VERB, Work};
use crate::contender::LockKind;

impl Plan {
    /// Checks that the plan makes sense, before anything is started.
    pub(super) fn check(&self) -> Result<(), Invalid> {
        let process = "each worker needs a process and descriptors";
        in_range("--procs", self.procs, Self::MOST_PROCS, process)?;
        let thread = "the threads of a worker share its limits";
        in_range("--threads", self.threads, Self::MOST_THREADS, thread)?;
        let seat = "each thread needs a seat in the segment";
        in_range(
            "--procs times --threads",
            self.seats(),
            Self::MOST_SEATS,
            seat,
        )?;
        let hours = "so many adds take hours";
        in_range("--adds", self.adds, Self::MOST_ADDS, hours)?;
        if self.kills > 0 {
            let starts = "each kill starts another process";
            in_range("--kill", self.kills, Self::MOST_KILLS, starts)?;
        }
        if self.by.is_empty() {
            return Err(Invalid::NothingToAdd);
        }
        self.check_partial_sums()?;
        self.expected()?;
        if std::env::args_os()
            .nth(1)
            .is_some_and(|verb| verb == WORKER_VERB)
        {
            return Err(Invalid::StartedAsWorker);
        }
        // A new program would not have it.
        if matches!(self.work, Work::Closure(_)) && self.start == Start::Spawn {
            return Err(Invalid::Conflict {
                one: "--start spawn",
                other: "a closure as the worker",
            });
        }
        if !self.has_own_workers() {
            let command = "a command as the worker";
            for (given, one) in [
                (self.threads > 1, "--threads"),
                (self.kills > 0, "--kill"),
                (self.trace, "--trace"),
                (!self.delay.is_zero(), "--delay"),
                (!self.hold.is_zero(), "--hold"),
                (self.start == Start::Fork, "--start fork"),
                (self.lock != LockKind::Robust, "--lock"),
            ] {
                if given {
                    return Err(Invalid::Conflict {
                        one,
                        other: command,
                    });
                }
            }
        }
        Ok(())
    }

    /// Checks that no order of the adds leads beyond 64 bits on the way to the total.
    fn check_partial_sums(&self) -> Result<(), Invalid> {
        let each = i128::from(self.threads) * i128::from(self.adds);
        let workers =
            || (0..self.procs as usize).map(|worker| i128::from(self.by_of(worker)) * each);
        let highest: i128 = workers().filter(|sum| *sum > 0).sum();
        let lowest: i128 = workers().filter(|sum| *sum < 0).sum();
        match [highest, lowest]
            .into_iter()
            .find(|sum| i64::try_from(*sum).is_err())
        {
            Some(total) => Err(Invalid::TotalOverflows { total }),
            None => Ok(()),
        }
    }
}

fn in_range(
    what: &'static str,
    found: u64,
    most: u64,
    reason: &'static str,
) -> Result<(), Invalid> {
    if (1..=most).contains(&found) {
        return Ok(());
    }
    Err(Invalid::OutOfRange {
        what,
        found,
        most,
        reason,
    })
}
