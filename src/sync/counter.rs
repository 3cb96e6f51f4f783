//! A counter that nobody waits for: each thread adds in a cell of its own.
//!
//! A cell is a slot ([`crate::raw::slot`]) that a thread claims with its first add. Only the thread in it
//! writes its count, so an add is a load and a store, and no cache line goes from one processor to
//! another. A dead thread's cell keeps its count, and the next thread that claims it goes on from there: so
//! there is nothing to collect, and nothing to lose.
//!
//! Who keeps what, within one process:
//!
//! - a `Counter` and its clones share `Opened`; so does nobody else;
//! - `Opened`, and each thread that has a cell, keep `Cells`, which keeps the segment mapped;
//! - a thread leaves its cell when it ends, when it drops the last clone itself, or, if another thread
//!   did, when it next looks for a cell of any counter; until then the segment stays mapped.
//!
//! After D. Dice, Y. Lev and M. Moir, "Scalable statistics counters" (2013), and Java's `LongAdder`.

use std::fmt;
use std::sync::Arc;

use super::counter_cell::{Cells, Opened, add_alone};
use super::counter_writer::CounterWriter;
use super::own_cells;
use crate::segment::{Error, Kind, Segment};
use crate::sys::atomic::Relaxed;

/// A 64-bit counter that processes add to without ever waiting for each other. Handles are `Send` and
/// `Sync`; threads share it as processes do.
///
/// After SIGKILL, exec or the end of a thread: its adds stay counted, and the next thread that needs a cell
/// takes over its cell. Of an add that was going on, all or nothing is counted; an add that returned
/// is counted.
///
/// An add is a load and a store in a cell of the thread's own; no cache line goes from one processor to another.
/// The sum reads all cells, and is [not a snapshot](Self::sum) while others add.
///
/// It wraps at 64 bits, in two's complement, and adding a negative number subtracts. It tells nobody what
/// it was before an add, or waits for a value: for that there is [`Value`](crate::Value).
///
/// A cell takes 128 bytes. When every cell has a living thread in it, further threads share one more cell by an
/// atomic instruction: right as well, and slower. A thread has a cell for each handle that was opened,
/// so clone a handle instead of opening it again. Not for signal handlers: a first add claims a cell, which must
/// not come in between a lock's taking or releasing, and one that interrupts an add may be lost.
#[derive(Clone)]
pub struct Counter {
    /// That of `opened`, at hand.
    id: u64,
    opened: Arc<Opened>,
}

impl Counter {
    /// How many cells there are, unless told otherwise.
    pub const DEFAULT_CELLS: u32 = 64;
}

impl Segment {
    /// Opens the counter of this name, whatever its number of cells, or makes it with
    /// [`Counter::DEFAULT_CELLS`], at zero. That takes some 8 KiB of the segment.
    ///
    /// # Errors
    ///
    /// [`Error::OtherShape`] when the object is something else, [`Error::Full`].
    pub fn counter(&self, object: &str) -> Result<Counter, Error> {
        let cells = self.length_if_there(object, Kind::Counter)?;
        self.counter_with_cells(object, cells.unwrap_or(Counter::DEFAULT_CELLS))
    }

    /// Opens the counter of this name, or makes it with so many cells, at zero: as many as there are threads
    /// that add at one time, or a few more.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfRange`] when `cells` is zero; [`Error::OtherShape`] when the object is something
    /// else or has another number of cells; [`Error::Full`].
    pub fn counter_with_cells(&self, object: &str, cells: u32) -> Result<Counter, Error> {
        let opened = Opened::new(Cells::open_or_create(self, object, cells)?);
        Ok(Counter {
            id: opened.id(),
            opened: Arc::new(opened),
        })
    }
}

impl Counter {
    /// Adds, without waiting and without fail. It wraps at 64 bits.
    ///
    /// A thread's first add claims a cell for it; a forked child's first add, too.
    ///
    /// # Examples
    ///
    /// ```
    /// # let segment = shmcount::Segment::create("doc-counter")?;
    /// let requests = segment.counter("requests")?;
    /// std::thread::scope(|scope| {
    ///     for _ in 0..4 {
    ///         scope.spawn(|| (0..1000).for_each(|_| requests.add(2)));
    ///     }
    /// });
    /// assert_eq!(requests.sum(), 8000);
    /// # segment.remove()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn add(&self, by: i64) {
        if !own_cells::with_cached(self.id, |count| add_alone(count, by)) {
            self.add_uncached(by);
        }
    }

    /// Adds one.
    #[inline]
    pub fn increment(&self) {
        self.add(1);
    }

    /// Returns the sum of all cells, wrapped at 64 bits.
    ///
    /// It is exact once the adders are done and the caller knows of it. Meanwhile it is *not a snapshot*: cells are
    /// read one after the other, and an add to one that was read already is not in it, though a later add
    /// to another may be; a sum like that may never have been the count at any moment, as with Java's
    /// `LongAdder` and Erlang's `counters` with `write_concurrency`. While nothing negative is added,
    /// and nothing wraps, it never goes back between two reads by one thread.
    //
    // No cell goes back: one thread at a time writes it, and the next one goes on from what it
    // reads after its claim, which pairs with the leaving or the death of the one before. And a thread
    // never reads an older value of a word than it has read.
    pub fn sum(&self) -> i64 {
        self.opened.cells().sum()
    }

    /// Returns a writer for a loop that adds often: it has the cell at hand.
    ///
    /// # Examples
    ///
    /// ```
    /// # let segment = shmcount::Segment::create("doc-writer")?;
    /// let lines = segment.counter("lines")?;
    /// let writer = lines.writer();
    /// "one\ntwo\nthree".lines().for_each(|_| writer.add(1));
    /// assert_eq!(lines.sum(), 3);
    /// # drop(writer);
    /// # segment.remove()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn writer(&self) -> CounterWriter<'_> {
        let own = own_cells::find_or_claim(&self.opened);
        CounterWriter::new(self.opened.cells(), own)
    }

    /// Returns how many cells there are.
    pub fn cells(&self) -> usize {
        self.opened.cells().len()
    }

    /// Returns how many cells have a living thread in them at this moment.
    pub fn cells_in_use(&self) -> usize {
        self.opened.cells().in_use()
    }

    /// Returns the segment that the counter lies in.
    pub fn segment(&self) -> &Segment {
        self.opened.cells().segment()
    }

    #[cold]
    fn add_uncached(&self, by: i64) {
        match own_cells::find_or_claim(&self.opened) {
            Some(own) => add_alone(own.count(), by),
            None => {
                // Relaxed: a count publishes nothing.
                self.opened.cells().shared().fetch_add(by as u64, Relaxed);
            }
        }
    }
}

impl fmt::Debug for Counter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Counter")
            .field("sum", &self.sum())
            .field("cells", &self.cells())
            .finish_non_exhaustive()
    }
}
