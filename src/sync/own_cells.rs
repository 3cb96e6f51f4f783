//! Which cells of which counters the calling thread has: found in a nanosecond, left when it ends.
//!
//! `OWN` keeps the cells; its destructor leaves them. `CACHED` is a look at some of them: an entry is
//! there only while its cell is, because the end of an [`OwnCell`] removes it. It needs no
//! destructor, so it can be asked at any time, and then has nothing. `WITHOUT` says of which counters
//! the thread has no cell, because none was free.

use std::cell::{Cell, RefCell};
use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::{Arc, Weak};

use super::counter_cell::{Opened, OwnCell};
use crate::sys::atomic::AtomicU64;
use crate::sys::robust_list::{Thread, ThreadId};

/// A power of two. Handles are numbered in the order they were opened, so this many in a row do
/// not get into each other's way.
const AT_ONCE: usize = 8;
/// After how many adds without a cell a thread looks for one again: a look is some 64 cache lines.
const ADDS_TO_LOOK_AGAIN: u32 = 1_000;

/// The count of one of the thread's cells.
#[derive(Clone, Copy)]
struct Cached {
    /// Of the handle; 0 is none's.
    id: u64,
    /// Whose it is: after a fork, not the child's.
    occupant: ThreadId,
    count: NonNull<AtomicU64>,
}

/// That no cell of a handle was free.
#[derive(Clone, Copy)]
struct Without {
    /// Of the handle; 0 is none's.
    id: u64,
    /// Who found that.
    occupant: ThreadId,
    /// How many adds there are before another look for a cell.
    adds_left: u32,
}

type Kept = (Rc<OwnCell>, Weak<Opened>);

thread_local! {
    static CACHED: [Cell<Cached>; AT_ONCE] = const { [const { Cell::new(Cached::NONE) }; AT_ONCE] };
    static WITHOUT: [Cell<Without>; AT_ONCE] = const { [const { Cell::new(Without::NONE) }; AT_ONCE] };
    static OWN: RefCell<Vec<Kept>> = const { RefCell::new(Vec::new()) };
}

impl Cached {
    const NONE: Self = Self {
        id: 0,
        occupant: ThreadId::NOBODY,
        count: NonNull::dangling(),
    };
}

impl Without {
    const NONE: Self = Self {
        id: 0,
        occupant: ThreadId::NOBODY,
        adds_left: 0,
    };
}

/// Passes the count of the thread's cell to `add`, if it is at hand. Tells whether it was.
#[inline(always)]
pub(super) fn with_cached(id: u64, add: impl FnOnce(&AtomicU64)) -> bool {
    let cached = CACHED.with(|cached| cached[place_of(id)].get());
    let is_its = cached.id == id && cached.occupant == ThreadId::own();
    if is_its {
        // SAFETY: the entry is gone before its cell is, which keeps the count mapped.
        add(unsafe { cached.count.as_ref() });
    }
    is_its
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
    let occupant = Thread::current().id();
    match &own {
        Some(own) => CACHED.with(|cached| {
            let count = NonNull::from(own.count());
            cached[place_of(id)].set(Cached {
                id,
                occupant,
                count,
            });
        }),
        None => WITHOUT.with(|without| {
            let adds_left = ADDS_TO_LOOK_AGAIN;
            without[place_of(id)].set(Without {
                id,
                occupant,
                adds_left,
            });
        }),
    }
    own
}

/// Leaves the thread's cell of a counter.
pub(super) fn leave(id: u64) {
    // Otherwise the thread ends, and leaves all.
    let _ = OWN.try_with(|own| own.borrow_mut().retain(|(own, _)| own.id() != id));
}

/// Forgets where a cell is that is about to be left.
pub(super) fn forget_cached(own: &OwnCell) {
    let count = NonNull::from(own.count());
    CACHED.with(|cached| {
        let entry = &cached[place_of(own.id())];
        if entry.get().count == count {
            entry.set(Cached::NONE);
        }
    });
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
    WITHOUT.with(|without| {
        let entry = &without[place_of(id)];
        let Without {
            occupant,
            adds_left,
            ..
        } = entry.get();
        let is_known = entry.get().id == id && occupant == ThreadId::own();
        if is_known && adds_left > 0 {
            let adds_left = adds_left - 1;
            entry.set(Without {
                id,
                occupant,
                adds_left,
            });
        }
        is_known && adds_left > 0
    })
}

#[inline(always)]
fn place_of(id: u64) -> usize {
    id as usize % AT_ONCE
}
