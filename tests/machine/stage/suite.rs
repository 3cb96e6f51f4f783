//! Runs a suite's tests, or one of its acts.

use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use libtest_mimic::{Arguments, Trial};
use nix::sys::signal::Signal;
use shmcount::sys::process;

use super::process::{ACT, Parent};
use super::scratch::Scratch;
use super::watchdog::Watchdog;

/// A test's name, which is its claim, and the test.
pub type Test = (&'static str, fn() -> Outcome);
/// What the program does when it is started again, and under which name.
pub type Act = (&'static str, fn(Parent));

/// How a test went that did not panic.
pub enum Outcome {
    Passed,
    Skipped(Skipped),
}

/// Why a test could not be run here.
#[derive(Clone, Debug)]
pub struct Skipped(pub String);

impl From<()> for Outcome {
    fn from((): ()) -> Self {
        Self::Passed
    }
}

impl From<Result<(), Skipped>> for Outcome {
    fn from(result: Result<(), Skipped>) -> Self {
        result.map_or_else(Self::Skipped, |()| Self::Passed)
    }
}

static SKIPPED: AtomicUsize = AtomicUsize::new(0);

/// Runs what the command line asks for.
pub fn run(tests: &[Test], acts: &[Act]) -> ExitCode {
    // Under nohup, or in the background of a script, they are ignored, and would be by what is started.
    process::restore(&[Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT]);
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() == Some(ACT) {
        let name = arguments.next().expect("an act has a name");
        let act = acts.iter().find(|(known, _)| *known == name);
        let (_, act) = act.unwrap_or_else(|| panic!("no act is called {name}"));
        act(Parent::of_act(arguments));
        return ExitCode::SUCCESS;
    }
    let trials = tests
        .iter()
        .map(|&(name, test)| {
            Trial::test(name, move || {
                perform(name, test);
                Ok(())
            })
        })
        .collect();
    let conclusion = libtest_mimic::run(&Arguments::from_args(), trials);
    println!("{} skipped", SKIPPED.load(Relaxed));
    let left = Scratch::left_by_this_process();
    if !left.is_empty() {
        println!("left in /dev/shm: {left:?}");
        return ExitCode::FAILURE;
    }
    conclusion.exit_code()
}

fn perform(name: &'static str, test: fn() -> Outcome) {
    let _watchdog = Watchdog::start(name);
    if let Outcome::Skipped(Skipped(reason)) = test() {
        SKIPPED.fetch_add(1, Relaxed);
        println!("{name}: skipped: {reason}");
    }
}
