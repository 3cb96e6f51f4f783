//! Adding with nothing around it: what a benchmark repeats.
//!
//! The workers of a run keep books in their seats; those cost some of these locks a good part of an
//! add, and would be measured with it.

use super::{Contender, Error, Work};

/// A contender that can add without a seat.
pub trait Bare: Contender {
    /// Adds, and counts the add nowhere but in the number.
    ///
    /// # Errors
    ///
    /// [`Error`], with nothing added.
    fn add_bare(&self, by: i64) -> Result<(), Error>;

    /// Adds `count` times, with `work` after each add.
    ///
    /// The loop is here and not at the caller's, so that there is one for each contender with its
    /// add inlined: a call through a table of functions would cost a fast add a quarter of its time.
    ///
    /// # Errors
    ///
    /// [`Error`] at the first add that fails.
    fn add_many(&self, by: i64, count: u64, work: Work) -> Result<(), Error> {
        if work.is_none() {
            for _ in 0..count {
                self.add_bare(by)?;
            }
        } else {
            for _ in 0..count {
                self.add_bare(by)?;
                work.carry_out();
            }
        }
        Ok(())
    }
}
