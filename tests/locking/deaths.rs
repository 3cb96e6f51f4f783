//! What is left when `lock`, `sem` or what they run is killed once.

use std::fs;

use nix::sys::signal::{Signal, kill};

use crate::looks::wait_until_asleep;
use crate::running::{Running, lives, wait_until};
use crate::stage::Scratch;
use crate::tool::{SHMCOUNT, Tool, command, end_of, output};

/// Says its process id, has a child that repeats what it reads, and outlives nothing itself.
const WITH_CHILD: [&str; 3] = ["sh", "-c", "echo $$; cat; true"];

fn sem(name: &str, options: &[&str], what: &[&str]) -> std::process::Command {
    let words = [SHMCOUNT, "sem", name, "--permits", "2"].map(str::to_owned);
    command(&words, &[options, what].concat())
}

fn sem_end(name: &str, options: &[&str]) -> String {
    end_of(output(sem(name, options, &["true"])).status)
}

pub fn a_killed_lock_takes_its_command_with_it_and_is_free() {
    for _ in 0..20 {
        let tool = Tool::shmcount();
        let mut holder = tool.hold(&[]);
        assert!(holder.answers() && !tool.is_free());
        holder.signal(Signal::SIGKILL);
        assert_eq!(tool.end_under(&[], &["true"]), "0");
        // Nothing ran before the command was gone.
        assert!(!lives(holder.command));
        assert_eq!(holder.wait(), "by signal 9");
    }
}

pub fn what_a_killed_command_had_started_keeps_others_out_until_it_ends() {
    let tool = Tool::shmcount();
    let lock = tool.lock();
    let mut holder = Running::start(tool.command(&[&[&*lock], &WITH_CHILD[..]].concat()));
    assert!(holder.answers());
    holder.signal(Signal::SIGKILL);
    assert_eq!(holder.wait(), "by signal 9");
    wait_until(|| !lives(holder.command));
    assert!(holder.answers(), "a child of the command lives");
    assert!(!tool.is_free());
    let waiter = tool.command(&[&lock, "true"]).spawn();
    assert!(holder.answers() && !tool.is_free());
    holder.close_input();
    assert_eq!(end_of(waiter.unwrap().wait().unwrap()), "0");
    assert!(tool.is_free());
}

pub fn a_timeout_bounds_the_wait_for_what_outlived_a_killed_one() {
    let tool = Tool::shmcount();
    let lock = tool.lock();
    let mut holder = Running::start(tool.command(&[&[&*lock], &WITH_CHILD[..]].concat()));
    assert!(holder.answers());
    holder.signal(Signal::SIGKILL);
    for (options, end) in [(&["-w", "0.2"][..], "1"), (&["-n", "-E", "9"], "9")] {
        assert_eq!(tool.end_under(options, &["true"]), end);
    }
    let done = tool.run(&["-w", "0.1", "--verbose", &*lock, "true"]);
    let said = String::from_utf8(done.stderr).unwrap();
    assert!(
        said.contains("kept by a program") && said.contains("help: "),
        "{said}"
    );
    assert!(holder.answers());
    let timed = tool.command(&["-w", "60", &*lock, "true"]).spawn();
    holder.close_input();
    assert_eq!(end_of(timed.unwrap().wait().unwrap()), "0");
}

pub fn a_command_that_took_over_the_process_keeps_others_out() {
    let tool = Tool::shmcount();
    let mut holder = tool.hold(&["-F"]);
    assert_eq!(holder.command, holder.pid());
    assert!(!tool.is_free());
    assert_eq!(holder.command, holder.pid());
    assert!(!tool.is_free());
    let waiters: Vec<_> = (0..3)
        .map(|_| tool.command(&[&*tool.lock(), "true"]).spawn().unwrap())
        .collect();
    assert!(holder.answers() && !tool.is_free());
    holder.signal(Signal::SIGKILL);
    for mut waiter in waiters {
        assert_eq!(end_of(waiter.wait().unwrap()), "0");
    }
    assert_eq!(holder.wait(), "by signal 9");
    assert!(tool.is_free());
}

pub fn a_killed_sem_gives_its_permit_back_and_its_token_stays_with_what_lives() {
    let name = Scratch::new("sem");
    let start = || Running::start(sem(name.name(), &[], &WITH_CHILD));
    let (mut first, mut second) = (start(), start());
    assert!(first.answers());
    assert_eq!(sem_end(name.name(), &["-n"]), "1");
    first.signal(Signal::SIGKILL);
    assert_eq!(first.wait(), "by signal 9");
    // The permit is back, and its child runs on: still two.
    assert!(first.answers());
    assert_eq!(sem_end(name.name(), &["-n"]), "1");
    assert_eq!(sem_end(name.name(), &["-w", "0.2"]), "1");
    let waiter = sem(name.name(), &[], &["true"]).spawn();
    assert!(first.answers());
    first.close_input();
    assert_eq!(end_of(waiter.unwrap().wait().unwrap()), "0");
    assert_eq!(second.end(), "0");
}

pub fn an_orphan_of_one_permit_does_not_block_the_other() {
    let name = Scratch::new("sem");
    let mut orphaned = Running::start(sem(name.name(), &[], &WITH_CHILD));
    assert!(orphaned.answers());
    orphaned.signal(Signal::SIGKILL);
    assert_eq!(orphaned.wait(), "by signal 9");
    assert!(orphaned.answers());
    // Whichever permit they get.
    for _ in 0..8 {
        assert_eq!(sem_end(name.name(), &["-n"]), "0");
    }
    assert!(orphaned.answers());
}

pub fn a_lock_whose_segment_was_removed_meanwhile_is_taken_in_the_new_one() {
    let tool = Tool::shmcount();
    let mut holder = tool.hold(&[]);
    let waiter = tool.command(&[&*tool.lock(), "true"]).spawn();
    fs::remove_file(tool.file()).unwrap();
    assert_eq!(holder.end(), "0");
    assert_eq!(end_of(waiter.unwrap().wait().unwrap()), "0");
    assert!(tool.file().exists());
}

pub fn a_sem_whose_segment_was_removed_while_it_waited_for_a_token_uses_the_new_one() {
    let name = Scratch::new("sem");
    let one = |options: &[&str], what: &[&str]| {
        let words = [SHMCOUNT, "sem", name.name(), "--permits", "1"].map(str::to_owned);
        command(&words, &[options, what].concat())
    };
    let mut orphaned = Running::start(one(&[], &WITH_CHILD));
    assert!(orphaned.answers());
    orphaned.signal(Signal::SIGKILL);
    assert_eq!(orphaned.wait(), "by signal 9");
    let mut waiter = one(&["-w", "5"], &["true"]).spawn().unwrap();
    wait_until_asleep(waiter.id());
    fs::remove_file(name.path()).unwrap();
    let _second = Running::start(one(&[], &WITH_CHILD));
    orphaned.close_input();
    assert_eq!(end_of(waiter.wait().unwrap()), "1");
}

pub fn a_waiter_that_is_killed_runs_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let ran = directory.path().join("ran");
    let tool = Tool::shmcount();
    let mut holder = tool.hold(&[]);
    let line = [&*tool.lock(), "touch", ran.to_str().unwrap()];
    let mut waiter = tool.command(&line).spawn().unwrap();
    kill(
        nix::unistd::Pid::from_raw(waiter.id() as i32),
        Signal::SIGKILL,
    )
    .unwrap();
    assert_eq!(end_of(waiter.wait().unwrap()), "by signal 9");
    assert_eq!(holder.end(), "0");
    assert!(tool.is_free() && !ran.exists());
}
