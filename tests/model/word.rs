//! The lock word: an owner and the two bits the kernel knows.
//!
//! Process `p` is written as `p + 1`, so that 0 is nobody. As in the library, a word taken by the
//! built protocol always carries `WAITERS`, so that the kernel wakes a sleeper when its owner dies.

pub const UNLOCKED: u8 = 0;
pub const WAITERS: u8 = 0x80;
pub const OWNER_DIED: u8 = 0x40;
const OWNER: u8 = 0x0f;

pub fn owned_by(process: usize) -> u8 {
    process as u8 + 1
}

pub fn owner(word: u8) -> Option<usize> {
    (word & OWNER).checked_sub(1).map(usize::from)
}

pub fn has(word: u8, bit: u8) -> bool {
    word & bit != 0
}

/// The word with its owner, if any, given another number.
pub fn renamed(word: u8, new_number: &[usize]) -> u8 {
    owner(word).map_or(word, |process| {
        word & !OWNER | owned_by(new_number[process])
    })
}

/// The word as people read it: `P2|W`, `0|D`.
pub fn readable(word: u8) -> String {
    let mut text = owner(word).map_or("0".to_owned(), |process| format!("P{}", process + 1));
    for (bit, name) in [(WAITERS, "|W"), (OWNER_DIED, "|D")] {
        if has(word, bit) {
            text.push_str(name);
        }
    }
    text
}
