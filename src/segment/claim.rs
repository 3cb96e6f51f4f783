//! A slot of an object, claimed by the calling thread until the claim is dropped.

use std::fmt;

use super::object::Object;
use crate::raw::shareable::Shareable;
use crate::raw::slot::{Occupant, Slot};
use crate::sys::robust_list::{Thread, TooManyHeld};

/// Occupies a slot until it is dropped, or its thread ends, by whatever cause: then whoever waits
/// beside the slots is told.
///
/// A claim that a fork copied into a child does nothing there. One that is forgotten holds the slot
/// until the end of its thread.
pub struct Claim<'a, S: Shareable> {
    object: &'a Object<S>,
    index: usize,
    /// Not `Send`: the kernel knows which thread is in the slot.
    occupant: Thread,
}

impl<S: Shareable> Object<S> {
    /// Claims the slot of this index if nobody living is in it. Says who was there before: nobody, or
    /// a dead one.
    ///
    /// # Errors
    ///
    /// [`TooManyHeld`].
    ///
    /// # Panics
    ///
    /// When there is no such slot.
    #[inline]
    pub fn claim(
        &self,
        me: Thread,
        index: usize,
    ) -> Result<Option<(Claim<'_, S>, Occupant)>, TooManyHeld> {
        me.check_room()?;
        // SAFETY: the segment keeps it mapped as long as this object, and `drop` of an object that
        // is gone before its claims keeps the segment.
        let Some(before) = (unsafe { self.slots()[index].claim(me) }) else {
            return Ok(None);
        };
        self.set_slot_lent(index, true);
        let claim = Claim {
            object: self,
            index,
            occupant: me,
        };
        Ok(Some((claim, before)))
    }
}

impl<'a, S: Shareable> Claim<'a, S> {
    /// Returns the object.
    pub fn object(&self) -> &'a Object<S> {
        self.object
    }

    /// Returns which of the slots it is.
    pub fn index(&self) -> usize {
        self.index
    }

    /// Returns the slot.
    #[inline]
    pub fn slot(&self) -> &'a Slot {
        &self.object.slots()[self.index]
    }

    /// Leaves the slot and tells nobody: for an occupant whom nobody waits for.
    pub fn leave_untold(self) {
        if self.is_own() {
            self.object.set_slot_lent(self.index, false);
            // SAFETY: the claim was made by the thread that leaves, for it is not Send.
            unsafe { self.slot().leave(self.occupant, self.object.protocol()) };
            self.occupant.clear_pending();
        }
        std::mem::forget(self);
    }

    /// Tells whether the claim is the calling process's, not one that a fork copied here.
    pub fn is_own(&self) -> bool {
        !self.occupant.is_from_before_fork()
    }
}

impl<S: Shareable> Drop for Claim<'_, S> {
    #[inline]
    fn drop(&mut self) {
        // In a child that was forked while the claim lived, the slot is the parent's.
        if !self.is_own() {
            return;
        }
        self.object.set_slot_lent(self.index, false);
        let state = self.object.state();
        // SAFETY: the claim was made by the thread that drops it, for it is not Send.
        unsafe { state.leave_slot(self.occupant, self.slot(), self.index) };
    }
}

impl<S: Shareable> fmt::Debug for Claim<'_, S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Claim").field(&self.index).finish()
    }
}
