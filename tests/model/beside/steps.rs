//! The next step of a process, whatever it is about.

use super::machine::Step;
use super::state::State;
use super::{Scenario, leave, locking, wait};

/// A step: none when it has to wait for another process.
pub fn step(scenario: &Scenario, state: &State, me: usize) -> Option<Step> {
    wait::step(scenario, state, me)
        .or_else(|| leave::step(scenario, state, me))
        .or_else(|| locking::step(scenario, state, me))
}
