//! Processes that do everything at once on one segment, while random ones are killed at random
//! moments and replaced.
//!
//! Every worker writes down, on a page beside the segment, what it began and what returned to it.
//! From that, what is in the segment is known exactly, but for the one operation of each kill.

use std::cell::RefCell;
use std::env;
use std::fmt;
use std::hint::black_box;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::thread;
use std::time::{Duration, Instant};

use bytemuck::{Pod, Zeroable};
use fastrand::Rng;
use nix::time::{ClockId, clock_gettime};
use shmcount::sys::{process, shm};
use shmcount::{Lock, Release, Segment, SegmentOptions, Value};

use super::interleaving::raise_and_lower;
use super::process::{Child, belongings, patience};
use super::shared::Shared;
use super::subject::fresh_name;

/// Four times the processors of a small machine, so that holders lose theirs and waiters sleep.
const WORKERS: usize = 8;
/// The last two watch the counter besides.
const WATCHERS: usize = 2;
/// How many objects and side segments are opened or created.
const OBJECTS: usize = 64;
const SIDES: usize = 4;

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
    pub took: Duration,
}

/// Total and tallies, always committed together.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
struct Account {
    total: u64,
    last: u64,
    tally: [u64; WORKERS],
}

/// What workers write down outside the segment.
#[derive(Default)]
struct Board {
    stop: AtomicBool,
    witness: AtomicU64,
    slots: [Slot; WORKERS],
    violations: [AtomicU64; Violation::NAMES.len()],
}

#[derive(Default)]
#[repr(align(64))]
struct Slot {
    /// When the worker last finished something, in nanoseconds of the monotonic clock.
    beat: AtomicU64,
    operations: AtomicU64,
    begun: AtomicU64,
    returned: AtomicU64,
    adds_begun: AtomicU64,
    adds_returned: AtomicU64,
}

#[derive(Clone, Copy, Debug)]
enum Violation {
    TwoInside,
    PairUnequal,
    LargeTorn,
    TotalWrong,
    TallyWrong,
    Refused,
    Leaked,
}

impl Violation {
    const NAMES: [&'static str; 7] = [
        "two were inside the lock",
        "a pair was unequal",
        "a large value was torn",
        "the total was not the sum of the tallies",
        "a tally was not what its worker had committed",
        "an operation failed",
        "a worker leaked descriptors or mappings",
    ];
}

/// Returns how many kills are asked for.
pub fn kills() -> usize {
    number("SHMCOUNT_STORM_KILLS").unwrap_or(2_000) as usize
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
             progress {:.1} ms, longest wait of one worker {:.1} ms; seed {}",
            self.kills,
            self.recoveries,
            self.operations,
            self.took.as_secs_f64(),
            self.longest_pause.as_secs_f64() * 1e3,
            self.longest_wait.as_secs_f64() * 1e3,
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
}

/// The handles of one process.
struct Objects {
    counter: Value<i64>,
    account: Value<Account>,
    pair: Value<[u64; 2]>,
    large: Value<[u64; 64]>,
    gate: Lock,
}

impl Objects {
    fn of(segment: &Segment) -> Result<Self, shmcount::Error> {
        Ok(Self {
            counter: segment.value("counter", 0)?,
            account: segment.value("account", Account::zeroed())?,
            pair: segment.value("pair", [0; 2])?,
            large: segment.value("large", [0; 64])?,
            gate: segment.lock("gate")?,
        })
    }

    fn recoveries(&self) -> u32 {
        self.counter.recoveries()
            + self.account.recoveries()
            + self.pair.recoveries()
            + self.large.recoveries()
            + self.gate.recoveries()
    }
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
        };
        storm.report.seed = seed;
        storm.workers = (0..WORKERS)
            .map(|slot| (slot, storm.worker(slot)))
            .collect();
        storm
    }

    fn rage(mut self, kills: usize) -> Result<Report, String> {
        let mut checked = now();
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
            self.check_progress(&mut checked)?;
            self.check_violations()?;
        }
        self.end()
    }

    fn worker(&mut self, slot: usize) -> Child {
        let (name, board) = (self.name, &self.board);
        let random = Rng::with_seed(self.random.u64(..));
        board.slots[slot].beat.store(now(), SeqCst);
        Child::start(|| Worker::start(name, slot, board, random).work())
    }

    fn check_progress(&mut self, checked: &mut u64) -> Result<(), String> {
        let now = now();
        // What a worker waits while this process does not run either, the machine is to blame for.
        let own_pause = Duration::from_nanos(now - std::mem::replace(checked, now));
        let mut shortest = Duration::MAX;
        for (slot, worker) in &self.workers {
            let beat = self.board.slots[*slot].beat.load(SeqCst);
            let wait = Duration::from_nanos(now.saturating_sub(beat)).saturating_sub(own_pause);
            shortest = shortest.min(wait);
            self.report.longest_wait = self.report.longest_wait.max(wait);
            // One that does not get a processor is not stuck.
            if wait > patience() && worker.is_asleep() {
                return Err(format!(
                    "worker {slot} slept for {wait:?} after {} kills, seed {}",
                    self.report.kills, self.report.seed
                ));
            }
        }
        self.report.longest_pause = self.report.longest_pause.max(shortest);
        match shortest > patience() {
            true => Err(format!(
                "no progress for {shortest:?}, seed {}",
                self.report.seed
            )),
            false => Ok(()),
        }
    }

    fn check_violations(&self) -> Result<(), String> {
        let counts = self
            .board
            .violations
            .each_ref()
            .map(|count| count.load(SeqCst));
        match counts.iter().position(|count| *count != 0) {
            None => Ok(()),
            Some(which) => Err(format!(
                "{} after {} kills, seed {}",
                Violation::NAMES[which],
                self.report.kills,
                self.report.seed
            )),
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

struct Worker<'a> {
    name: &'a str,
    slot: usize,
    board: &'a Board,
    random: RefCell<Rng>,
    segment: Segment,
    objects: Objects,
}

impl<'a> Worker<'a> {
    fn start(name: &'a str, slot: usize, board: &'a Board, random: Rng) -> Self {
        let segment = Segment::open(name).expect("the storm's segment");
        let objects = Objects::of(&segment).expect("they are there");
        Self {
            name,
            slot,
            board,
            random: RefCell::new(random),
            segment,
            objects,
        }
    }

    fn work(self) {
        self.resume();
        let own = belongings();
        type Operation = fn(&Worker);
        // How often, out of 25.
        let mix: [(Operation, usize); 9] = [
            (Self::add, 4),
            (Self::count, 4),
            (Self::transfer, 4),
            (Self::change_all, 3),
            (Self::enter, 4),
            (Self::enter_in_time, 2),
            (Self::read, 2),
            (Self::open_object, 1),
            (Self::open_side, 1),
        ];
        let mut work: Vec<Operation> = Vec::new();
        for (operation, times) in mix {
            work.extend([operation].repeat(times));
        }
        if self.slot >= WORKERS - WATCHERS {
            work.push(Self::watch);
        }
        while !self.board.stop.load(SeqCst) {
            let which = self.random.borrow_mut().usize(..work.len());
            work[which](&self);
            let slot = &self.board.slots[self.slot];
            slot.operations.fetch_add(1, SeqCst);
            slot.beat.store(now(), SeqCst);
            if self.random.borrow_mut().u32(..1_000) == 0 {
                self.require(belongings() == own, Violation::Leaked);
            }
        }
    }

    /// Takes up where the last worker of the slot ended: what returned to it is in the tally, and
    /// what it had begun may be.
    fn resume(&self) {
        let slot = &self.board.slots[self.slot];
        let tally = self.objects.account.load().tally[self.slot];
        let (returned, begun) = (slot.returned.load(SeqCst), slot.begun.load(SeqCst));
        self.require((returned..=begun).contains(&tally), Violation::TallyWrong);
        self.require(begun - returned <= 1, Violation::TallyWrong);
        slot.begun.store(tally, SeqCst);
        slot.returned.store(tally, SeqCst);
    }

    fn add(&self) {
        let slot = &self.board.slots[self.slot];
        slot.adds_begun.fetch_add(1, SeqCst);
        self.require(
            self.objects.counter.fetch_add(1).is_ok(),
            Violation::Refused,
        );
        slot.adds_returned.fetch_add(1, SeqCst);
    }

    fn count(&self) {
        let slot = &self.board.slots[self.slot];
        slot.begun.fetch_add(1, SeqCst);
        match self.objects.account.lock() {
            Ok(mut account) => {
                self.require(is_balanced(&account), Violation::TotalWrong);
                account.total += 1;
                self.linger();
                black_box(&mut *account).last = self.slot as u64;
                account.tally[self.slot] += 1;
            }
            Err(_) => self.violate(Violation::Refused),
        }
        slot.returned.fetch_add(1, SeqCst);
    }

    fn transfer(&self) {
        match self.objects.pair.lock() {
            Ok(mut pair) => {
                self.require(pair[0] == pair[1], Violation::PairUnequal);
                pair[0] += 1;
                self.linger();
                black_box(&mut *pair)[1] += 1;
            }
            Err(_) => self.violate(Violation::Refused),
        }
    }

    fn change_all(&self) {
        let changed = self.objects.large.update(|all| {
            let is_whole = all.iter().all(|word| *word == all[0]);
            all.iter_mut().for_each(|word| *word += 1);
            is_whole
        });
        match changed {
            Ok(is_whole) => self.require(is_whole, Violation::LargeTorn),
            Err(_) => self.violate(Violation::Refused),
        }
    }

    fn enter(&self) {
        match self.objects.gate.lock() {
            Ok(guard) => self.raise(guard.owner_died()),
            Err(_) => self.violate(Violation::Refused),
        }
    }

    fn enter_in_time(&self) {
        let timeout = Duration::from_micros(self.random.borrow_mut().u64(..200));
        if let Ok(guard) = self.objects.gate.lock_timeout(timeout) {
            self.raise(guard.owner_died());
        }
    }

    /// Gives the processor away now and then, in the middle of a change: others come to sleep for
    /// the lock, and its holder is there to be killed.
    fn linger(&self) {
        if self.random.borrow_mut().u32(..16) == 0 {
            thread::yield_now();
        }
    }

    fn raise(&self, owner_died: bool) {
        if owner_died {
            // As one who is told does: what the lock protects may be half done.
            self.board.witness.store(0, SeqCst);
        }
        self.linger();
        let is_alone = raise_and_lower(&self.board.witness);
        self.require(is_alone, Violation::TwoInside);
    }

    fn read(&self) {
        let pair = self.objects.pair.load();
        self.require(pair[0] == pair[1], Violation::PairUnequal);
        let large = self.objects.large.load();
        let is_whole = large.iter().all(|word| *word == large[0]);
        self.require(is_whole, Violation::LargeTorn);
        self.require(
            is_balanced(&self.objects.account.load()),
            Violation::TotalWrong,
        );
    }

    fn open_object(&self) {
        let name = format!("object-{}", self.random.borrow_mut().usize(..OBJECTS));
        let object = self.segment.value(&name, 7u64);
        self.require(
            object.is_ok_and(|object| object.load() == 7),
            Violation::Refused,
        );
    }

    fn open_side(&self) {
        let name = side_name(self.name, self.random.borrow_mut().usize(..SIDES));
        let options = SegmentOptions::new().capacity(1_024);
        let added = options.open_or_create(&name).is_ok_and(|side| {
            let added = side
                .value("main", 0u64)
                .is_ok_and(|main| main.fetch_add(1).is_ok());
            let removes = self.random.borrow_mut().u32(..4) == 0;
            added && (!removes || side.remove().is_ok())
        });
        self.require(added, Violation::Refused);
    }

    fn watch(&self) {
        let seen = self.objects.counter.load();
        // Without a timeout: a lost wake-up must show.
        let changed = self.objects.counter.wait_until(|now| *now != seen, None);
        self.require(changed.is_ok(), Violation::Refused);
    }

    fn require(&self, holds: bool, otherwise: Violation) {
        if !holds {
            self.violate(otherwise);
        }
    }

    #[cold]
    fn violate(&self, violation: Violation) {
        self.board.violations[violation as usize].fetch_add(1, SeqCst);
    }
}

fn is_balanced(account: &Account) -> bool {
    account.total == account.tally.iter().sum::<u64>()
}

fn side_name(name: &str, side: usize) -> String {
    format!("{name}-side-{side}")
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

fn now() -> u64 {
    // The same clock in all processes.
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).expect("Linux has a monotonic clock");
    Duration::from(now).as_nanos() as u64
}
