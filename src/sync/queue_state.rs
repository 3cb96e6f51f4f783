//! The state of a queue, in one word: the place of the first item, the number of items, and whether it
//! is closed.

/// A queue's state. Made from a word that may be damaged, it stays within the capacity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct State {
    /// The place of the first item, below the capacity.
    head: u32,
    /// How many items there are, up to the capacity.
    pub length: u32,
    /// Whether no more items are taken.
    pub is_closed: bool,
}

/// Where the length begins: above the place, which takes 31 bits.
const LENGTH: u32 = 32;
const CLOSED: u64 = 1 << 63;

impl State {
    /// Takes a word apart.
    #[inline]
    pub fn of(word: u64, capacity: u32) -> Self {
        let head = word as u32;
        let length = ((word & !CLOSED) >> LENGTH) as u32;
        Self {
            head: if head < capacity { head } else { 0 },
            length: length.min(capacity),
            is_closed: word & CLOSED != 0,
        }
    }

    #[inline]
    pub fn word(self) -> u64 {
        let mark = if self.is_closed { CLOSED } else { 0 };
        mark | u64::from(self.length) << LENGTH | u64::from(self.head)
    }

    /// Returns the state in which no more items are taken.
    pub fn closed(self) -> Self {
        let is_closed = true;
        Self { is_closed, ..self }
    }

    #[inline]
    pub fn is_full(self, capacity: u32) -> bool {
        self.length == capacity
    }

    /// Makes room for an item behind the last one; returns its place, if there is one.
    #[inline]
    pub fn push(&mut self, capacity: u32) -> Option<u32> {
        if self.is_full(capacity) {
            return None;
        }
        let place = wrapped(self.head + self.length, capacity);
        self.length += 1;
        Some(place)
    }

    /// Gives up the first item; returns its place, if there is one.
    #[inline]
    pub fn pop(&mut self, capacity: u32) -> Option<u32> {
        if self.length == 0 {
            return None;
        }
        let place = self.head;
        self.head = wrapped(place + 1, capacity);
        self.length -= 1;
        Some(place)
    }
}

/// Brings a place that is less than two rounds from the first one back into the first. Neither this
/// nor the sum before it overflows, for a capacity is below 2^31.
#[inline]
fn wrapped(place: u32, capacity: u32) -> u32 {
    if place < capacity {
        place
    } else {
        place - capacity
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: u32 = (1 << 31) - 1;

    #[test]
    fn a_state_survives_its_word() {
        for (head, length, is_closed) in [(0, 0, false), (6, 7, true), (MOST - 1, MOST, true)] {
            let state = State {
                head,
                length,
                is_closed,
            };
            assert_eq!(State::of(state.word(), MOST), state);
        }
    }

    #[test]
    fn places_go_round_and_stay_below_the_capacity() {
        let mut state = State::of(0, 3);
        assert_eq!(state.pop(3), None);
        for round in 0..10 {
            assert_eq!(state.push(3), Some(round % 3));
            assert_eq!(state.push(3), Some((round + 1) % 3));
            assert_eq!(state.push(3), Some((round + 2) % 3));
            assert_eq!(state.push(3), None);
            assert_eq!(state.pop(3), Some(round % 3));
            assert_eq!(state.pop(3), Some((round + 1) % 3));
            assert_eq!(state.pop(3), Some((round + 2) % 3));
            state.push(3);
            state.pop(3);
        }
    }

    #[test]
    fn no_damage_leads_out_of_the_queue() {
        for word in [u64::MAX, 1 << 62, 0xffff_ffff, 3 << LENGTH | 2] {
            for capacity in [1, 2, MOST] {
                let mut state = State::of(word, capacity);
                assert!(state.push(capacity).is_none_or(|place| place < capacity));
                while let Some(place) = state.pop(capacity) {
                    assert!(place < capacity);
                    if capacity == MOST {
                        break;
                    }
                }
            }
        }
    }
}
