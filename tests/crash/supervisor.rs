//! Runs each test in a process of its own, under a watchdog, and prints the table.

use std::fs;
use std::io::Read;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Failed, Trial};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

use super::catalogue;
use super::run::every_point;
use super::scenario::{ROW, SAY};
use super::storm;
use super::subject::name_prefix;

/// The argument by which this program plays one test in this process.
pub const PLAY: &str = "--play";

/// Plays one test in this process, which has one thread.
pub fn play(name: &str) -> ExitCode {
    let test = catalogue::tests()
        .into_iter()
        .find(|test| test.name == name)
        .expect("the name of a test");
    have_own_shared_memory();
    match (test.play)() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

/// Gives this process a `/dev/shm` of its own, which ends with it, where that is allowed. What is
/// there does not depend on other tests then, and a test that is killed leaves nothing.
fn have_own_shared_memory() {
    let nowhere = None::<&str>;
    let own = unshare(CloneFlags::CLONE_NEWNS)
        .and_then(|()| {
            mount(
                nowhere,
                "/",
                nowhere,
                MsFlags::MS_REC | MsFlags::MS_PRIVATE,
                nowhere,
            )
        })
        .and_then(|()| {
            mount(
                Some("tmpfs"),
                "/dev/shm",
                Some("tmpfs"),
                MsFlags::empty(),
                nowhere,
            )
        });
    if let Err(errno) = own {
        eprintln!("in the /dev/shm of all: {errno}");
    }
}

/// Runs the tests that the command line asks for, as libtest does.
pub fn run_tests() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // The victims wait for their tracers most of the time, and the others for both.
    arguments.test_threads.get_or_insert(4);
    let lines = Arc::new(Mutex::new(Vec::new()));
    let trials = catalogue::tests().into_iter().map(|test| {
        let (lines, name) = (lines.clone(), test.name.clone());
        Trial::test(test.name, move || {
            let printed = play_apart(&name)?;
            let mut lines = lines.lock().expect("nobody panics with it");
            lines.extend(printed.lines().map(str::to_owned));
            Ok(())
        })
        .with_ignored_flag(test.is_ignored)
    });
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    let lines = lines.lock().expect("nobody panics with it");
    let said = |kind| lines.iter().filter_map(move |line| line.strip_prefix(kind));
    if said(ROW).next().is_some() {
        print_table(said(ROW));
    }
    said(SAY).for_each(|line| println!("{line}"));
    conclusion.exit_code()
}

/// Starts this program again to play one test; returns what it printed.
fn play_apart(name: &str) -> Result<String, Failed> {
    let program = std::env::current_exe()?;
    let mut child = Command::new(program)
        .args([PLAY, name])
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let pid = child.id();
    let ended = within(&mut child, longest());
    let mut printed = String::new();
    if ended.is_none() {
        child.kill()?;
    }
    let status = child.wait()?;
    remove_left(pid);
    let mut said = String::new();
    read(child.stdout.take(), &mut printed)?;
    read(child.stderr.take(), &mut said)?;
    match status.success() {
        true => Ok(printed),
        false if ended.is_none() => Err(format!("not done after {:?}: {said}", longest()).into()),
        false => Err(said.into()),
    }
}

fn read(pipe: Option<impl Read>, text: &mut String) -> std::io::Result<usize> {
    pipe.map_or(Ok(0), |mut pipe| pipe.read_to_string(text))
}

fn longest() -> Duration {
    // A kill of a storm takes a millisecond, ten on a loaded machine.
    let storm = Duration::from_millis(10) * storm::kills() as u32;
    storm + Duration::from_secs(if every_point() { 3_600 } else { 120 })
}

/// Waits for a child's end, or for the time to be over. It prints less than a pipe holds.
fn within(child: &mut Child, longest: Duration) -> Option<std::process::ExitStatus> {
    let end = Instant::now() + longest;
    while Instant::now() < end {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        // Only how soon an end is seen hangs on this.
        thread::sleep(Duration::from_millis(5));
    }
    None
}

/// Removes the segments of a test that did not come to do it.
fn remove_left(pid: u32) {
    let names = fs::read_dir("/dev/shm").into_iter().flatten().flatten();
    for entry in names {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with(&format!("shmcount.{}", name_prefix(pid))) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn print_table<'a>(rows: impl Iterator<Item = &'a str>) {
    let heads = [
        "operation",
        "situation",
        "release",
        "path",
        "points",
        "before",
        "after",
        "torn",
        "hung",
        "missed",
        "ms",
    ];
    let mut table: Vec<Vec<&str>> = rows.map(|row| row.split('\t').collect()).collect();
    table.sort();
    table.insert(0, heads.to_vec());
    let width = |column: usize| {
        let widths = table.iter().filter_map(|row| row.get(column));
        widths.map(|cell| cell.len()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..heads.len()).map(width).collect();
    for row in &table {
        for (column, cell) in row.iter().enumerate() {
            match widths.get(column) {
                Some(width) if column < 3 => print!("{cell:<width$}  "),
                Some(width) => print!("{cell:>width$}  "),
                None => print!("{cell}"),
            }
        }
        println!();
    }
    let total = |column: usize| -> usize {
        let cells = table
            .iter()
            .skip(1)
            .filter_map(|row| row[column].parse::<usize>().ok());
        cells.sum()
    };
    println!("{} kill points in all", total(4));
}
