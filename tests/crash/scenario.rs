//! One row of the table: an operation, a situation, and what came of it.

use std::fmt::{Debug, Display};
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use shmcount::raw::watching::SECOND_LOOK_MS;
use shmcount::{Release, Shareable, Value};

use super::process::{belongings, expect_to_hang};
use super::run::{Fate, Run, Tally, kill_everywhere};
use super::situations::Cast;
use super::subject::{Staged, Subject};

/// What runs in a process of its own.
pub struct Test {
    pub name: String,
    /// Runs only when it is asked for.
    pub is_ignored: bool,
    /// Prints what there is to say; the error is why it failed.
    pub play: Box<dyn Fn() -> Result<(), String>>,
}

/// What must come of a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Nothing torn, nobody hung.
    Sound,
    /// It is broken on purpose, and must be caught.
    Caught,
    /// It is somebody else's: what comes of it is only reported.
    Measured,
}

/// An operation in a situation, with the release of its segment.
pub struct Scenario {
    pub operation: &'static str,
    pub situation: &'static str,
    pub release: &'static str,
    pub expected: Expected,
    play: Box<dyn Fn() -> Tally>,
}

impl Scenario {
    pub fn new(
        operation: &'static str,
        situation: &'static str,
        release: &'static str,
        play: impl Fn() -> Tally + 'static,
    ) -> Self {
        Self {
            operation,
            situation,
            release,
            expected: Expected::Sound,
            play: Box::new(play),
        }
    }

    pub fn expect(mut self, expected: Expected) -> Self {
        self.expected = expected;
        self
    }

    /// Returns the name of the test: its claim.
    fn name(&self) -> String {
        let claim = match self.expected {
            Expected::Sound => "killed_or_stopped_anywhere_nothing_is_torn_and_nobody_hangs",
            Expected::Caught => "the_broken_twin_is_caught",
            Expected::Measured => "measured",
        };
        let words = [claim, self.operation, self.situation, self.release];
        words.map(|word| word.replace(' ', "_")).join("::")
    }

    /// Returns the test that plays it.
    pub fn into_test(self) -> Test {
        Test {
            name: self.name(),
            is_ignored: self.expected == Expected::Measured,
            play: Box::new(move || self.play()),
        }
    }

    /// Plays it, prints its row, and tells whether what was expected came of it.
    fn play(&self) -> Result<(), String> {
        if self.expected != Expected::Sound {
            expect_to_hang();
        }
        let before = belongings();
        let start = Instant::now();
        let tally = (self.play)();
        println!("{}", self.row(&tally, start.elapsed().as_millis()));
        if belongings() != before {
            return Err(format!("leaked: {before:?} became {:?}", belongings()));
        }
        match self.expected {
            Expected::Sound if !tally.is_sound() => Err(format!(
                "{} torn, {} hung, {} missed: {}",
                tally.torn,
                tally.hung,
                tally.missed,
                tally.failures()
            )),
            Expected::Caught if tally.torn + tally.hung == 0 => Err("not caught".to_owned()),
            _ => Ok(()),
        }
    }

    fn row(&self, tally: &Tally, milliseconds: u128) -> String {
        let failures = match tally.failures.is_empty() {
            true => String::new(),
            false => tally.failures(),
        };
        let columns: [&dyn Display; 12] = [
            &self.operation,
            &self.situation,
            &self.release,
            &tally.length,
            &tally.points,
            &tally.before,
            &tally.after,
            &tally.torn,
            &tally.hung,
            &tally.missed,
            &milliseconds,
            &failures,
        ];
        let columns = columns.map(ToString::to_string);
        format!("{ROW}{}", columns.join("\t"))
    }
}

/// What a row on standard output begins with.
pub const ROW: &str = "row\t";
/// What any other result begins with.
pub const SAY: &str = "say\t";

/// Returns the scenarios of an operation on a subject with a lock.
pub fn lock_scenarios<S: Subject + 'static>(
    operation: &'static str,
    release: &'static str,
    cast: fn() -> Cast<S>,
) -> Vec<Scenario> {
    type Scene<S> = fn(&Cast<S>, &mut Run) -> Fate;
    let scenes: [(&'static str, Scene<S>); 8] = [
        ("alone", Cast::uncontended),
        ("one sleeps", Cast::with_a_sleeper),
        (
            "one sleeps, a third takes it",
            Cast::with_a_sleeper_and_a_third,
        ),
        ("woken by a release", Cast::woken_by_a_release),
        ("woken by a death", Cast::woken_by_a_death),
        ("timing out", Cast::timing_out),
        (
            "two commits pass a stopped reader",
            Cast::overtaken_while_reading,
        ),
        ("another tries while one is stopped", Cast::excluding),
    ];
    let scenes = scenes.into_iter().map(|(situation, scene)| {
        Scenario::new(operation, situation, release, move || {
            let cast = cast();
            kill_everywhere(|run| scene(&cast, run))
        })
    });
    let recovering = Scenario::new(operation, "recovering from a kill", release, move || {
        cast().recovering()
    });
    scenes.chain([recovering]).collect()
}

/// Returns those that differ by operation: the lock is that of the subject's other operations.
pub fn few_lock_scenarios<S: Subject + 'static>(
    operation: &'static str,
    release: &'static str,
    cast: fn() -> Cast<S>,
) -> Vec<Scenario> {
    const FEW: [&str; 3] = [
        "alone",
        "two commits pass a stopped reader",
        "recovering from a kill",
    ];
    let mut scenarios = lock_scenarios(operation, release, cast);
    scenarios.retain(|scenario| FEW.contains(&scenario.situation));
    scenarios
}

/// Returns the scenarios of an operation on a value that others watch.
pub fn watch_scenarios<T: Shareable + PartialEq + Debug>(
    operation: &'static str,
    release: &'static str,
    cast: fn() -> Cast<Staged<T>>,
) -> Vec<Scenario> {
    type Scene<T> = fn(&Cast<Staged<T>>, &mut Run) -> Fate;
    let scenes: [(&'static str, Scene<T>); 3] = [
        ("two watch", Cast::committer_of_two_watchers),
        (
            "one watches, one sleeps",
            Cast::committer_of_a_watcher_and_a_sleeper,
        ),
        ("watcher woken by a commit", Cast::watcher_woken_by_a_commit),
    ];
    let scenes = scenes.into_iter().map(|(situation, scene)| {
        Scenario::new(operation, situation, release, move || {
            let cast = cast();
            kill_everywhere(|run| scene(&cast, run))
        })
    });
    let passing_on = Scenario::new(operation, "watcher woken by a death", release, move || {
        cast().watcher_woken_by_a_death()
    });
    scenes.chain([passing_on]).collect()
}

/// An operation on an object without a state that everybody may read, a situation, and what is found.
pub type Scene = (&'static str, &'static str, fn(Release, &mut Run) -> Fate);

/// Returns scenes of an object, with both releases.
pub fn with_both_releases(scenes: &[Scene]) -> Vec<Scenario> {
    let releases = [(Release::Exchange, "exchange"), (Release::Plain, "plain")];
    let with = |(release, name): (Release, &'static str)| {
        scenes.iter().map(move |&(operation, situation, scene)| {
            Scenario::new(operation, situation, name, move || {
                // What is not told must not be found by looking again.
                SECOND_LOOK_MS.store(3_600_000, Relaxed);
                kill_everywhere(|run| scene(release, run))
            })
        })
    };
    releases.into_iter().flat_map(with).collect()
}

/// Returns the scenario of a process that works alone, on what has no lock of its own.
pub fn alone(
    operation: &'static str,
    release: &'static str,
    scene: impl Fn(&mut Run) -> Fate + 'static,
) -> Scenario {
    Scenario::new(operation, "alone", release, move || kill_everywhere(&scene))
}

/// Makes a cast of a value.
pub fn value_cast<T: Shareable + PartialEq + Debug>(
    release: Release,
    initial: T,
    operation: fn(&Value<T>),
    next: fn(T) -> T,
) -> Cast<Staged<T>> {
    Cast {
        make: Box::new(move || Staged::new(release, initial, operation)),
        initial,
        next,
    }
}
