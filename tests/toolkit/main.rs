//! What the objects promise, object by object: against a plain model, between processes, and when one of
//! them is stopped or killed.

mod array;
mod attached;
mod barrier;
mod barrier_held;
mod bytes_queue;
mod circles;
mod condvar;
mod event;
mod map;
mod no_circles;
mod obedient;
mod queue;
mod scribble;
mod semaphore;
#[path = "../machine/stage/mod.rs"]
#[allow(
    dead_code,
    unused_imports,
    reason = "several suites share it, and none needs all of it"
)]
mod stage;

mod value;
mod wait_group;

use std::process::ExitCode;

use stage::{Act, Test, acts, tests};

const TESTS: &[Test] = tests![
    array::it_does_what_a_vec_does,
    array::elements_of_every_size_are_kept_apart,
    array::what_it_was_made_for_is_checked,
    array::it_is_opened_without_knowing_its_length,
    array::an_index_out_of_range_panics_and_holds_nothing,
    array::adds_of_two_processes_are_all_counted,
    array::a_snapshot_is_whole_while_a_writer_runs,
    array::a_long_array_is_copied_though_commits_never_pause,
    array::a_stopped_writer_does_not_hold_up_readers,
    array::a_killed_writer_leaves_the_last_commit,
    array::a_panic_and_a_discard_change_nothing,
    array::a_guard_that_a_fork_copied_changes_nothing,
    array::transfers_keep_their_sum_under_random_kills,
    map::it_does_what_a_hash_map_does,
    map::what_it_was_made_for_is_checked,
    map::it_is_opened_without_knowing_its_size,
    map::a_full_map_refuses_new_keys_and_changes_nothing,
    map::keys_of_every_length_are_kept_apart,
    map::a_sum_too_large_changes_nothing,
    map::adds_of_two_processes_are_all_counted,
    map::a_snapshot_is_whole_while_a_writer_runs,
    map::a_stopped_writer_does_not_hold_up_readers,
    map::a_killed_writer_leaves_the_last_commit,
    map::a_panic_and_a_discard_change_nothing,
    map::damage_makes_no_crash,
    map::transfers_keep_their_sum_under_random_kills,
    queue::every_item_comes_once_and_each_producers_in_order,
    queue::a_full_queue_gives_the_item_back,
    queue::a_closed_queue_gives_what_it_has_and_takes_nothing,
    queue::closing_wakes_who_waits,
    queue::taking_the_last_item_wakes_who_waits_for_empty,
    queue::a_timeout_is_waited_for,
    queue::many_at_once_are_as_many_as_there_is_room_for,
    queue::a_queue_is_opened_as_what_it_is,
    queue::who_was_stopped_inside_is_named,
    queue::damage_is_survived,
    bytes_queue::every_item_comes_once_and_whole,
    bytes_queue::an_item_that_never_fits_is_refused,
    bytes_queue::a_full_queue_has_room_when_enough_was_popped,
    bytes_queue::a_closed_queue_gives_what_it_has_and_takes_nothing,
    bytes_queue::a_queue_is_opened_as_what_it_is,
    bytes_queue::damage_is_survived,
    event::setting_wakes_all_who_wait,
    event::a_cleared_event_is_waited_for_again,
    event::a_timeout_is_waited_for,
    event::damage_is_survived,
    condvar::a_waiter_is_woken_and_has_the_lock,
    condvar::waiting_commits_what_the_guard_changed,
    condvar::a_timeout_is_waited_for,
    condvar::a_condition_is_waited_for,
    condvar::all_are_woken,
    condvar::each_notification_wakes_one,
    condvar::a_waiter_that_panics_leaves_its_wake_up_to_another,
    condvar::a_waiter_that_waits_again_has_answered,
    condvar::waiters_of_two_values_take_their_own_locks,
    condvar::damage_is_survived,
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
    array::add_to_both,
    array::rotate_for_ever,
    array::add_to_all_for_ever,
    array::change_and_wait,
    array::fork_with_guard,
    array::transfer_for_ever,
    map::add_to_both,
    map::move_for_ever,
    map::change_and_wait,
    map::transfer_for_ever,
    queue::push_numbers,
    queue::pop_numbers,
    queue::push_one,
    queue::wait_empty,
    bytes_queue::push_strings,
    event::wait,
    condvar::take,
    condvar::take_and_panic,
    condvar::sit,
    stage::own_shm_at_all,
    obedient::obey,
    circles::meet_in_threads,
    circles::wait_in_threads,
    no_circles::take_in_order,
    no_circles::keep_one_and_want_another,
    no_circles::take_one_then_the_other,
];

fn main() -> ExitCode {
    let tests = [
        TESTS,
        semaphore::TESTS,
        barrier::TESTS,
        barrier_held::TESTS,
        value::TESTS,
        wait_group::TESTS,
    ];
    let acts = [
        ACTS,
        semaphore::ACTS,
        barrier::ACTS,
        barrier_held::ACTS,
        wait_group::ACTS,
    ];
    stage::run(&tests.concat(), &acts.concat())
}
