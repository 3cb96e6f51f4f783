//! Producers and consumers at one queue, while random ones are killed at random moments and replaced;
//! then every item is accounted for.

use std::hint::spin_loop;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;
use shmcount::{PopError, PushError, Queue, Release, Segment, SegmentOptions};

use super::process::{Child, patience};
use super::queue_ledger::{Item, Ledger, PAIRS, Report, SERIALS, Violation};
use super::shared::Shared;
use super::subject::fresh_name;

/// The items in all must be told modulo this, so it is more than the producers killed in a push; and
/// few enough that the queue runs full and empty whenever a processor changes hands.
const CAPACITY: u64 = 1_021;
/// The most kills for which that holds, and for which the ledger has pages.
const MOST_KILLS: usize = 1_500;
/// How many items there are for each kill.
pub const ITEMS: u64 = 1_000;

/// Kills so many processes, or as many as this storm can account for, at a queue through which a
/// thousand items a kill go, and accounts for all of them.
pub fn storm(release: Release, kills: usize, seed: u64) -> Result<Report, String> {
    let options = SegmentOptions::new().release(release);
    let segment = options.create(&fresh_name()).expect("a fresh segment");
    let queue = segment.queue("storm-queue", CAPACITY);
    let mut storm = Storm {
        queue: queue.expect("there is room"),
        segment,
        ledger: Shared::new(Ledger::default()),
        workers: Vec::new(),
        random: Rng::with_seed(seed),
        report: Report {
            seed,
            ..Report::default()
        },
    };
    for number in 0..2 * PAIRS {
        let worker = storm.worker(number);
        storm.workers.push((number, worker));
    }
    storm.rage(kills.min(MOST_KILLS))
}

struct Storm {
    queue: Queue<Item>,
    segment: Segment,
    ledger: Shared<Ledger>,
    /// Their numbers: first the producers, then the consumers.
    workers: Vec<(usize, Child)>,
    random: Rng,
    report: Report,
}

impl Drop for Storm {
    fn drop(&mut self) {
        self.workers.clear();
        let _ = self.segment.remove();
    }
}

impl Storm {
    fn rage(mut self, kills: usize) -> Result<Report, String> {
        let start = Instant::now();
        for _ in 0..kills {
            let some = self.random.u64(..2 * ITEMS);
            self.wait_for(self.ledger.popped.load(SeqCst) + some)?;
            let which = self.random.usize(..self.workers.len());
            let (number, dead) = self.workers.swap_remove(which);
            dead.kill();
            self.note_death(number);
            let next = self.worker(number);
            self.workers.push((number, next));
            self.report.kills += 1;
            self.ledger.check()?;
        }
        self.wait_for(kills as u64 * ITEMS)?;
        self.ledger.stop.store(true, SeqCst);
        self.wait_for_end(|number| number < PAIRS)?;
        self.queue.close().expect("not held");
        self.wait_for_end(|_| true)?;
        self.ledger.check()?;
        self.report.took = start.elapsed();
        if !self.queue.is_empty() {
            return Err("a closed queue was left with items in it".to_owned());
        }
        let head = self.head();
        let mut report = std::mem::take(&mut self.report);
        self.ledger.account(&mut report, head, CAPACITY)?;
        Ok(report)
    }

    /// Waits until so many items were popped.
    fn wait_for(&mut self, items: u64) -> Result<(), String> {
        let mut last = (self.ledger.popped.load(SeqCst), Instant::now());
        while last.0 < items {
            // Not to wait for anything: only so that this process takes no processor away.
            thread::sleep(Duration::from_micros(20));
            let popped = self.ledger.popped.load(SeqCst);
            let pause = last.1.elapsed();
            if popped != last.0 {
                self.report.longest_pause = self.report.longest_pause.max(pause);
                last = (popped, Instant::now());
                continue;
            }
            // Who does not sleep is not stuck: a busy machine has not let it run.
            let all_sleep = || self.workers.iter().all(|(_, worker)| worker.is_asleep());
            if pause > patience() && (all_sleep() || pause > 10 * patience()) {
                let (kills, seed) = (self.report.kills, self.report.seed);
                return Err(format!(
                    "no item for {pause:?} after {kills} kills, seed {seed}"
                ));
            }
        }
        Ok(())
    }

    fn wait_for_end(&mut self, is_meant: impl Fn(usize) -> bool) -> Result<(), String> {
        let end = Instant::now() + 10 * patience();
        while self.workers.iter().any(|(number, _)| is_meant(*number)) {
            if Instant::now() > end {
                return Err(format!("a worker did not end, seed {}", self.report.seed));
            }
            self.workers
                .retain_mut(|(number, worker)| !is_meant(*number) || worker.poll().is_none());
            thread::yield_now();
        }
        Ok(())
    }

    fn note_death(&mut self, number: usize) {
        match number.checked_sub(PAIRS) {
            None => {
                let doubtful = self.ledger.producers[number].doubtful();
                self.report
                    .doubtful
                    .extend(doubtful.map(|serial| (number, serial)));
                self.report.killed_producers += 1;
            }
            Some(consumer) => {
                // If it had popped one, it had not written it down.
                let pops = self.ledger.consumers[consumer].pops.load(SeqCst);
                self.report.killed_in_pop += usize::from(pops);
            }
        }
    }

    fn worker(&mut self, number: usize) -> Child {
        let (ledger, queue) = (&*self.ledger, &self.queue);
        let random = Rng::with_seed(self.random.u64(..));
        Child::start(|| match number.checked_sub(PAIRS) {
            None => produce(queue, ledger, number, random),
            Some(consumer) => consume(queue, ledger, consumer, random),
        })
    }

    /// Reads from the queue's own word how many items were ever popped, modulo its capacity.
    fn head(&self) -> u64 {
        let name = b"storm-queue";
        let bytes = std::fs::read(self.segment.path()).expect("its own file");
        let at = bytes.windows(name.len()).position(|window| window == name);
        // The name stands 48 bytes behind the begin of an entry, the object 128, and in it the word 40.
        let word = at.expect("it is in the directory") - 48 + 128 + 40;
        let word = bytes[word..word + 8].try_into().expect("eight bytes");
        u64::from(u64::from_ne_bytes(word) as u32)
    }
}

/// Does something else for up to some microseconds, so that one kill falls on a thousand items.
fn work(random: &mut Rng) {
    (0..random.u32(..256)).for_each(|_| spin_loop());
}

fn produce(queue: &Queue<Item>, ledger: &Ledger, number: usize, mut random: Rng) {
    let own = &ledger.producers[number];
    let mut serial = own.begun.load(SeqCst) + 1;
    while serial < SERIALS && !ledger.stop.load(SeqCst) {
        work(&mut random);
        let item = Item::new(number, serial);
        own.begun.store(serial, SeqCst);
        let pushed = match random.u32(..4) {
            0 => queue.try_push(item),
            1 => queue.push_timeout(item, Duration::from_micros(200)),
            _ => queue.push(item),
        };
        match pushed {
            Ok(()) => {
                own.returned.store(serial, SeqCst);
                serial += 1;
            }
            Err(PushError::Full(_) | PushError::TimedOut { .. }) => {
                own.begun.store(serial - 1, SeqCst);
            }
            // A machine that is busy enough keeps somebody inside for longer than it waited.
            Err(PushError::Locked { .. }) => own.begun.store(serial - 1, SeqCst),
            Err(_) => ledger.violate(Violation::Refused),
        }
    }
}

fn consume(queue: &Queue<Item>, ledger: &Ledger, number: usize, mut random: Rng) {
    let own = &ledger.consumers[number];
    loop {
        work(&mut random);
        own.pops.store(true, SeqCst);
        let popped = match random.u32(..4) {
            0 => queue.try_pop(),
            1 => queue.pop_timeout(Duration::from_micros(200)),
            _ => queue.pop(),
        };
        match popped {
            Ok(item) => ledger.note(number, item),
            Err(PopError::Closed) => break,
            Err(PopError::Empty | PopError::TimedOut { .. } | PopError::Locked(_)) => {}
            Err(_) => ledger.violate(Violation::Refused),
        }
        own.pops.store(false, SeqCst);
    }
}
