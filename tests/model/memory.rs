//! Shared memory under x86-TSO.
//!
//! Each process has a FIFO buffer of stores. A load sees the newest store of its own buffer to that
//! address, else memory; an atomic read-modify-write empties the own buffer first; otherwise the
//! oldest store reaches memory whenever it likes (`State::drain_oldest`, a move of its own).
//! A killed process executes nothing more, but what it stored still arrives.

/// The words of the lock that any process reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Address {
    Word,
    /// Low half of `sleepers`.
    Count,
    /// High half of `sleepers`. Only ever written together with `Count`, by one atomic.
    Generation,
    Value,
    Sequence,
    Recoveries,
    Watched,
    /// The words of slots and their notes, for those who wait beside some.
    FirstSlot,
    SecondSlot,
    FirstNote,
    SecondNote,
}

const ADDRESSES: usize = 11;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Memory([u8; ADDRESSES]);

impl Memory {
    pub fn get(&self, address: Address) -> u8 {
        self.0[address as usize]
    }

    pub fn set(&mut self, address: Address, value: u8) {
        self.0[address as usize] = value;
    }
}

/// The most stores a process has under way: a note, value, sequence, word, and the word of a
/// slot. Every next round starts with a
/// compare-and-swap, which empties the buffer.
const DEPTH: usize = 5;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Store {
    pub address: Address,
    pub value: u8,
}

/// The stores a process has issued and others may not see yet, oldest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Buffer([Option<Store>; DEPTH]);

impl Buffer {
    pub fn push(&mut self, store: Store) {
        let free = self.0.iter_mut().find(|slot| slot.is_none());
        *free.expect("a process has at most five stores under way") = Some(store);
    }

    pub fn pop_oldest(&mut self) -> Option<Store> {
        let oldest = self.0[0].take();
        self.0.rotate_left(1);
        oldest
    }

    /// What the process itself would load from `address`, if it has stored there.
    pub fn newest(&self, address: Address) -> Option<u8> {
        self.iter()
            .filter(|store| store.address == address)
            .last()
            .map(|store| store.value)
    }

    pub fn iter(&self) -> impl Iterator<Item = Store> + '_ {
        self.0.iter().flatten().copied()
    }

    pub fn is_empty(&self) -> bool {
        self.0[0].is_none()
    }
}
