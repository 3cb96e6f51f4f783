//! The states seen so far, 128 bits each.
//!
//! A process is in one of a few thousand local states, and so is what they share; each of these is
//! kept once and numbered, and a state is five numbers. Nothing is lost: two states with the same
//! numbers are equal, unlike two with the same hash.

use std::hash::Hash;

use rustc_hash::{FxHashMap, FxHasher};

use crate::state::MOST;

/// 4 processes of 24 bits, and 32 bits for what they share.
const PROCESS_BITS: usize = 24;

/// A state, made of its processes and of what they share.
pub trait Parted: Copy {
    type Process: Copy + Eq + Hash;
    type Shared: Copy + Eq + Hash;

    fn shared(&self) -> Self::Shared;

    fn processes(&self) -> &[Self::Process; MOST];

    fn whole(shared: Self::Shared, processes: [Self::Process; MOST]) -> Self;
}

struct Numbers<T> {
    number: FxHashMap<T, u32>,
    known: Vec<T>,
}

impl<T: Copy + Eq + Hash> Numbers<T> {
    fn new() -> Self {
        Self {
            number: FxHashMap::default(),
            known: Vec::new(),
        }
    }

    fn of(&mut self, value: T) -> u32 {
        *self.number.entry(value).or_insert_with(|| {
            self.known.push(value);
            self.known.len() as u32 - 1
        })
    }
}

pub struct Visited<S: Parted> {
    shared: Numbers<S::Shared>,
    processes: Numbers<S::Process>,
    keys: Vec<u128>,
    /// Open addressing: an index into `keys` plus one, or 0.
    slots: Vec<u32>,
    /// The state last asked for. Those inserted next differ from it in one process or two, so most
    /// of their numbers are known without a look-up.
    last: Option<(S, u128)>,
}

impl<S: Parted> Visited<S> {
    pub fn new() -> Self {
        Self {
            shared: Numbers::new(),
            processes: Numbers::new(),
            keys: Vec::new(),
            slots: vec![0; 1 << 16],
            last: None,
        }
    }

    pub fn len(&self) -> usize {
        self.keys.len()
    }

    pub fn get(&mut self, index: usize) -> S {
        let key = self.keys[index];
        let shared = self.shared.known[shared_number(key) as usize];
        let processes = std::array::from_fn(|process| {
            self.processes.known[process_number(key, process) as usize]
        });
        let state = S::whole(shared, processes);
        self.last = Some((state, key));
        state
    }

    /// The index of a state, and whether it is new.
    pub fn insert(&mut self, state: &S) -> (usize, bool) {
        let key = self.key(state);
        if (self.keys.len() + 1) * 3 > self.slots.len() * 2 {
            self.grow();
        }
        let slot = self.slot(key);
        if self.slots[slot] != 0 {
            return (self.slots[slot] as usize - 1, false);
        }
        self.keys.push(key);
        self.slots[slot] = u32::try_from(self.keys.len()).expect("fewer than 2^32 states");
        (self.keys.len() - 1, true)
    }

    fn key(&mut self, state: &S) -> u128 {
        let number = self.number_of_shared(state);
        (0..MOST).rev().fold(u128::from(number), |key, process| {
            let number = self.number_of_process(state, process);
            assert!(number >> PROCESS_BITS == 0, "fewer than 2^24 local states");
            key << PROCESS_BITS | u128::from(number)
        })
    }

    fn number_of_shared(&mut self, state: &S) -> u32 {
        match &self.last {
            Some((last, key)) if last.shared() == state.shared() => shared_number(*key),
            _ => self.shared.of(state.shared()),
        }
    }

    fn number_of_process(&mut self, state: &S, process: usize) -> u32 {
        let wanted = state.processes()[process];
        match &self.last {
            Some((last, key)) if last.processes()[process] == wanted => {
                process_number(*key, process)
            }
            _ => self.processes.of(wanted),
        }
    }

    /// Where `key` is, or else the free slot where it belongs.
    fn slot(&self, key: u128) -> usize {
        let mask = self.slots.len() - 1;
        let mut slot = hash(key) & mask;
        while self.slots[slot] != 0 && self.keys[self.slots[slot] as usize - 1] != key {
            slot = (slot + 1) & mask;
        }
        slot
    }

    fn grow(&mut self) {
        self.slots = vec![0; self.slots.len() * 2];
        for index in 0..self.keys.len() {
            let slot = self.slot(self.keys[index]);
            self.slots[slot] = index as u32 + 1;
        }
    }
}

fn shared_number(key: u128) -> u32 {
    (key >> (MOST * PROCESS_BITS)) as u32
}

fn process_number(key: u128, process: usize) -> u32 {
    (key >> (process * PROCESS_BITS)) as u32 & ((1 << PROCESS_BITS) - 1)
}

fn hash(key: u128) -> usize {
    use std::hash::Hasher;
    let mut hasher = FxHasher::default();
    hasher.write_u128(key);
    hasher.finish() as usize
}
