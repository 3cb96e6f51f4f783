//! Which cells of which counters the calling thread has: found in a nanosecond, left when it ends.
//!
//! `OWN` keeps the cells; its destructor leaves them. `CACHED` is a look at some of them: an entry is
//! there only while its cell is, because the end of an [`OwnCell`] removes it. It needs no
//! destructor, so it can be asked at any time, and then has nothing.

use std::cell::{Cell, RefCell};
use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::{Arc, Weak};

use super::counter_cell::{Opened, OwnCell};
use crate::sys::atomic::AtomicU64;
use crate::sys::robust_list::Thread;

/// A power of two. Handles are numbered in the order they were opened, so this many in a row do
/// not get into each other's way.
const CACHED_AT_ONCE: usize = 8;
/// After how many adds without a cell a thread looks for one again: a look is some 64 cache lines.
const ADDS_TO_LOOK_AGAIN: u32 = 1_000;

/// The count of one of the thread's cells.
#[derive(Clone, Copy)]
struct Cached {
    /// Of the handle; 0 is none's.
    id: u64,
    /// None when no cell was free.
    count: Option<NonNull<AtomicU64>>,
    /// Whose it is: after a fork, not the child's.
    occupant: Thread,
    /// How many adds there are before another look for a cell.
    adds_left: u32,
}

type Kept = (Rc<OwnCell>, Weak<Opened>);

thread_local! {
    static CACHED: [Cell<Option<Cached>>; CACHED_AT_ONCE] =
        const { [const { Cell::new(None) }; CACHED_AT_ONCE] };
    static OWN: RefCell<Vec<Kept>> = const { RefCell::new(Vec::new()) };
}

/// Passes the count of the thread's cell to `add`, if it is at hand. Tells whether it was.
#[inline(always)]
pub(super) fn with_cached(id: u64, add: impl FnOnce(&AtomicU64)) -> bool {
    let Some(cached) = entry_of(id).filter(|cached| cached.id == id) else {
        return false;
    };
    match cached.count {
        Some(count) if !cached.occupant.is_from_before_fork() => {
            // SAFETY: the entry is gone before its cell is, which keeps the count mapped.
            add(unsafe { count.as_ref() });
            true
        }
        _ => false,
    }
}

/// Returns the thread's cell of a counter, claimed now if it has none; none when no cell is free.
pub(super) fn find_or_claim(opened: &Arc<Opened>) -> Option<Rc<OwnCell>> {
    let id = opened.id();
    if is_to_do_without(id) {
        return None;
    }
    // Where there is no OWN any more, the thread ends: it must not claim what it would not leave. Where it is
    // borrowed, this is a signal handler.
    let own = OWN
        .try_with(|own| Some(find_or_claim_in(&mut *own.try_borrow_mut().ok()?, opened)))
        .ok()??;
    let count = own.as_ref().map(|own| NonNull::from(own.count()));
    set_entry(Cached {
        id,
        count,
        occupant: Thread::current(),
        adds_left: ADDS_TO_LOOK_AGAIN,
    });
    own
}

/// Leaves the thread's cell of a counter.
pub(super) fn leave(id: u64) {
    // Otherwise the thread ends, and leaves all.
    let _ = OWN.try_with(|own| own.borrow_mut().retain(|(own, _)| own.id() != id));
}

/// Forgets where a cell is that is about to be left.
pub(super) fn forget_cached(own: &OwnCell) {
    let count = Some(NonNull::from(own.count()));
    let is_its = |cached: &Cached| cached.count == count;
    if entry_of(own.id()).as_ref().is_some_and(is_its) {
        CACHED.with(|cached| cached[place_of(own.id())].set(None));
    }
}

fn find_or_claim_in(own: &mut Vec<Kept>, opened: &Arc<Opened>) -> Option<Rc<OwnCell>> {
    // A parent's cells, and those of handles that other threads have dropped.
    own.retain(|(own, opened)| !own.occupant().is_from_before_fork() && opened.strong_count() > 0);
    let known = own.iter().find(|(own, _)| own.id() == opened.id());
    if let Some((known, _)) = known {
        return Some(Rc::clone(known));
    }
    let claimed = Rc::new(opened.claim()?);
    own.push((Rc::clone(&claimed), Arc::downgrade(opened)));
    Some(claimed)
}

/// Tells whether no cell was free a moment ago.
fn is_to_do_without(id: u64) -> bool {
    let Some(cached) = entry_of(id) else {
        return false;
    };
    let is_known = cached.id == id && !cached.occupant.is_from_before_fork();
    if !is_known || cached.count.is_some() || cached.adds_left == 0 {
        return false;
    }
    set_entry(Cached {
        adds_left: cached.adds_left - 1,
        ..cached
    });
    true
}

#[inline(always)]
fn entry_of(id: u64) -> Option<Cached> {
    CACHED.with(|cached| cached[place_of(id)].get())
}

fn set_entry(entry: Cached) {
    CACHED.with(|cached| cached[place_of(entry.id)].set(Some(entry)));
}

#[inline(always)]
fn place_of(id: u64) -> usize {
    id as usize % CACHED_AT_ONCE
}
