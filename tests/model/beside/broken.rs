//! The model finds what is wrong with each broken twin, with as few processes and kills as named.

use super::claims::{BUILT, searched};
use super::{Excuse, Role, Scenario, Twin, report};
use crate::scenario::Release;
use crate::search::Fault;
use Role::{AwaitsAll, Begins, Commits, Joins, Meets, Sits, Takes, Visits};

#[track_caller]
fn finds(twin: Twin, scenario: Scenario) {
    let (model, outcome) = searched(Scenario {
        twin: Some(twin),
        ..scenario
    });
    let violation = outcome.violation;
    let violation = violation.unwrap_or_else(|| panic!("{twin:?} passed as right"));
    let trace = report::trace(&model.scenario, &violation);
    println!("{trace}");
    assert_eq!(violation.fault, Fault::Stuck, "{trace}");
}

/// With a kill less nothing happens: the fault is the one that is meant.
#[track_caller]
fn passes(twin: Twin, scenario: Scenario) {
    let (_, outcome) = searched(Scenario {
        twin: Some(twin),
        ..scenario
    });
    let is_found = outcome.violation.is_some();
    assert!(!is_found, "{twin:?} is already found here");
}

const ONE_WAITS: Scenario = Scenario {
    roles: &[Takes, Sits(0)],
    ..BUILT
};
const TWO_WAIT: Scenario = Scenario {
    roles: &[Takes, Takes, Sits(0)],
    ..BUILT
};

#[test]
fn model_finds_a_look_for_watchers_before_leaving() {
    finds(Twin::LooksBeforeLeaving, ONE_WAITS);
}

#[test]
fn model_finds_a_look_at_the_slots_before_announcing() {
    let roles = &[AwaitsAll, Begins];
    finds(Twin::LooksBeforeAnnouncing, Scenario { roles, ..BUILT });
    let roles = &[Meets(0), Commits];
    finds(Twin::LooksBeforeAnnouncing, Scenario { roles, ..BUILT });
}

#[test]
fn model_finds_words_taken_after_the_look() {
    let roles = &[AwaitsAll, Sits(0)];
    passes(Twin::TakesWordsLate, Scenario { roles, ..BUILT });
    finds(
        Twin::TakesWordsLate,
        Scenario {
            roles,
            kills: 1,
            ..BUILT
        },
    );
}

#[test]
fn model_finds_a_plain_release_without_membarrier() {
    passes(Twin::NoMembarrier, ONE_WAITS);
    finds(
        Twin::NoMembarrier,
        Scenario {
            release: Release::Plain,
            ..ONE_WAITS
        },
    );
}

#[test]
fn model_finds_a_slot_that_is_not_pending_while_others_are_told() {
    passes(Twin::PendingTooShort, ONE_WAITS);
    finds(
        Twin::PendingTooShort,
        Scenario {
            kills: 1,
            ..ONE_WAITS
        },
    );
}

#[test]
fn model_finds_news_that_is_kept_or_told_late() {
    for twin in [
        Twin::KeepsTheNews,
        Twin::TellsLate,
        Twin::SleepsWithoutPending,
    ] {
        passes(
            twin,
            Scenario {
                kills: 1,
                ..TWO_WAIT
            },
        );
        finds(
            twin,
            Scenario {
                kills: 2,
                ..TWO_WAIT
            },
        );
    }
    let roles = &[AwaitsAll, AwaitsAll, Sits(0)];
    finds(
        Twin::KeepsTheNews,
        Scenario {
            roles,
            kills: 1,
            ..BUILT
        },
    );
}

/// It was built like this once, and like the next two.
#[test]
fn model_finds_news_that_is_not_seen_in_the_words() {
    let roles = &[AwaitsAll, AwaitsAll, Begins];
    passes(Twin::TrustsTheWords, Scenario { roles, ..BUILT });
    finds(
        Twin::TrustsTheWords,
        Scenario {
            roles,
            kills: 1,
            ..BUILT
        },
    );
}

#[test]
fn model_finds_a_slot_that_is_as_empty_as_before() {
    finds(Twin::AsksOfTheMoment, TWO_WAIT);
    let visits = Scenario {
        roles: &[Meets(0), Visits],
        slots: 2,
        kills: 1,
        ..BUILT
    };
    finds(Twin::JoinsSilently, visits);
    let joins = Scenario {
        roles: &[Meets(1), Joins],
        slots: 2,
        kills: 1,
        has_dead: true,
        ..BUILT
    };
    finds(Twin::JoinsSilently, joins);
    // Each time because of that.
    for (twin, scenario) in [
        (Twin::AsksOfTheMoment, TWO_WAIT),
        (Twin::JoinsSilently, joins),
    ] {
        let admitted = Excuse::SameAgain as u8;
        passes(
            twin,
            Scenario {
                admitted,
                ..scenario
            },
        );
    }
}

#[test]
fn model_finds_two_looks_at_the_lock() {
    let roles = &[Meets(0), Commits, Commits];
    let twin = Twin::LooksTwiceAtTheLock;
    passes(
        twin,
        Scenario {
            roles,
            kills: 1,
            ..BUILT
        },
    );
    finds(
        twin,
        Scenario {
            roles,
            kills: 2,
            ..BUILT
        },
    );
}
