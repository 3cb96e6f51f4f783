//! The model finds what is wrong with each broken twin, with as few processes and kills as named.

use crate::report;
use crate::scenario::{Hold, Release, Role, Scenario, Size, locker, watcher};
use crate::search::{self, Fault};
use crate::twins::Twin;

const ADD: Hold = Hold::Pending;
const GUARD: Hold = Hold::List;

fn finds(fault: Fault, twin: Twin, roles: &[Role], release: Release, kills: u8) {
    let scenario = Scenario {
        roles,
        release,
        size: Size::Small,
        kills,
        twin: Some(twin),
    };
    let outcome = search::search(&scenario);
    println!("{}", report::row(&scenario, &outcome));
    let violation = outcome
        .violation
        .unwrap_or_else(|| panic!("{twin:?} passed as right"));
    let trace = report::trace(&scenario, &violation);
    println!("{trace}");
    assert_eq!(violation.fault, fault, "{trace}");
}

/// With a kill less, or the other release, nothing happens: the fault is the one that is meant.
fn passes(twin: Twin, roles: &[Role], release: Release, kills: u8) {
    let scenario = Scenario {
        roles,
        release,
        size: Size::Small,
        kills,
        twin: Some(twin),
    };
    let outcome = search::search(&scenario);
    println!("{}", report::row(&scenario, &outcome));
    assert!(
        outcome.violation.is_none(),
        "{twin:?} is already found here"
    );
}

#[test]
fn model_finds_glibc_release() {
    passes(
        Twin::GlibcRelease,
        &[locker(GUARD, 1); 3],
        Release::Exchange,
        0,
    );
    finds(
        Fault::Stuck,
        Twin::GlibcRelease,
        &[locker(GUARD, 1); 3],
        Release::Exchange,
        1,
    );
}

#[test]
fn model_finds_cleared_waiters() {
    passes(
        Twin::ClearedWaiters,
        &[locker(GUARD, 2); 3],
        Release::Exchange,
        0,
    );
    finds(
        Fault::Stuck,
        Twin::ClearedWaiters,
        &[locker(GUARD, 2); 3],
        Release::Exchange,
        1,
    );
}

#[test]
fn model_finds_flag_cleared_by_releaser() {
    let twin = Twin::FlagClearedByReleaser;
    finds(
        Fault::Stuck,
        twin,
        &[locker(ADD, 2); 2],
        Release::Exchange,
        0,
    );
}

#[test]
fn model_finds_count_reset_without_new_generation() {
    finds(
        Fault::Stuck,
        Twin::GenerationStays,
        &[locker(ADD, 1); 2],
        Release::Exchange,
        0,
    );
}

#[test]
fn model_finds_missing_pending() {
    passes(
        Twin::NoPending,
        &[locker(GUARD, 1); 3],
        Release::Exchange,
        0,
    );
    finds(
        Fault::Stuck,
        Twin::NoPending,
        &[locker(GUARD, 1); 3],
        Release::Exchange,
        1,
    );
}

#[test]
fn model_finds_plain_release_without_membarrier() {
    passes(
        Twin::NoMembarrier,
        &[locker(ADD, 1); 2],
        Release::Exchange,
        0,
    );
    finds(
        Fault::Stuck,
        Twin::NoMembarrier,
        &[locker(ADD, 1); 2],
        Release::Plain,
        0,
    );
}

#[test]
fn model_finds_watcher_without_membarrier() {
    let roles = [locker(ADD, 1), watcher(1)];
    finds(
        Fault::Stuck,
        Twin::WatcherWithoutMembarrier,
        &roles,
        Release::Plain,
        0,
    );
}

#[test]
fn model_finds_queueing_on_the_word_first() {
    finds(
        Fault::Stuck,
        Twin::QueuesOnWordFirst,
        &[locker(ADD, 1); 2],
        Release::Exchange,
        0,
    );
}

#[test]
fn model_finds_watcher_that_keeps_a_death() {
    let roles = [locker(ADD, 1), locker(ADD, 1), watcher(1)];
    finds(
        Fault::Stuck,
        Twin::WatcherKeepsDeath,
        &roles,
        Release::Exchange,
        1,
    );
}

#[test]
fn model_finds_watcher_that_forgets_pending() {
    let roles = [locker(ADD, 1), locker(ADD, 1), watcher(2)];
    finds(
        Fault::Stuck,
        Twin::WatcherForgetsPending,
        &roles,
        Release::Exchange,
        2,
    );
}

#[test]
fn model_finds_watcher_that_queues_on_the_word_last() {
    let roles = [locker(ADD, 1), watcher(1)];
    finds(
        Fault::Stuck,
        Twin::WatcherQueuesOnWordLast,
        &roles,
        Release::Exchange,
        1,
    );
    finds(
        Fault::Stuck,
        Twin::WatcherQueuesOnWordLast,
        &roles,
        Release::Plain,
        1,
    );
}

#[test]
fn model_finds_a_sequence_that_stays_without_a_barrier() {
    let twin = Twin::SparesWithoutBarrier;
    let roles = [locker(ADD, 1), watcher(1)];
    passes(twin, &roles, Release::Plain, 0);
    finds(Fault::Stuck, twin, &roles, Release::Exchange, 0);
}

#[test]
fn model_finds_newer_announcement_that_hides_an_older_one() {
    let roles = [locker(ADD, 1), watcher(1), watcher(1)];
    finds(
        Fault::Stuck,
        Twin::NewerHidesOlder,
        &roles,
        Release::Exchange,
        0,
    );
}

#[test]
fn model_finds_watcher_that_trusts_the_index() {
    let roles = [locker(ADD, 2), locker(ADD, 2), watcher(1)];
    passes(Twin::WatcherTrustsIndex, &roles, Release::Exchange, 0);
    finds(
        Fault::Stuck,
        Twin::WatcherTrustsIndex,
        &roles,
        Release::Exchange,
        1,
    );
}

#[test]
fn model_finds_telling_before_an_exchange_release() {
    let roles = [locker(ADD, 1), watcher(1)];
    finds(
        Fault::Stuck,
        Twin::TellsBeforeRelease,
        &roles,
        Release::Exchange,
        0,
    );
}

#[test]
fn model_finds_silent_recovery() {
    let roles = [locker(ADD, 1), watcher(1), watcher(1)];
    finds(
        Fault::Stuck,
        Twin::RecoveryIsSilent,
        &roles,
        Release::Exchange,
        1,
    );
}

#[test]
fn model_finds_recovery_that_does_not_repair() {
    finds(
        Fault::Stuck,
        Twin::RecoveryDoesNotRepair,
        &[locker(ADD, 1); 3],
        Release::Exchange,
        1,
    );
}

#[test]
fn model_finds_a_lock_that_locks_nothing() {
    finds(
        Fault::TwoInside,
        Twin::LocksNothing,
        &[locker(ADD, 1); 2],
        Release::Exchange,
        0,
    );
}
