//! Runs each test in a process of its own, under a watchdog, and prints the table.

use std::fs;
use std::io::Read;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Failed, Trial};

use super::catalogue;
use super::run::every_point;
use super::scenario::{Expected, ROW};
use super::subject::name_prefix;

/// The argument by which this program plays one test in this process.
pub const PLAY: &str = "--play";

/// Plays one test in this process, which has one thread.
pub fn play(name: &str) -> ExitCode {
    let scenario = catalogue::scenarios()
        .into_iter()
        .find(|scenario| scenario.name() == name)
        .expect("the name of a test");
    match scenario.play() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the tests that the command line asks for, as libtest does.
pub fn run_tests() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // The victims wait for their tracers most of the time, and the others for both.
    arguments.test_threads.get_or_insert(4);
    let rows = Arc::new(Mutex::new(Vec::new()));
    let trials = catalogue::scenarios().into_iter().map(|scenario| {
        let (rows, name) = (rows.clone(), scenario.name());
        let is_measured = scenario.expected == Expected::Measured;
        Trial::test(scenario.name(), move || {
            let played = play_apart(&name)?;
            let mut rows = rows.lock().expect("nobody panics with it");
            rows.extend(
                played
                    .lines()
                    .filter_map(|line| Some(line.strip_prefix(ROW)?.to_owned())),
            );
            Ok(())
        })
        .with_ignored_flag(is_measured)
    });
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    if !arguments.list {
        print_table(&rows.lock().expect("nobody panics with it"));
    }
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
    Duration::from_secs(if every_point() { 3_600 } else { 120 })
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

fn print_table(rows: &[String]) {
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
    let mut table: Vec<Vec<&str>> = rows.iter().map(|row| row.split('\t').collect()).collect();
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
