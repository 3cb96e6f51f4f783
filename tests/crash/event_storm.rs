//! Some wait for an event that one sets and another clears, and one of them all is killed at any moment: once
//! the event is seen to be set, nobody sleeps on, though nobody else comes.

use std::hint::spin_loop;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;
use shmcount::{Event, Release};

use super::process::{Child, patience};
use super::shared::Shared;
use super::subject::Stage;

const WAITERS: usize = 4;
/// A waiter is killed so long at most after the round began, on its way to sleep, asleep, or awake.
const WAKING_NS: u64 = 20_000;
/// Between saying that it is about to change the event and changing it lies so much, for a kill takes as long
/// to arrive; the change itself takes a tenth.
const ABOUT_NS: u64 = 3_000;

/// What they all see. In odd rounds the event is to be set, in even ones to be cleared.
struct Board {
    round: AtomicU64,
    /// The last round in which somebody was about to change the event.
    about: AtomicU64,
    /// The last round in which whoever changes the event has returned from that.
    changed: AtomicU64,
    /// The last round in which each waiter saw the event set.
    woken: [AtomicU64; WAITERS],
}

struct Storm {
    event: Event,
    board: Shared<Board>,
    waiters: Vec<Child>,
    random: Rng,
    longest: Duration,
}

/// Kills so many.
pub fn storm(release: Release, kills: usize, seed: u64) -> Result<String, String> {
    let stage = Stage::new(release);
    let event = stage.segment.event("main").expect("there is room");
    let board = Shared::new(Board {
        round: AtomicU64::new(0),
        about: AtomicU64::new(0),
        changed: AtomicU64::new(0),
        woken: Default::default(),
    });
    let mut storm = Storm {
        event,
        board,
        waiters: Vec::new(),
        random: Rng::with_seed(seed),
        longest: Duration::ZERO,
    };
    storm.waiters = (0..WAITERS).map(|waiter| storm.waiter(waiter)).collect();
    // Who clears it, and who sets it.
    let mut changers = [0, 1].map(|parity| Some(storm.changer(parity)));
    let (mut of_changers, mut inside) = (0, 0);
    for kill in 1..=kills {
        let round = storm.board.round.fetch_add(1, SeqCst) + 1;
        let which = (round % 2) as usize;
        let failed = |what| format!("{what} after {kill} kills, seed {seed}");
        // Half of them the one who changes the event: killed before, in between or behind.
        let victim = storm.random.usize(..2 * WAITERS);
        if victim < WAITERS {
            spin(storm.random.u64(..WAKING_NS));
            let fresh = storm.waiter(victim);
            std::mem::replace(&mut storm.waiters[victim], fresh).kill();
        } else {
            of_changers += 1;
            if !storm.wait_for(|board| board.about.load(SeqCst) == round) {
                return Err(failed("nobody came to change the event"));
            }
            spin(storm.random.u64(..2 * ABOUT_NS));
            changers[which].take().expect("it was started").kill();
            let is_changed = storm.event.is_set() == (round % 2 == 1);
            inside += usize::from(is_changed && storm.board.changed.load(SeqCst) != round);
            // Whoever comes next would wake all who sleep. Nobody comes before all have woken by themselves.
            storm.check(round).map_err(failed)?;
            changers[which] = Some(storm.changer(round % 2));
        }
        if !storm.wait_for(|board| board.changed.load(SeqCst) == round) {
            return Err(failed("the event was not changed"));
        }
        storm.check(round).map_err(failed)?;
        // Half of the time all sleep before it is set again; else they are on their way.
        if round.is_multiple_of(2) && storm.random.bool() {
            storm.waiters.iter().for_each(Child::wait_until_asleep);
        }
    }
    Ok(format!(
        "{kills} kills, {of_changers} of one who set or cleared it, {inside} of them after it had and before it \
         returned; longest until all were awake {:.1} ms; \
         seed {seed}",
        storm.longest.as_secs_f64() * 1e3,
    ))
}

impl Storm {
    /// Sets the event in odd rounds or clears it in even ones.
    fn changer(&self, parity: u64) -> Child {
        Child::start(|| {
            loop {
                let round = self.board.round.load(SeqCst);
                // By the board, not by its own memory: the one before it may have been killed after it had changed
                // the event, and to do it again would reach into the next round.
                let is_done = self.board.changed.load(SeqCst) >= round;
                if is_done || round % 2 != parity {
                    thread::yield_now();
                    continue;
                }
                self.board.about.fetch_max(round, SeqCst);
                spin(ABOUT_NS);
                let changed = match parity {
                    1 => self.event.set(),
                    _ => self.event.clear(),
                };
                changed.expect("not held");
                self.board.changed.fetch_max(round, SeqCst);
            }
        })
    }

    fn waiter(&self, number: usize) -> Child {
        Child::start(|| {
            loop {
                self.event.wait().expect("not held");
                let round = self.board.round.load(SeqCst);
                self.board.woken[number].store(round, SeqCst);
                // Not yet cleared, it is waited for again.
                while !round.is_multiple_of(2) && self.board.round.load(SeqCst) == round {
                    thread::yield_now();
                }
            }
        })
    }

    /// If the event is set in this round, all waiters must come to see it.
    fn check(&mut self, round: u64) -> Result<(), &'static str> {
        if round.is_multiple_of(2) || !self.event.is_set() {
            return Ok(());
        }
        let start = Instant::now();
        let is_awake = |woken: &AtomicU64| woken.load(SeqCst) == round;
        if !self.wait_for(|board| board.woken.iter().all(is_awake)) {
            return Err("a waiter slept on beside a set event");
        }
        self.longest = self.longest.max(start.elapsed());
        Ok(())
    }

    fn wait_for(&self, is_so: impl Fn(&Board) -> bool) -> bool {
        let end = Instant::now() + 5 * patience();
        while !is_so(&self.board) {
            if Instant::now() > end {
                return false;
            }
            thread::yield_now();
        }
        true
    }
}

fn spin(nanoseconds: u64) {
    let until = Instant::now() + Duration::from_nanos(nanoseconds);
    while Instant::now() < until {
        spin_loop();
    }
}
