//! One process of a storm: it does everything at once until it is killed.

use std::cell::RefCell;
use std::hint::black_box;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;
use std::time::Duration;

use fastrand::Rng;
use shmcount::{Segment, SegmentOptions};

use super::board::{Board, Violation, WORKERS, now};
use super::objects::{Objects, SIDES, side_name};
use crate::interleaving::raise_and_lower;
use crate::process::belongings;

/// The last two watch the counter besides.
const WATCHERS: usize = 2;
/// How many objects are opened or created.
const OBJECTS: usize = 64;

/// One of the things a worker does.
type Operation<'a> = fn(&Worker<'a>);

/// A process of a storm, and the slot of the board it writes.
pub struct Worker<'a> {
    name: &'a str,
    slot: usize,
    board: &'a Board,
    random: RefCell<Rng>,
    segment: Segment,
    objects: Objects,
}

impl<'a> Worker<'a> {
    pub fn start(name: &'a str, slot: usize, board: &'a Board, random: Rng) -> Self {
        // Nobody looks for circles: the next look would make up for a wake-up that is lost.
        let options = SegmentOptions::new().look_for_deadlocks_after(None);
        let segment = options.open(name).expect("the storm's segment");
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

    pub fn work(self) {
        self.resume();
        let own = belongings();
        // How often, out of 25.
        let mix: [(Operation<'a>, usize); 9] = [
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
        let mut work: Vec<Operation<'a>> = Vec::new();
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
                self.require(account.is_balanced(), Violation::TotalWrong);
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
            self.objects.account.load().is_balanced(),
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
