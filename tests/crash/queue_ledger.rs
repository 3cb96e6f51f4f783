//! What producers and consumers of a storm write down beside the queue, and what it adds up to.
//!
//! A producer writes down the serial it is about to push, and that it was pushed; so of each killed
//! producer one item may be in doubt. A consumer marks each item it popped; so a killed consumer may
//! have taken one that is not marked. How many were taken in all, the queue's own word says.

use std::fmt;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Duration;

use bytemuck::{Pod, Zeroable};

/// How many producers there are, and how many consumers.
pub const PAIRS: usize = 4;
/// More than each producer pushes.
pub const SERIALS: u64 = 1 << 22;

/// A numbered item, in two words that belong together.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct Item {
    number: u64,
    complement: u64,
}

impl Item {
    pub fn new(producer: usize, serial: u64) -> Self {
        let number = (producer as u64) << 32 | serial;
        Self {
            number,
            complement: !number,
        }
    }

    /// Returns producer and serial, if the item is whole.
    fn parts(self) -> Option<(usize, u64)> {
        let (producer, serial) = ((self.number >> 32) as usize, self.number & 0xffff_ffff);
        let is_whole = self.complement == !self.number && producer < PAIRS && serial < SERIALS;
        is_whole.then_some((producer, serial))
    }
}

pub struct Ledger {
    pub stop: AtomicBool,
    /// How many items were marked.
    pub popped: AtomicU64,
    pub producers: [Producer; PAIRS],
    pub consumers: [Consumer; PAIRS],
    /// A bit for each item of each producer.
    marks: [[AtomicU64; SERIALS as usize / 64]; PAIRS],
    violations: [AtomicU64; Violation::NAMES.len()],
}

#[derive(Default)]
#[repr(align(64))]
pub struct Producer {
    pub begun: AtomicU64,
    pub returned: AtomicU64,
}

#[derive(Default)]
#[repr(align(64))]
pub struct Consumer {
    /// Whether it may have popped something that it has not marked.
    pub pops: AtomicBool,
    /// The last serial of each producer.
    last: [AtomicU64; PAIRS],
}

#[derive(Clone, Copy, Debug)]
pub enum Violation {
    Half,
    Twice,
    Order,
    Refused,
}

impl Violation {
    const NAMES: [&'static str; 4] = [
        "half an item was popped",
        "an item was popped twice",
        "a producer's items came in another order",
        "a push or pop failed",
    ];
}

/// What came of a storm.
#[derive(Clone, Debug, Default)]
pub struct Report {
    pub seed: u64,
    pub kills: usize,
    pub killed_producers: usize,
    /// Consumers killed when they may have taken an item.
    pub killed_in_pop: usize,
    /// The items that killed producers may have pushed.
    pub doubtful: Vec<(usize, u64)>,
    /// How many of these were.
    pub doubtful_pushed: u64,
    pub pushed: u64,
    pub popped: u64,
    /// Items that killed consumers took with them.
    pub lost: u64,
    pub took: Duration,
    pub longest_pause: Duration,
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            stop: AtomicBool::default(),
            popped: AtomicU64::default(),
            producers: Default::default(),
            consumers: Default::default(),
            marks: [const { [const { AtomicU64::new(0) }; SERIALS as usize / 64] }; PAIRS],
            violations: Default::default(),
        }
    }
}

impl Producer {
    /// Returns the serial that a dead producer may have pushed, and has the next one go on behind it.
    pub fn doubtful(&self) -> Option<u64> {
        let begun = self.begun.load(SeqCst);
        (self.returned.swap(begun, SeqCst) != begun).then_some(begun)
    }
}

impl Ledger {
    /// Marks an item that a consumer has popped.
    pub fn note(&self, consumer: usize, item: Item) {
        let Some((producer, serial)) = item.parts() else {
            return self.violate(Violation::Half);
        };
        // In one slot one consumer follows the other, so their items do too.
        if self.consumers[consumer].last[producer].swap(serial, SeqCst) >= serial {
            self.violate(Violation::Order);
        }
        let bit = 1 << (serial % 64);
        let mark = &self.marks[producer][serial as usize / 64];
        if mark.fetch_or(bit, SeqCst) & bit != 0 {
            self.violate(Violation::Twice);
        }
        self.popped.fetch_add(1, SeqCst);
    }

    #[cold]
    pub fn violate(&self, violation: Violation) {
        self.violations[violation as usize].fetch_add(1, SeqCst);
    }

    pub fn check(&self) -> Result<(), String> {
        let counts = self.violations.each_ref().map(|count| count.load(SeqCst));
        match counts.iter().position(|count| *count != 0) {
            None => Ok(()),
            Some(which) => Err(Violation::NAMES[which].to_owned()),
        }
    }

    /// Accounts for every item of an empty queue, of whose items `head` modulo `capacity` were taken.
    pub fn account(&self, report: &mut Report, head: u64, capacity: u64) -> Result<(), String> {
        let is_marked = |&(producer, serial): &(usize, u64)| {
            let word = self.marks[producer][serial as usize / 64].load(SeqCst);
            word & 1 << (serial % 64) != 0
        };
        // From the marks, not from the number: who is killed between the two has popped it.
        let words = self.marks.iter().flatten();
        let marked: u64 = words
            .map(|word| u64::from(word.load(SeqCst).count_ones()))
            .sum();
        let last = |producer: &Producer| producer.begun.load(SeqCst);
        let doubtful = report.doubtful.len() as u64;
        let known = self.producers.iter().map(last).sum::<u64>() - doubtful;
        let doubtful_marked = report
            .doubtful
            .iter()
            .filter(|item| is_marked(item))
            .count() as u64;
        let known_lost = known - (marked - doubtful_marked);
        // Between none and all of the doubtful ones that nobody has marked were pushed, and lost.
        let taken_beyond = (head + capacity - (marked + known_lost) % capacity) % capacity;
        report.lost = known_lost + taken_beyond;
        report.doubtful_pushed = doubtful_marked + taken_beyond;
        report.pushed = known + report.doubtful_pushed;
        report.popped = marked;
        if doubtful >= capacity {
            return Err(format!(
                "{doubtful} doubtful items cannot be told by {capacity}"
            ));
        }
        if taken_beyond > doubtful - doubtful_marked || report.lost > report.killed_in_pop as u64 {
            return Err(format!("more was taken than the dead can have: {report}"));
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} kills, {} of them of producers, {} of consumers that may have had an item in hand; {} items \
             pushed, {} of them by the {} killed in a push; {} popped, {} taken by the killed, none twice, \
             none out of order; {:.1} s, longest without an item {:.1} ms; seed {}",
            self.kills,
            self.killed_producers,
            self.killed_in_pop,
            self.pushed,
            self.doubtful_pushed,
            self.doubtful.len(),
            self.popped,
            self.lost,
            self.took.as_secs_f64(),
            self.longest_pause.as_secs_f64() * 1e3,
            self.seed,
        )
    }
}
