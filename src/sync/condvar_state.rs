//! Who is called of those who wait for a condition variable.
//!
//! Each waiter draws a *ticket*, of a number that only grows. A call is to the tickets drawn before it:
//!
//! - *all* of those below `all_below`;
//! - *some* of those below `some_below`: as many as calls were made (`called`, a sum over all time) and
//!   not answered (`answered`, likewise).
//!
//! A waiter sleeps while it is not called, so while a call to some is open nobody sleeps whom it is to.
//! The first of them to get the value's lock takes the call up, and answers it when it has committed
//! what it did. Killed before, it has answered nothing, and the others find the call open: they are
//! awake, and get the lock next. Killed between commit and answer, it leaves one call too many, to the
//! others of its time: one of them returns for nothing. A ticket that nobody waits with any more
//! (killed, or out of time) counts for nothing, and calls that none is left to answer are dropped by
//! the next one.
//!
//! *No newcomer takes an earlier waiter's call.* While a call to some is open, nobody is added to those
//! it is to. If others have come to wait since, the next call is to some of them, and all the earlier
//! ones are called: one of them may return for nothing, where it would otherwise have to be known which
//! of them live.
//!
//! | word | written by |
//! |---|---|
//! | the state | who calls, by a commit, which wakes those who sleep |
//! | `next`, the next ticket | who draws one, by an atomic add |
//! | `answered` | who answers, under the condition variable's lock but without a commit: nobody is called by it |

use bytemuck::{Pod, Zeroable};

/// Who is called. No number wraps: 2^64 calls take centuries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub(super) struct State {
    all_below: u64,
    some_below: u64,
    called: u64,
}

impl State {
    /// Tells whether a ticket is called, when so many calls have been answered.
    pub fn calls(self, ticket: u64, answered: u64) -> bool {
        ticket < self.all_below || self.calls_some(ticket, answered)
    }

    /// Tells whether a ticket is called and has to answer.
    pub fn calls_some(self, ticket: u64, answered: u64) -> bool {
        (self.all_below..self.some_below).contains(&ticket) && self.open(answered) > 0
    }

    /// Calls one more of the tickets below `next`. Returns nothing when there is none to call, or all are
    /// called already.
    pub fn call_one(self, next: u64, answered: u64) -> Option<Self> {
        let called_now = answered.wrapping_add(1);
        match self.open(answered) {
            0 if next <= self.all_below => None,
            0 => Some(Self {
                some_below: next,
                called: called_now,
                ..self
            }),
            _ if next > self.some_below => Some(Self {
                all_below: self.some_below,
                some_below: next,
                called: called_now,
            }),
            // At least as many calls as those they are to: more would call nobody.
            open if open >= self.some_below.saturating_sub(self.all_below) => None,
            _ => Some(Self {
                called: self.called.wrapping_add(1),
                ..self
            }),
        }
    }

    /// Calls all the tickets below `next`. Returns nothing when they are called already.
    pub fn call_all(self, next: u64, answered: u64) -> Option<Self> {
        (next > self.all_below).then_some(Self {
            all_below: next,
            some_below: next,
            called: answered,
        })
    }

    fn open(self, answered: u64) -> u64 {
        self.called.saturating_sub(answered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOBODY: State = State {
        all_below: 0,
        some_below: 0,
        called: 0,
    };

    #[test]
    fn a_call_is_to_those_who_waited_before_it() {
        let called = NOBODY.call_one(2, 0).unwrap();
        assert!(called.calls(0, 0) && called.calls(1, 0));
        assert!(!called.calls(2, 0), "a newcomer");
        assert!(!called.calls(0, 1), "answered by the other");
    }

    #[test]
    fn nobody_is_called_when_nobody_waits() {
        assert_eq!(NOBODY.call_one(0, 0), None);
        assert_eq!(NOBODY.call_all(0, 0), None);
        let all = NOBODY.call_all(3, 0).unwrap();
        assert_eq!(all.call_one(3, 0), None);
        assert_eq!(all.call_all(3, 0), None);
    }

    #[test]
    fn a_newcomer_takes_no_earlier_waiters_call() {
        // One waits and is called, two come to wait, and another call is made.
        let called = NOBODY.call_one(1, 0).unwrap().call_one(3, 0).unwrap();
        // The two newcomers share one call.
        assert!(called.calls_some(1, 0) && called.calls_some(2, 0));
        assert!(!called.calls(1, 1) && !called.calls(2, 1));
        // The first is called whatever they do, and takes nothing from them.
        assert!(called.calls(0, 1) && !called.calls_some(0, 0));
    }

    #[test]
    fn calls_that_nobody_is_left_to_answer_call_no_newcomer() {
        let mut called = NOBODY;
        for _ in 0..5 {
            called = called.call_one(3, 0).unwrap_or(called);
        }
        assert_eq!(called.open(0), 3, "no more than there are waiters");
        assert!(!called.calls(3, 0));
        let next = called.call_one(4, 0).unwrap();
        assert!(next.calls(3, 0) && !next.calls(3, 1));
    }

    #[test]
    fn as_many_are_called_as_calls_were_made() {
        let twice = NOBODY.call_one(3, 0).unwrap().call_one(3, 0).unwrap();
        assert!(twice.calls(2, 0) && twice.calls(2, 1) && !twice.calls(2, 2));
        let again = twice.call_one(3, 2).unwrap();
        assert!(again.calls(1, 2) && !again.calls(1, 3));
    }

    #[test]
    fn all_are_called_and_none_has_to_answer() {
        let all = NOBODY
            .call_one(2, 0)
            .and_then(|one| one.call_all(3, 0))
            .unwrap();
        assert!((0..3).all(|ticket| all.calls(ticket, 0) && !all.calls_some(ticket, 0)));
        assert!(!all.calls(3, 0));
    }
}
