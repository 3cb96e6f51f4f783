//! What the built protocol holds, and up to which bounds.
//!
//! Each test searches both ways to release and both ways to hold, or says in its name which.
//! Ignored tests are the large bounds.

use crate::report;
use crate::scenario::{Hold, Release, Role, Scenario, Size, locker, timed, watcher};
use crate::search;

const HOLDS: [Hold; 2] = [Hold::Pending, Hold::List];

fn is_right(roles: &[Role], release: Release, kills: u8) {
    for size in [Size::Small, Size::Large] {
        let scenario = Scenario {
            roles,
            release,
            size,
            kills,
            twin: None,
        };
        // It makes no difference to those who wait for the lock alone, or where every commit moves the sequence.
        if size == Size::Small || scenario.has_watchers() && release == Release::Plain {
            is_right_in(&scenario);
        }
    }
}

fn is_right_in(scenario: &Scenario) {
    let outcome = search::search(scenario);
    println!("{}", report::row(scenario, &outcome));
    if let Some(violation) = outcome.violation {
        panic!("{}", report::trace(scenario, &violation));
    }
}

fn is_right_with_both_releases(roles: &[Role], kills: u8) {
    is_right(roles, Release::Exchange, kills);
    is_right(roles, Release::Plain, kills);
}

#[test]
fn three_processes_two_kills_exchange_release_never_stuck() {
    for hold in HOLDS {
        is_right(&[locker(hold, 1); 3], Release::Exchange, 2);
    }
}

#[test]
fn three_processes_two_kills_plain_release_never_stuck() {
    for hold in HOLDS {
        is_right(&[locker(hold, 1); 3], Release::Plain, 2);
    }
}

/// Two deaths of owners and a third of a sleeper: the recoverer of a recoverer is killed.
#[test]
fn three_processes_three_kills_never_stuck() {
    for hold in HOLDS {
        is_right_with_both_releases(&[locker(hold, 1); 3], 3);
    }
}

#[test]
fn two_processes_three_rounds_two_kills_never_stuck() {
    for hold in HOLDS {
        is_right_with_both_releases(&[locker(hold, 3); 2], 2);
    }
}

#[test]
fn three_processes_two_rounds_two_kills_never_stuck() {
    for hold in HOLDS {
        is_right_with_both_releases(&[locker(hold, 2); 3], 2);
    }
}

#[test]
fn four_processes_one_kill_exchange_release_never_stuck() {
    for hold in HOLDS {
        is_right(&[locker(hold, 1); 4], Release::Exchange, 1);
    }
}

#[test]
fn four_processes_one_kill_plain_release_never_stuck() {
    for hold in HOLDS {
        is_right(&[locker(hold, 1); 4], Release::Plain, 1);
    }
}

#[test]
fn guards_and_built_in_adds_share_a_lock() {
    let [add, guard] = HOLDS.map(|hold| locker(hold, 1));
    is_right_with_both_releases(&[add, guard, guard], 2);
}

/// A wait that runs out takes no wake-up away from the others.
#[test]
fn timed_waits_lose_nobodys_wake_up() {
    let [add, guard] = HOLDS.map(|hold| locker(hold, 1));
    is_right_with_both_releases(&[add, guard, timed(add)], 2);
    is_right_with_both_releases(&[add, timed(guard), timed(guard)], 2);
}

#[test]
fn two_lockers_and_a_watcher_two_kills_never_stuck() {
    for hold in HOLDS {
        for target in [1, 2] {
            is_right_with_both_releases(&[locker(hold, 1), locker(hold, 1), watcher(target)], 2);
        }
    }
}

#[test]
fn a_locker_and_two_watchers_two_kills_never_stuck() {
    let locker = locker(Hold::Pending, 2);
    for target in [1, 2] {
        is_right_with_both_releases(&[locker, watcher(target), watcher(target)], 2);
    }
    is_right_with_both_releases(&[locker, watcher(1), watcher(2)], 2);
}

#[test]
fn a_watcher_that_gives_up_takes_nothing_along() {
    let locker = locker(Hold::Pending, 1);
    is_right_with_both_releases(&[locker, watcher(1), timed(watcher(1))], 2);
    is_right_with_both_releases(&[locker, locker, timed(watcher(1))], 2);
}

#[test]
fn two_lockers_and_two_watchers_without_kills_never_stuck() {
    let locker = locker(Hold::Pending, 1);
    is_right(
        &[locker, locker, watcher(2), watcher(2)],
        Release::Exchange,
        0,
    );
}

#[test]
#[ignore = "large bound"]
fn two_lockers_and_two_watchers_one_kill_exchange_release_never_stuck() {
    for hold in HOLDS {
        for target in [1, 2] {
            let [locker, watcher] = [locker(hold, 1), watcher(target)];
            is_right(&[locker, locker, watcher, watcher], Release::Exchange, 1);
        }
    }
}

#[test]
#[ignore = "large bound"]
fn two_lockers_and_two_watchers_one_kill_plain_release_never_stuck() {
    for hold in HOLDS {
        for target in [1, 2] {
            let [locker, watcher] = [locker(hold, 1), watcher(target)];
            is_right(&[locker, locker, watcher, watcher], Release::Plain, 1);
        }
    }
}

#[test]
#[ignore = "large bound"]
fn three_lockers_and_a_watcher_one_kill_never_stuck() {
    let locker = locker(Hold::Pending, 1);
    is_right_with_both_releases(&[locker, locker, locker, watcher(2)], 1);
}

#[test]
#[ignore = "large bound"]
fn two_lockers_two_rounds_and_a_watcher_two_kills_never_stuck() {
    for hold in HOLDS {
        is_right_with_both_releases(&[locker(hold, 2), locker(hold, 2), watcher(3)], 2);
    }
}

#[test]
#[ignore = "large bound"]
fn three_processes_three_rounds_three_kills_never_stuck() {
    for hold in HOLDS {
        is_right_with_both_releases(&[locker(hold, 3); 3], 3);
    }
}

#[test]
#[ignore = "large bound"]
fn four_processes_three_kills_never_stuck() {
    for hold in HOLDS {
        is_right_with_both_releases(&[locker(hold, 1); 4], 3);
    }
}

#[test]
#[ignore = "large bound"]
fn four_processes_two_rounds_one_kill_never_stuck() {
    for hold in HOLDS {
        is_right_with_both_releases(&[locker(hold, 2); 4], 1);
    }
}
