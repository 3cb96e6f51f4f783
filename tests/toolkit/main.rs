//! The objects beyond values and locks, each used by several processes as its page says.

mod bytes_queue;
mod condvar;
mod event;
mod queue;
mod scribble;
#[path = "../machine/stage/mod.rs"]
#[allow(
    dead_code,
    unused_imports,
    reason = "several suites share it, and none needs all of it"
)]
mod stage;

use std::process::ExitCode;

use stage::{Act, Test, acts, tests};

const TESTS: &[Test] = tests![
    queue::every_item_comes_once_and_each_producers_in_order,
    queue::a_full_queue_gives_the_item_back,
    queue::a_closed_queue_gives_what_it_has_and_takes_nothing,
    queue::closing_wakes_who_waits,
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
];

const ACTS: &[Act] = acts![
    queue::push_numbers,
    queue::pop_numbers,
    queue::push_one,
    bytes_queue::push_strings,
    event::wait,
    condvar::take,
    condvar::take_and_panic,
    condvar::sit,
];

fn main() -> ExitCode {
    stage::run(TESTS, ACTS)
}
