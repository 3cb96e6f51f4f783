//! `shmcount lock` and `shmcount sem`: what flock(1) does, and what a killed process leaves.
//!
//! `beside_flock` tries both programs one behaviour at a time and keeps the table of docs/FLOCK.md
//! true; `rows` has its rows, `looks` how one looks. `deaths` kills once and looks closely, `storm` kills
//! often; `passing` is about what COMMAND gets and gives back, `messages` about what a user reads.
//! `witness` is the COMMAND that notices when another runs beside it, `interrupts` one that counts.

mod beside_flock;
mod deaths;
mod interrupts;
mod looks;
mod messages;
mod passing;
mod rows;
mod running;
#[path = "../machine/stage/mod.rs"]
#[allow(
    dead_code,
    unused_imports,
    reason = "several suites share it, and none needs all of it"
)]
mod stage;
mod storm;
mod tool;
mod witness;

use std::process::ExitCode;

use stage::{Act, Test, acts, tests};

const TESTS: &[Test] = tests![
    beside_flock::each_behaviour_of_flock_is_as_the_documentation_says,
    deaths::a_killed_lock_takes_its_command_with_it_and_is_free,
    deaths::what_a_killed_command_had_started_keeps_others_out_until_it_ends,
    deaths::a_timeout_bounds_the_wait_for_what_outlived_a_killed_one,
    deaths::a_command_that_took_over_the_process_keeps_others_out,
    deaths::a_killed_sem_gives_its_permit_back_and_its_token_stays_with_what_lives,
    deaths::an_orphan_of_one_permit_does_not_block_the_other,
    deaths::a_lock_whose_segment_was_removed_meanwhile_is_taken_in_the_new_one,
    deaths::a_sem_whose_segment_was_removed_while_it_waited_for_a_token_uses_the_new_one,
    deaths::a_waiter_that_is_killed_runs_nothing,
    passing::a_signal_to_the_lock_alone_reaches_its_command,
    passing::what_a_terminal_sends_is_not_sent_on,
    passing::a_terminal_that_hangs_up_ends_command_and_lock,
    passing::a_command_gets_signals_and_descriptors_as_they_were,
    passing::a_write_to_the_inherited_descriptor_does_no_harm,
    passing::each_command_of_a_sem_has_a_number_of_its_own,
    passing::a_rust_program_and_a_command_exclude_each_other,
    messages::help_fits_a_screen,
    messages::what_cannot_be_done_is_said_with_its_remedy,
    messages::a_conflict_is_silent_unless_asked,
    storm::killed_at_any_moment_no_two_run_at_once_and_nothing_stays_taken,
];

const ACTS: &[Act] = acts![stage::own_shm_at_all];

fn main() -> ExitCode {
    let command = witness::of_arguments().or_else(interrupts::of_arguments);
    if let Some(status) = command {
        return status;
    }
    stage::run(TESTS, ACTS)
}
