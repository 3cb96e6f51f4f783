//! A thread's hand on its cell of a counter.

use std::fmt;
use std::rc::Rc;

use super::counter_cell::{Cells, OwnCell, add_alone};
use crate::sys::atomic::{AtomicU64, Relaxed};
use crate::sys::robust_list::ThreadId;

/// Adds to a [`Counter`](crate::Counter) from one thread: an add is a load and a store.
///
/// It belongs to the thread that made it, and keeps the thread's cell. A loop is fastest in a function that
/// gets the writer by reference: then its fields stay in registers. In a forked child it adds to the word
/// that threads without a cell share, as it does where no cell was free.
pub struct CounterWriter<'a> {
    /// Of the own cell, if there is one.
    count: &'a AtomicU64,
    shared: &'a AtomicU64,
    /// Whose cell it is, or nobody.
    occupant: ThreadId,
    /// Keeps the cell.
    _own: Option<Rc<OwnCell>>,
}

impl<'a> CounterWriter<'a> {
    /// For a cell of these cells.
    pub(super) fn new(cells: &'a Cells, own: Option<Rc<OwnCell>>) -> Self {
        let shared = cells.shared();
        Self {
            count: own.as_ref().map_or(shared, |own| cells.count_of(own)),
            shared,
            occupant: (own.as_ref()).map_or(ThreadId::NOBODY, |own| own.occupant().id()),
            _own: own,
        }
    }

    /// Adds, without waiting and without fail. It wraps at 64 bits.
    #[inline(always)]
    pub fn add(&self, by: i64) {
        match self.has_own_cell() {
            true => add_alone(self.count, by),
            false => self.add_among_others(by),
        }
    }

    /// Adds one.
    #[inline(always)]
    pub fn increment(&self) {
        self.add(1);
    }

    /// Tells whether it has a cell of its own, and does not add by an atomic instruction among others.
    #[inline(always)]
    pub fn has_own_cell(&self) -> bool {
        self.occupant == ThreadId::own()
    }

    #[cold]
    fn add_among_others(&self, by: i64) {
        // Relaxed: a count publishes nothing.
        self.shared.fetch_add(by as u64, Relaxed);
    }
}

impl fmt::Debug for CounterWriter<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("CounterWriter")
            .field("has_own_cell", &self.has_own_cell())
            .finish_non_exhaustive()
    }
}
