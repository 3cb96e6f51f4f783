//! Whoever opens a segment never crashes, hangs or reads out of bounds, whatever lies there.
//!
//! `files` is about what has the name, `header` and `directory` about each field, `properties`
//! changes any bytes at all before opening, `scribble` while others use the segment, and
//! `truncated` shows what no program can defend itself against.

mod directory;
mod exercise;
mod files;
mod header;
mod image;
mod properties;
mod scribble;
#[path = "../machine/stage/mod.rs"]
#[allow(
    dead_code,
    unused_imports,
    reason = "two suites share it, and neither needs all of it"
)]
mod stage;
mod truncated;

use std::process::ExitCode;

use stage::{Act, Test, acts, tests};

const TESTS: &[Test] = tests![
    files::opening_or_removing_what_is_no_regular_file_is_refused_without_opening_it,
    files::a_name_that_leads_elsewhere_is_left_alone_and_so_is_the_target,
    files::a_segment_that_others_may_touch_is_refused,
    files::a_segment_of_another_user_is_refused_to_both,
    files::names_that_are_none_are_refused_before_anything_is_made,
    files::every_other_name_names_a_segment,
    header::every_shorter_and_longer_file_is_refused,
    header::the_image_lies_where_these_tests_look_for_it,
    header::each_field_that_does_not_fit_is_refused_with_what_was_found,
    header::a_copy_is_refused,
    header::a_file_of_terabytes_is_an_error_or_opens,
    directory::an_end_that_makes_no_sense_is_refused,
    directory::an_entry_that_makes_no_sense_is_refused,
    directory::a_damaged_directory_is_not_added_to,
    directory::an_object_of_another_shape_is_refused_with_what_differs,
    directory::a_lock_held_by_nobody_who_lives_is_an_error_in_the_end,
    properties::no_damage_before_opening_crashes_or_hangs_who_opens,
    scribble::no_scribbling_over_header_and_directory_crashes_who_uses_them,
    scribble::no_scribbling_over_the_directorys_lock_hangs_who_uses_it,
    scribble::a_file_that_grows_changes_nothing_for_who_has_it_open,
    truncated::who_uses_a_segment_that_was_cut_is_killed_by_sigbus,
    truncated::who_is_killed_by_sigbus_leaves_its_other_locks_free,
    truncated::a_held_lock_that_was_cut_off_hides_older_ones_from_the_kernel,
];

const ACTS: &[Act] = acts![
    stage::own_shm_at_all,
    files::open_as_nobody,
    header::open_terabytes,
    properties::exercise_each,
    scribble::use_until_told,
    truncated::touch,
    truncated::hold_and_touch,
];

fn main() -> ExitCode {
    stage::run(TESTS, ACTS)
}
