//! Processes that do everything at once on one segment, while random ones are killed at random
//! moments and replaced.
//!
//! Every worker writes down, on a page beside the segment, what it began and what returned to it.
//! From that, what is in the segment is known exactly, but for the one operation of each kill.

mod board;
mod objects;
mod worker;

use std::env;
use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;
use shmcount::sys::{process, shm};
use shmcount::{Release, Segment, SegmentOptions};

use super::process::{Child, belongings, patience};
use super::shared::Shared;
use super::subject::fresh_name;
use board::{Board, Slot, Violation, WORKERS, now};
use objects::{Objects, SIDES, side_name};
use worker::Worker;

/// Between two looks at the workers lie 1.5 ms and a fork, or some 50 ms on a loaded machine; after
/// a quarter of a second, in nanoseconds, something stood still.
const STALL: u64 = 250_000_000;

/// What came of a storm.
#[derive(Clone, Debug, Default)]
pub struct Report {
    pub kills: usize,
    pub seed: u64,
    pub operations: u64,
    /// Kills that hit the holder of a lock.
    pub recoveries: u32,
    /// The longest time in which no worker finished anything.
    pub longest_pause: Duration,
    /// The longest that one worker needed for one operation.
    pub longest_wait: Duration,
    /// The longest time in which the storm itself did not run, which is nobody's wait.
    pub longest_stall: Duration,
    pub took: Duration,
}

/// Returns how many kills are asked for.
pub fn kills() -> usize {
    kills_or(2_000)
}

/// As [`kills`], for a storm that has fewer when nobody asks.
pub fn kills_or(few: usize) -> usize {
    number("SHMCOUNT_STORM_KILLS").map_or(few, |kills| kills as usize)
}

/// Returns the seed that is asked for, or any.
pub fn seed() -> u64 {
    number("SHMCOUNT_STORM_SEED").unwrap_or_else(|| fastrand::u64(..1 << 32))
}

fn number(name: &str) -> Option<u64> {
    let text = env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is not a number: {text}")),
    )
}

/// Kills so many processes and looks at everything that is left.
pub fn storm(release: Release, kills: usize, seed: u64) -> Result<Report, String> {
    let before = belongings();
    let name = fresh_name();
    let report = Storm::new(&name, release, seed).rage(kills)?;
    drop(
        SegmentOptions::new()
            .create(&name)
            .map(|sweeper| sweeper.remove()),
    );
    let left = left_of(&name);
    if !left.is_empty() {
        return Err(format!("left in /dev/shm: {left:?}"));
    }
    if belongings() != before {
        return Err(format!("leaked: {before:?} became {:?}", belongings()));
    }
    Ok(report)
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} kills, {} of them of a lock's holder, {} operations in {:.1} s; longest without \
             progress {:.1} ms, longest wait of one worker {:.1} ms, longest stall of the storm \
             itself {:.1} ms; seed {}",
            self.kills,
            self.recoveries,
            self.operations,
            self.took.as_secs_f64(),
            self.longest_pause.as_secs_f64() * 1e3,
            self.longest_wait.as_secs_f64() * 1e3,
            self.longest_stall.as_secs_f64() * 1e3,
            self.seed,
        )
    }
}

struct Storm<'a> {
    name: &'a str,
    segment: Segment,
    objects: Objects,
    board: Shared<Board>,
    workers: Vec<(usize, Child)>,
    random: Rng,
    report: Report,
    start: Instant,
    /// When the workers were last looked at.
    checked: u64,
    /// What lies before this is not counted as anybody's wait.
    excused: u64,
}

impl Drop for Storm<'_> {
    fn drop(&mut self) {
        self.workers.clear();
        let _ = self.segment.remove();
        for side in 0..SIDES {
            let _ = Segment::remove_named(&side_name(self.name, side));
        }
    }
}

impl<'a> Storm<'a> {
    fn new(name: &'a str, release: Release, seed: u64) -> Self {
        let options = SegmentOptions::new().release(release);
        let segment = options.create(name).expect("a fresh segment");
        let mut storm = Self {
            name,
            objects: Objects::of(&segment).expect("there is room"),
            segment,
            board: Shared::new(Board::default()),
            workers: Vec::new(),
            random: Rng::with_seed(seed),
            report: Report::default(),
            start: Instant::now(),
            checked: now(),
            excused: 0,
        };
        storm.report.seed = seed;
        storm.workers = (0..WORKERS)
            .map(|slot| (slot, storm.worker(slot)))
            .collect();
        storm
    }

    fn rage(mut self, kills: usize) -> Result<Report, String> {
        for _ in 0..kills {
            // Not to wait for anything: any moment is as good as another.
            thread::sleep(Duration::from_micros(self.random.u64(..1_500)));
            // The last one takes the place of the dead one, and the new one comes last.
            let slot = self.random.usize(..WORKERS);
            let (number, dead) = self.workers.swap_remove(slot);
            dead.kill();
            let next = self.worker(number);
            self.workers.push((number, next));
            self.report.kills += 1;
            self.check_progress()?;
            self.check_violations()?;
        }
        self.end()
    }

    fn worker(&mut self, slot: usize) -> Child {
        let (name, board) = (self.name, &self.board);
        let random = Rng::with_seed(self.random.u64(..));
        let child = Child::start(|| Worker::start(name, slot, board, random).work());
        // After the fork: the time of a worker that is not there yet does not count. It may have
        // finished something already.
        board.slots[slot].beat.fetch_max(now(), SeqCst);
        child
    }

    fn check_progress(&mut self) -> Result<(), String> {
        let now = now();
        let own_pause = now - std::mem::replace(&mut self.checked, now);
        if own_pause > STALL {
            // The machine stood still, or this process did; so may have who holds a lock. From here
            // on everybody has a second again.
            self.excused = now;
        }
        let own_pause = Duration::from_nanos(own_pause);
        self.report.longest_stall = self.report.longest_stall.max(own_pause);
        let mut pause = Duration::MAX;
        for (slot, worker) in &self.workers {
            let beat = self.board.slots[*slot].beat.load(SeqCst);
            let wait = Duration::from_nanos(now.saturating_sub(beat.max(self.excused)));
            pause = pause.min(wait);
            self.report.longest_wait = self.report.longest_wait.max(wait);
            // One that does not get a processor is not stuck.
            if wait > patience() && worker.is_asleep() {
                return Err(format!(
                    "worker {slot} slept for {wait:?} {}",
                    self.moment()
                ));
            }
        }
        self.report.longest_pause = self.report.longest_pause.max(pause);
        match pause > patience() {
            true => Err(format!("no progress for {pause:?} {}", self.moment())),
            false => Ok(()),
        }
    }

    /// Says when in the storm something happened.
    fn moment(&self) -> String {
        format!(
            "after {} kills, seed {}",
            self.report.kills, self.report.seed
        )
    }

    fn check_violations(&self) -> Result<(), String> {
        let counts = self
            .board
            .violations
            .each_ref()
            .map(|count| count.load(SeqCst));
        match counts.iter().position(|count| *count != 0) {
            None => Ok(()),
            Some(which) => Err(format!("{} {}", Violation::NAMES[which], self.moment())),
        }
    }

    /// Lets everybody finish, and counts.
    fn end(mut self) -> Result<Report, String> {
        self.board.stop.store(true, SeqCst);
        let last_adds = self.wait_for_workers()?;
        self.check_violations()?;
        self.check_sums(last_adds)?;
        self.check_locks()?;
        let operations = self
            .board
            .slots
            .iter()
            .map(|slot| slot.operations.load(SeqCst));
        self.report.operations = operations.sum();
        self.report.recoveries = self.objects.recoveries();
        self.report.took = self.start.elapsed();
        Ok(std::mem::take(&mut self.report))
    }

    /// Waits until all workers have ended, and changes the counter meanwhile for those who watch
    /// it; returns how often.
    fn wait_for_workers(&mut self) -> Result<u64, String> {
        let end = Instant::now() + 10 * patience();
        let mut adds = 0;
        while !self.workers.is_empty() {
            if Instant::now() > end {
                return Err(format!("a worker did not end, seed {}", self.report.seed));
            }
            adds += u64::from(self.objects.counter.fetch_add(1).is_ok());
            self.workers
                .retain_mut(|(_, worker)| worker.poll().is_none());
            thread::yield_now();
        }
        Ok(adds)
    }

    fn check_sums(&self, last_adds: u64) -> Result<(), String> {
        let sum = |of: fn(&Slot) -> &AtomicU64| -> u64 {
            self.board
                .slots
                .iter()
                .map(|slot| of(slot).load(SeqCst))
                .sum()
        };
        let counter = self.objects.counter.load() as u64;
        let returned = sum(|slot| &slot.adds_returned) + last_adds;
        let begun = sum(|slot| &slot.adds_begun) + last_adds;
        if !(returned..=begun).contains(&counter) || begun - returned > self.report.kills as u64 {
            return Err(format!("counted {counter} of {returned} to {begun} adds"));
        }
        let account = self.objects.account.load();
        let tallies = self
            .board
            .slots
            .each_ref()
            .map(|slot| slot.returned.load(SeqCst));
        if account.total != account.tally.iter().sum::<u64>() || account.tally != tallies {
            return Err(format!("{account:?}, and committed were {tallies:?}"));
        }
        let (pair, large) = (self.objects.pair.load(), self.objects.large.load());
        match pair[0] == pair[1] && large.iter().all(|word| *word == large[0]) {
            true => Ok(()),
            false => Err(format!("{pair:?} or {large:?}")),
        }
    }

    fn check_locks(&self) -> Result<(), String> {
        let objects = &self.objects;
        let are_free = objects.counter.lock_timeout(patience()).is_ok()
            && objects.account.lock_timeout(patience()).is_ok()
            && objects.pair.lock_timeout(patience()).is_ok()
            && objects.large.lock_timeout(patience()).is_ok()
            && objects.gate.lock_timeout(patience()).is_ok();
        match are_free {
            true => Ok(()),
            false => Err("a lock is not free at the end".to_owned()),
        }
    }
}

/// The segments of a storm that are still there, and unfinished ones of dead processes.
fn left_of(name: &str) -> Vec<String> {
    let names = shm::names().expect("/dev/shm is there");
    let mine = format!("shmcount.{name}");
    let is_orphan = |found: &str| {
        let builder = found.strip_prefix("shmcount~")?.split('.').nth(1)?;
        Some(process::start_time(builder.parse().ok()?).is_err())
    };
    names
        .filter(|found| found.starts_with(&mine) || is_orphan(found) == Some(true))
        .collect()
}
