//! Killing a process at every point of an operation's path, and counting what is left.
//!
//! A scene is a function of a [`Run`]: it sets the stage, has a victim do the operation, and says
//! what the others find when the victim is dead. The same function records the path and is then
//! played once for every point, with everything made anew.

use std::collections::{BTreeSet, HashMap};
use std::env;
use std::fmt;

use super::victim::{Path, Reached, Victim};

/// A longer path is sampled, unless every point is asked for: one kill takes about a millisecond.
const ALL_UP_TO: usize = 1_500;
/// As above, where each kill has another before it, at one of several points.
const PAIRS_UP_TO: usize = 400;
/// A sampled path is cut in so many parts, besides those points where something that outlives the
/// process changes.
const PARTS: usize = 250;
/// How often a victim may take another path than the recorded one, because another process was
/// faster, before it is single-stepped to the point: at the pace of the recording.
const TRIES: usize = 2;
/// How many paths are recorded at most, where more than a tenth of one is not met again.
const RECORDINGS: usize = 3;
/// Single steps take 20 µs each, so farther points count as missed instead.
const STEP_UP_TO: usize = 10_000;

/// What the others find after one kill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The state before the operation.
    Before,
    /// The state after it.
    After,
    /// Anything else.
    Torn(String),
    /// Somebody waits for ever.
    Hung(String),
}

/// What was found at all points.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many instructions the operation takes.
    pub length: usize,
    /// How many processes were killed, each at another point.
    pub points: usize,
    pub before: usize,
    pub after: usize,
    pub torn: usize,
    pub hung: usize,
    /// Points of the recorded path that no victim could be brought to.
    pub missed: usize,
    /// Where it was torn or hung, and how.
    pub failures: Vec<(usize, String)>,
}

/// One run of a scene.
pub struct Run<'r> {
    path: &'r mut Path,
    /// Where the victim dies; none while the path is recorded.
    at: Option<(usize, Pace)>,
    reached: Reached,
}

/// How a victim is brought to a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pace {
    /// From breakpoint to breakpoint.
    Jump,
    /// By exactly as many instructions as there are before it.
    Step,
}

/// The victim of a run.
pub struct Performance<'s, 'r> {
    run: &'s mut Run<'r>,
    victim: Victim,
    shared: Box<dyn Fn() -> u64 + 's>,
}

/// Whether long paths are killed at every point too.
pub fn every_point() -> bool {
    env::var_os("SHMCOUNT_CRASH_EVERY").is_some()
}

/// Plays the scene once for every point of the victim's path.
pub fn kill_everywhere(mut scene: impl FnMut(&mut Run) -> Fate) -> Tally {
    warm_up(&mut scene);
    kill_at(ALL_UP_TO, scene)
}

/// As [`kill_everywhere`], along the shortest of several paths: for a victim that may come to sleep while it
/// is recorded, and sleeps for nobody's wake-up when it is played again.
pub fn kill_along_the_shortest(mut scene: impl FnMut(&mut Run) -> Fate) -> Tally {
    warm_up(&mut scene);
    let recorded = (0..2 * RECORDINGS).map(|_| Recorded::of(&mut scene));
    let shortest = recorded.min_by_key(|recorded| recorded.path.points.len());
    kill_along(shortest.expect("some were recorded"), ALL_UP_TO, scene)
}

/// As [`kill_everywhere`], after each of several first deaths, whose points are given.
pub fn kill_after_each(
    firsts: Vec<usize>,
    mut scene: impl FnMut(usize, &mut Run) -> Fate,
) -> Tally {
    let mut tally = Tally::default();
    for first in thinned(firsts) {
        tally.add(kill_at(PAIRS_UP_TO, |run| scene(first, run)));
    }
    tally
}

/// Kills along the path that is recorded first, or along another when that was an unusual one: where a
/// wait ran into its second look, say, most points are never reached again.
fn kill_at(all_up_to: usize, mut scene: impl FnMut(&mut Run) -> Fate) -> Tally {
    let mut tally = kill_along_a_path(all_up_to, &mut scene);
    for _ in 1..RECORDINGS {
        if tally.torn > 0 || tally.hung > 0 || !tally.misses_many() {
            break;
        }
        tally = kill_along_a_path(all_up_to, &mut scene);
    }
    tally
}

fn kill_along_a_path(all_up_to: usize, mut scene: impl FnMut(&mut Run) -> Fate) -> Tally {
    let recorded = Recorded::of(&mut scene);
    kill_along(recorded, all_up_to, scene)
}

fn kill_along(
    recorded: Recorded,
    all_up_to: usize,
    mut scene: impl FnMut(&mut Run) -> Fate,
) -> Tally {
    let mut tally = Tally::default();
    let Recorded {
        mut path,
        reached,
        fate,
    } = recorded;
    tally.count(path.points.len(), reached, fate);
    tally.length = path.points.len();
    for at in points(&path, all_up_to) {
        let paces = [Pace::Jump; TRIES].into_iter().chain([Pace::Step]);
        let runs = paces.map(|pace| play(&mut scene, &mut path, Some((at, pace))));
        let mut runs = runs.skip_while(|(reached, _)| *reached == Reached::End);
        match runs.next() {
            Some((reached, fate)) => tally.count(at, reached, fate),
            None => tally.missed += 1,
        }
    }
    tally
}

/// A path, and what came of the run that it was recorded in.
struct Recorded {
    path: Path,
    reached: Reached,
    fate: Fate,
}

impl Recorded {
    fn of(scene: &mut impl FnMut(&mut Run) -> Fate) -> Self {
        let mut path = Path::default();
        let (reached, fate) = play(scene, &mut path, None);
        Self {
            path,
            reached,
            fate,
        }
    }
}

/// Records the path of a scene's victim.
pub fn record(mut scene: impl FnMut(&mut Run) -> Fate) -> Path {
    warm_up(&mut scene);
    let mut path = Path::default();
    play(&mut scene, &mut path, None);
    path
}

/// Has this process do, in the verdict of a first run, what a process does once in its life (lazy
/// binding, an unwinder's caches), so that all victims inherit it.
fn warm_up(scene: &mut impl FnMut(&mut Run) -> Fate) {
    play(scene, &mut Path::default(), None);
}

fn play(
    scene: &mut impl FnMut(&mut Run) -> Fate,
    path: &mut Path,
    at: Option<(usize, Pace)>,
) -> (Reached, Fate) {
    let reached = Reached::Point;
    let mut run = Run { path, at, reached };
    let fate = scene(&mut run);
    (run.reached, fate)
}

fn points(path: &Path, all_up_to: usize) -> Vec<usize> {
    let length = path.points.len();
    if length <= all_up_to || every_point() {
        return (0..length).collect();
    }
    let parts = PARTS * all_up_to / ALL_UP_TO;
    let changes = path.changes.iter().flat_map(|at| [at - 1, *at]);
    // Of each part the point that is passed least often: a breakpoint in a loop may be met another
    // number of times by a process with other numbers.
    let mut passes = HashMap::new();
    for point in &path.points {
        *passes.entry(point).or_insert(0) += 1;
    }
    let part = length.div_ceil(parts);
    let sample = (0..length).step_by(part).filter_map(|start| {
        let part = start..(start + part).min(length);
        part.min_by_key(|at| passes[&path.points[*at]])
    });
    let chosen: BTreeSet<usize> = changes.chain(sample).filter(|at| *at < length).collect();
    chosen.into_iter().collect()
}

/// Chooses at most a dozen of the points of a first death, unless every point is asked for.
fn thinned(firsts: Vec<usize>) -> Vec<usize> {
    const MOST: usize = 12;
    match every_point() {
        true => firsts,
        false => {
            let step = firsts.len().div_ceil(MOST).max(1);
            firsts.into_iter().step_by(step).collect()
        }
    }
}

impl<'r> Run<'r> {
    /// Tells whether the victim is single-stepped to record its path: slowly.
    pub fn is_recording(&self) -> bool {
        self.at.is_none()
    }

    /// Starts the victim, stopped in front of `operation`. `shared` digests what it shares.
    pub fn start<'s>(
        &'s mut self,
        operation: impl FnOnce(),
        shared: impl Fn() -> u64 + 's,
    ) -> Performance<'s, 'r> {
        Performance {
            run: self,
            victim: Victim::start(operation),
            shared: Box::new(shared),
        }
    }
}

impl Performance<'_, '_> {
    /// Lets the victim run until it is time for others to come in; tells whether it lives that
    /// long.
    pub fn lives_until(&mut self, is_time: impl Fn() -> bool, wake: impl FnMut()) -> bool {
        let Some((at, _)) = self.run.at else {
            let reached = self
                .victim
                .record(self.run.path, is_time, wake, &self.shared);
            assert_eq!(reached, Reached::Point, "the time never came");
            self.run.path.opening = Some(self.run.path.points.len() - 1);
            return true;
        };
        let opening = self.run.path.opening.expect("recorded");
        if at < opening {
            return false;
        }
        self.advance(opening, wake);
        true
    }

    /// Lets the victim run to the point where it is to die.
    pub fn go_on(&mut self, wake: impl FnMut()) {
        if self.run.reached != Reached::Point {
            return;
        }
        match self.run.at {
            Some((at, _)) => self.advance(at, wake),
            None => {
                let path = &mut *self.run.path;
                self.run.reached = self.victim.record(path, || false, wake, &self.shared);
            }
        }
    }

    fn advance(&mut self, to: usize, wake: impl FnMut()) {
        self.run.reached = match self.run.at {
            Some((_, Pace::Step)) if to <= STEP_UP_TO => self.victim.step_to(to, wake),
            _ => self.victim.advance(self.run.path, to, wake),
        }
    }

    /// Lets the victim run to the end of its operation instead of dying.
    pub fn finish(&mut self, wake: impl FnMut()) -> Reached {
        match (self.run.reached, self.run.at) {
            (Reached::Point, Some((at, _))) => self.victim.finish(self.run.path.points[at], wake),
            (reached, _) => reached,
        }
    }

    pub fn pid(&self) -> i32 {
        self.victim.pid().as_raw()
    }

    /// Kills the victim.
    pub fn kill(self) {
        self.victim.kill();
    }
}

impl Fate {
    /// Compares a state with those before and after the operation.
    pub fn of<V: PartialEq + fmt::Debug>(found: &V, before: &V, after: &V) -> Self {
        if found == before {
            Self::Before
        } else if found == after {
            Self::After
        } else {
            Self::Torn(format!("found {found:?}"))
        }
    }

    /// Tells whether the promise was kept.
    pub fn is_sound(&self) -> bool {
        matches!(self, Self::Before | Self::After)
    }
}

impl Tally {
    /// Adds what another run of the same scene found.
    pub fn add(&mut self, other: Self) {
        self.length = self.length.max(other.length);
        self.points += other.points;
        self.before += other.before;
        self.after += other.after;
        self.torn += other.torn;
        self.hung += other.hung;
        self.missed += other.missed;
        self.failures.extend(other.failures);
    }

    /// Tells whether more points were missed than can be passed over.
    fn misses_many(&self) -> bool {
        self.missed * 10 > self.points
    }

    /// Tells whether the promise was kept everywhere, and nearly every point was met: paths that
    /// depend on the text of `/proc` differ a little from process to process.
    pub fn is_sound(&self) -> bool {
        self.torn == 0 && self.hung == 0 && !self.misses_many()
    }

    /// Says at which points something went wrong, and how it first did.
    pub fn failures(&self) -> String {
        let mut ranges: Vec<(usize, usize)> = Vec::new();
        for (at, _) in &self.failures {
            match ranges.last_mut() {
                Some((_, last)) if *last + 1 == *at => *last = *at,
                _ => ranges.push((*at, *at)),
            }
        }
        let ranges: Vec<String> = ranges
            .iter()
            .map(|(first, last)| match first == last {
                true => first.to_string(),
                false => format!("{first}-{last}"),
            })
            .collect();
        let first = self.failures.first().map_or("", |(_, what)| what);
        format!("at {} of {}: {first}", ranges.join(","), self.length)
    }

    fn count(&mut self, at: usize, reached: Reached, fate: Fate) {
        let fate = match reached {
            Reached::Stuck => Fate::Hung("the victim itself, woken, slept on".to_owned()),
            Reached::Point | Reached::End => fate,
        };
        self.points += 1;
        match fate {
            Fate::Before => self.before += 1,
            Fate::After => self.after += 1,
            Fate::Torn(what) => {
                self.torn += 1;
                self.failures.push((at, what));
            }
            Fate::Hung(what) => {
                self.hung += 1;
                self.failures.push((at, what));
            }
        }
    }
}
