//! What others do while a process stands still at some instruction, and then goes on.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::SeqCst};

use super::run::{Fate, Run};
use super::shared::Shared;
use super::situations::Cast;
use super::subject::Subject;

/// How often the witness is raised: enough that two who are inside at once cannot both find it
/// as they left it.
const RAISED: u64 = 10;

impl<S: Subject> Cast<S> {
    /// Two commits go past a reader that stands still. What it reads was committed.
    pub fn overtaken_while_reading(&self, run: &mut Run) -> Fate {
        const BEFORE: u32 = 1;
        const AFTER: u32 = 2;
        let subject = (self.make)();
        let states = self.states();
        let read = Shared::new(AtomicU32::new(0));
        let operation = || {
            let value = subject.load();
            let place = states.iter().position(|state| *state == value);
            let verdict = [BEFORE, AFTER, AFTER].get(place.unwrap_or(3)).copied();
            read.store(verdict.unwrap_or(u32::MAX), SeqCst);
        };
        let mut reader = run.start(operation, || subject.digest());
        reader.go_on(|| ());
        subject.operate();
        subject.operate();
        reader.finish(|| ());
        reader.kill();
        match read.load(SeqCst) {
            BEFORE => Fate::Before,
            AFTER => Fate::After,
            _ => Fate::Torn("a reader read what nobody had committed".to_owned()),
        }
    }

    /// Another takes the lock, if it can, while one that took it stands still. They are never both
    /// inside.
    pub fn excluding(&self, run: &mut Run) -> Fate {
        let subject = (self.make)();
        let witness = Shared::new(AtomicU64::new(0));
        let collisions = Shared::new(AtomicU32::new(0));
        let operation = || {
            let held = subject.hold();
            if !raise_and_lower(&witness) {
                collisions.fetch_add(1, SeqCst);
            }
            drop(held);
        };
        let mut victim = run.start(operation, || subject.digest());
        victim.go_on(|| ());
        let other = subject.try_hold();
        let is_inside = other.is_some();
        if is_inside && !raise_and_lower(&witness) {
            collisions.fetch_add(1, SeqCst);
        }
        drop(other);
        victim.finish(|| ());
        victim.kill();
        match (collisions.load(SeqCst), is_inside) {
            (0, true) => Fate::After,
            (0, false) => Fate::Before,
            _ => Fate::Torn("two were inside at once".to_owned()),
        }
    }

    /// The first state, and those that one and two operations make of it.
    fn states(&self) -> [S::State; 3] {
        let second = (self.next)(self.initial);
        [self.initial, second, (self.next)(second)]
    }
}

/// Raises the witness step by step and brings it back to zero; tells whether nobody else did.
pub fn raise_and_lower(witness: &AtomicU64) -> bool {
    let found = witness.load(SeqCst);
    for _ in 0..RAISED {
        // A load and a store, so that two at once lose something.
        witness.store(witness.load(SeqCst) + 1, SeqCst);
    }
    let raised = witness.load(SeqCst);
    witness.store(0, SeqCst);
    found == 0 && raised == RAISED
}
