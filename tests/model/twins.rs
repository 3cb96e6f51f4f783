//! Protocols that look right and are not, each one change away from the built one. The model has to
//! find what is wrong with each; a model that finds nothing wrong with them finds nothing.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Twin {
    /// glibc's: sleepers set a bit in the word, the releaser swaps in 0 and wakes if it saw the bit.
    GlibcRelease,
    /// The bit stays in the word over releases and is cleared when a wake-up finds nobody.
    ClearedWaiters,
    /// A flag beside the word, which the releaser clears before it wakes.
    FlagClearedByReleaser,
    /// Repair zeroes the count and leaves the generation.
    GenerationStays,
    /// `list_op_pending` is never set.
    NoPending,
    /// The release is a plain store, and sleepers do not make it visible.
    NoMembarrier,
    /// The same for watchers.
    WatcherWithoutMembarrier,
    /// Sleepers queue on the word, then on the generation.
    QueuesOnWordFirst,
    /// A watcher that is woken for a death looks at its own affairs only.
    WatcherKeepsDeath,
    /// After passing a death on, a watcher sleeps without `list_op_pending`.
    WatcherForgetsPending,
    /// A small value's commit looks for watchers and leaves the sequence as it is where there is no membarrier, too.
    SparesWithoutBarrier,
    /// Watchers are told before the lock is let go: with an exchange as release, the only barrier
    /// then comes after the look for them.
    TellsBeforeRelease,
    /// A watcher raises the announcement without waking those who wait for an older sequence.
    NewerHidesOlder,
    /// Watchers queue on the sequence, then on the word, as sleepers do with their generation.
    WatcherQueuesOnWordLast,
    /// A watcher does not ask about deaths if the kernel says that the sequence woke it.
    WatcherTrustsIndex,
    /// Recovery does not raise the sequence.
    RecoveryIsSilent,
    /// Recovery leaves the count as the dead owner left it.
    RecoveryDoesNotRepair,
    /// Taking the lock always succeeds.
    LocksNothing,
}

impl Twin {
    /// These two have a way of sleeping and releasing of their own.
    pub fn keeps_flag_in_word(self) -> bool {
        matches!(self, Self::GlibcRelease | Self::ClearedWaiters)
    }
}
