//! The machine is against us: it is full, forks, stops, signals, restarts and reuses names.
//!
//! `exhaustion` is about what runs out, `creation` about making, finding and removing at once,
//! `death` about holders that go, `waits` about those who wait, `limits` about what one thread may
//! hold, `namespaces` about what processes see of each other, and `sandbox` about what the kernel refuses.

mod creation;
mod death;
mod exhaustion;
mod limits;
mod namespaces;
mod pthread;
mod sandbox;
#[allow(
    dead_code,
    unused_imports,
    reason = "two suites share it, and neither needs all of it"
)]
mod stage;
mod waits;

use std::process::ExitCode;

use stage::{Act, Test, acts, tests};

const TESTS: &[Test] = tests![
    exhaustion::a_full_shm_is_an_error_and_leaves_nothing,
    exhaustion::a_segment_made_before_shm_was_full_can_be_used_to_its_end,
    exhaustion::too_little_address_space_is_an_error_and_leaves_nothing,
    exhaustion::too_few_descriptors_are_an_error_and_leave_nothing,
    exhaustion::a_capacity_that_nothing_holds_is_an_error,
    exhaustion::a_umask_that_takes_everything_away_makes_a_segment_all_the_same,
    creation::of_64_processes_that_create_or_open_at_once_all_get_one_segment_and_one_object,
    creation::a_builder_killed_half_way_leaves_nothing_that_blocks_and_is_reaped,
    creation::only_private_files_of_the_dead_are_reaped,
    creation::a_private_name_that_is_taken_is_passed_over,
    creation::closed_standard_descriptors_stay_closed_and_nothing_is_printed_into_a_segment,
    creation::removing_never_takes_a_successors_name,
    creation::a_remover_that_is_stopped_keeps_others_waiting_for_ten_seconds_only,
    creation::removers_and_creators_that_race_lose_nothing,
    death::a_guard_that_a_fork_copied_does_nothing_in_the_child,
    death::exec_frees_what_was_held,
    death::the_end_of_a_thread_frees_what_it_held,
    death::a_forgotten_guard_keeps_lock_and_memory_until_its_thread_ends,
    death::a_forgotten_guard_keeps_them_where_no_thread_may_be_asked_for,
    death::a_process_whose_first_thread_has_ended_is_alive,
    waits::a_stopped_holder_is_never_robbed_and_the_waiter_learns_its_pid,
    waits::a_storm_of_signals_shortens_no_wait_and_loses_no_lock,
    limits::the_lock_too_many_is_refused_and_death_frees_all_the_others,
    limits::a_lock_taken_twice_by_one_thread_is_an_error,
    pthread::our_locks_and_robust_mutexes_share_a_list_and_death_frees_both,
    namespaces::another_pid_namespace_is_refused_with_its_remedy,
    namespaces::the_same_namespace_under_another_mount_works,
    sandbox::scenes::who_sleeps_for_a_lock_gets_it_from_a_release_and_from_a_death,
    sandbox::scenes::who_stands_in_line_gets_its_turn_from_a_leaver_and_from_a_death,
    sandbox::scenes::who_waits_for_a_value_sees_it_come,
    sandbox::scenes::who_waits_for_a_permit_gets_it_from_a_dead_holder_and_from_a_living,
    sandbox::scenes::who_waits_at_a_barrier_meets_the_other_or_learns_of_its_death,
    sandbox::scenes::who_waits_for_an_item_or_for_room_gets_it,
    sandbox::scenes::who_was_not_seen_by_a_plain_release_looks_again,
    sandbox::scenes::a_segment_says_how_it_is_released_and_plain_is_refused_where_it_cannot_be,
    sandbox::crowd::sandboxed_processes_that_made_their_segment_count_exactly_under_kills,
    sandbox::crowd::sandboxed_and_free_processes_count_exactly_under_kills,
    sandbox::crowd::processes_of_all_sandboxes_at_once_count_exactly_under_kills,
    sandbox::program::a_run_in_a_sandbox_is_exact_under_kills,
];

const ACTS: &[Act] = acts![
    stage::own_shm_at_all,
    exhaustion::fill_up,
    exhaustion::use_when_full,
    exhaustion::run_out_of_address_space,
    exhaustion::run_out_of_descriptors,
    exhaustion::create_under_umask,
    creation::meet,
    creation::build_half,
    creation::reap,
    creation::reap_selectively,
    creation::take_private_names,
    creation::create_without_standard_descriptors,
    creation::remove_and_create,
    death::fork_with_guard,
    death::hold,
    death::hold_and_exec,
    death::sit,
    death::forget_guard,
    death::forget_guard_unasked,
    death::end_first_thread,
    waits::wait_under_signals,
    limits::hold_most,
    pthread::mix,
    namespaces::open_in_another_pid_namespace,
    namespaces::open_under_another_mount,
    sandbox::enter_at_all,
    sandbox::player::play,
    sandbox::crowd::work,
    sandbox::program::enter_and_exec,
];

fn main() -> ExitCode {
    stage::run(TESTS, ACTS)
}
