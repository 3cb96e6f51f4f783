//! That nothing goes wrong, and that the model would have noticed.

use super::search::search;
use super::{Fault, Scenario, State, Twin};

const TWO_ONCE: Scenario = Scenario {
    processes: 2,
    rounds: 1,
    kills: 1,
    timed: false,
    twin: None,
};

#[track_caller]
fn holds(scenario: Scenario) {
    match search(&scenario) {
        Ok(states) => println!("{scenario:?}: {states} states"),
        Err((fault, path)) => panic!("{fault:?} in {scenario:?}\n{}", told(&path)),
    }
}

#[track_caller]
fn finds(fault: Fault, twin: Twin, scenario: Scenario) {
    let scenario = Scenario {
        twin: Some(twin),
        ..scenario
    };
    match search(&scenario) {
        Ok(states) => panic!("{twin:?} is not found in {states} states"),
        Err((found, path)) => {
            println!("{twin:?}: {found:?} after {} steps", path.len() - 1);
            assert_eq!(found, fault, "{}", told(&path));
        }
    }
}

/// Who is where, a line a step.
fn told(path: &[State]) -> String {
    let lines = path.iter().map(|state| {
        let pcs = state.processes.map(|process| format!("{:?}", process.pc));
        let State {
            next,
            tenure,
            word,
            tickets,
            watched,
            ..
        } = state;
        let pcs = pcs.map(|pc| format!("{pc:<14}")).join(" ");
        format!("{pcs} next {next} tenure {tenure} words {word:?} tickets {tickets:?} watched {watched:?}")
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn turns_of_two_processes_are_whole_under_two_kills() {
    for timed in [false, true] {
        holds(Scenario {
            rounds: 2,
            kills: 2,
            timed,
            ..TWO_ONCE
        });
    }
}

#[test]
fn turns_of_three_processes_are_whole_under_a_kill() {
    holds(Scenario {
        processes: 3,
        ..TWO_ONCE
    });
}

#[test]
#[ignore = "takes minutes"]
fn turns_of_three_processes_that_give_up_are_whole_under_two_kills() {
    holds(Scenario {
        processes: 3,
        kills: 2,
        timed: true,
        ..TWO_ONCE
    });
}

#[test]
#[ignore = "takes minutes"]
fn two_turns_of_three_processes_are_whole_under_a_kill() {
    holds(Scenario {
        processes: 3,
        rounds: 2,
        ..TWO_ONCE
    });
}

#[test]
fn model_finds_a_place_claimed_silently() {
    let three = Scenario {
        processes: 3,
        ..TWO_ONCE
    };
    finds(Fault::Stuck, Twin::ClaimsSilently, three);
}

#[test]
fn model_finds_a_sleep_on_the_word_alone() {
    let twice = Scenario {
        rounds: 2,
        kills: 0,
        ..TWO_ONCE
    };
    finds(Fault::Stuck, Twin::SleepsOnTheWordAlone, twice);
    finds(Fault::Stuck, Twin::TicketFirst, twice);
}

#[test]
fn model_finds_a_sleeper_that_is_not_seen() {
    let no_kill = Scenario {
        kills: 0,
        ..TWO_ONCE
    };
    for twin in [
        Twin::LooksBeforeLeaving,
        Twin::LeavesByPlainStore,
        Twin::RaisedLate,
    ] {
        finds(Fault::Stuck, twin, no_kill);
    }
}

#[test]
fn model_finds_a_wake_up_that_nobody_stands_in_for() {
    finds(Fault::Stuck, Twin::PendingTooShort, TWO_ONCE);
}

#[test]
fn model_finds_a_ticket_that_comes_late() {
    let no_kill = Scenario {
        rounds: 2,
        kills: 0,
        ..TWO_ONCE
    };
    finds(Fault::Stuck, Twin::TicketAfterClaim, no_kill);
}

#[test]
fn model_finds_one_that_gives_up_silently() {
    let three = Scenario {
        processes: 3,
        kills: 0,
        timed: true,
        ..TWO_ONCE
    };
    finds(Fault::Stuck, Twin::GivesUpSilently, three);
}
