//! The objects as their users find them, one file each: processes at work, stopped and killed.

mod attached;
mod circles;
mod no_circles;
mod obedient;
#[allow(
    dead_code,
    unused_imports,
    reason = "other suites share it, and none needs all of it"
)]
#[path = "../machine/stage/mod.rs"]
mod stage;

use std::process::ExitCode;

use stage::{Act, Test, acts, tests};

const TESTS: &[Test] = tests![
    circles::of_two_who_wait_for_each_other_one_is_told_and_the_other_goes_on_a_hundred_times,
    circles::of_three_in_a_ring_one_is_told_and_the_others_go_on,
    circles::threads_of_one_process_are_told_as_processes_are,
    circles::who_adds_or_watches_its_time_is_part_of_a_circle_too,
    circles::a_stopped_one_that_is_to_give_up_is_told_when_it_goes_on,
    circles::a_waiter_is_seen_and_one_that_is_killed_leaves_no_trace,
    circles::more_waiters_than_can_be_seen_wait_all_the_same,
    no_circles::a_slow_holder_and_a_chain_are_no_circle,
    no_circles::a_circle_through_a_wait_for_a_value_is_not_seen,
    no_circles::who_takes_locks_in_order_is_never_told_of_a_circle,
    no_circles::an_owner_that_lets_go_before_it_waits_makes_no_circle,
    attached::who_has_a_segment_mapped_is_seen_and_who_has_ended_is_not,
];

const ACTS: &[Act] = acts![
    stage::own_shm_at_all,
    obedient::obey,
    circles::meet_in_threads,
    circles::wait_in_threads,
    no_circles::take_in_order,
    no_circles::keep_one_and_want_another,
    no_circles::take_one_then_the_other,
];

fn main() -> ExitCode {
    stage::run(TESTS, ACTS)
}
