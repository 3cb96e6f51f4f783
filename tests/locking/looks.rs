//! How a row is looked at, where that takes more than a line.

use std::fs;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::running::{Running, wait_until};
use crate::tool::{Tool, command, end_of, output};

pub fn nested(tool: &Tool, arguments: &[&str]) -> Vec<String> {
    let arguments = arguments.iter().map(|a| (*a).to_owned()).collect();
    [tool.words(), arguments].concat()
}

/// What comes of a command that finds the lock taken.
pub fn conflict(tool: &Tool, options: &[&str]) -> String {
    let _holder = tool.hold(&[]);
    let done = tool.run(&[options, &[&*tool.lock(), "true"]].concat());
    let silent = done.stdout.is_empty() && done.stderr.is_empty();
    format!(
        "{}{}",
        end_of(done.status),
        if silent { ", silent" } else { "" }
    )
}

pub fn waits(tool: &Tool, option: &str, time: &str, least: u64) -> String {
    let _holder = tool.hold(&[]);
    let begun = Instant::now();
    let end = tool.end_under(&[option, time], &["true"]);
    let waited = begun.elapsed() >= Duration::from_millis(least);
    format!(
        "{end}, {} {least} ms",
        if waited { "not before" } else { "before" }
    )
}

/// What a child that COMMAND leaves running does to the lock.
pub fn left(tool: &Tool, options: &[&str]) -> String {
    left_by(tool, options, "echo $$; exec 9<&0; cat <&9 & exit 0")
}

pub fn left_by(tool: &Tool, options: &[&str], script: &str) -> String {
    let lock = tool.lock();
    let line = [options, &[&*lock, "sh", "-c", script]].concat();
    let mut holder = Running::start(tool.command(&line));
    let end = holder.wait();
    let kept = if tool.is_free() {
        "free"
    } else {
        "kept while it runs"
    };
    holder.close_input();
    let _ = holder.wait_for_silence();
    tool.wait_until_free();
    format!("{end}; {kept}")
}

/// What comes of the program, of COMMAND and of the lock.
pub fn fate(tool: &Tool, what: fn(&Running)) -> String {
    let mut holder = tool.hold(&[]);
    what(&holder);
    let end = holder.wait();
    // A death reaches COMMAND before it reaches who waits for the program.
    if holder.answers() {
        let kept = if tool.is_free() { "is free" } else { "is kept" };
        return format!("{end}; COMMAND runs on; the lock {kept}");
    }
    tool.wait_until_free();
    format!("{end}; COMMAND has ended; the lock is free")
}

/// The masks of ignored and blocked signals that COMMAND finds.
pub fn signals(tool: &Tool, how: &[&str]) -> String {
    let words = [&["/usr/bin/env"], how].concat();
    let words: Vec<String> = words.into_iter().map(str::to_owned).collect();
    let look = ["grep", "-E", "Sig(Blk|Ign)", "/proc/self/status"];
    let lock = tool.lock();
    let line = [&*tool.words(), &[lock], &look.map(str::to_owned)[..]].concat();
    let said = String::from_utf8(output(command(&words, &line)).stdout).unwrap();
    let masks = said.lines().filter_map(|line| line.split_once(":\t"));
    let masks = masks.map(|(what, mask)| {
        let mask = u64::from_str_radix(mask, 16).unwrap();
        let what = if what == "SigBlk" {
            "blocked"
        } else {
            "ignored"
        };
        // SIGCHLD, SIGHUP, SIGPIPE and SIGUSR2: the others are this machine's affair.
        let named = [(1, "HUP"), (12, "USR2"), (13, "PIPE"), (17, "CHLD")];
        let set = named
            .iter()
            .filter(|(number, _)| mask >> (number - 1) & 1 == 1);
        let set: Vec<&str> = set.map(|(_, name)| *name).collect();
        format!(
            "{what}: {}",
            if set.is_empty() {
                "none".to_owned()
            } else {
                set.join(" ")
            }
        )
    });
    masks.collect::<Vec<_>>().join("; ")
}

pub fn said(done: &std::process::Output) -> String {
    let says = |text: &[u8], where_to: &'static str| {
        (!text.is_empty()).then(|| format!("says so on standard {where_to}"))
    };
    let said = [says(&done.stdout, "output"), says(&done.stderr, "error")];
    let said: Vec<String> = said.into_iter().flatten().collect();
    format!("{}; {}", end_of(done.status), said.join(" and "))
}

/// Waits until a process sleeps for a lock.
pub fn wait_until_asleep(pid: u32) {
    let waits = [libc::SYS_flock, libc::SYS_futex, libc::SYS_futex_waitv];
    wait_until(|| {
        let call = fs::read_to_string(format!("/proc/{pid}/syscall")).unwrap_or_default();
        let number = call
            .split(' ')
            .next()
            .and_then(|number| number.parse().ok());
        number.is_some_and(|number| waits.contains(&number))
    });
}

/// What a killed program's command has started, and keeps others out until its input is closed.
pub fn orphaned(tool: &Tool) -> Running {
    let what = ["sh", "-c", "echo $$; cat; true"];
    let mut holder = Running::start(tool.command(&[&[&*tool.lock()], &what[..]].concat()));
    assert!(holder.answers());
    holder.signal(Signal::SIGKILL);
    assert_eq!(holder.wait(), "by signal 9");
    holder
}

/// What comes of a command that waits while the lock is removed and another has the new one.
pub fn removed_while_one_waits(tool: &Tool, mut holder: Running) -> String {
    let line = ["-w", "5", &*tool.lock(), "true"];
    let mut waiter = tool.command(&line).spawn().unwrap();
    wait_until_asleep(waiter.id());
    fs::remove_file(tool.file()).unwrap();
    let _second = tool.hold(&[]);
    holder.close_input();
    match &*end_of(waiter.wait().unwrap()) {
        "0" => "runs beside the other".to_owned(),
        _ => "waits for the other".to_owned(),
    }
}
