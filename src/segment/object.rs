//! An object of a segment as every user's handle holds it: a committed state, then slots, then words.
//!
//! Where these lie is checked once, when the object is found; using it checks nothing again.

use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, AtomicU32};

use super::directory::Shape;
use super::error::Error;
use super::located::Located;
use super::{Kind, Segment};
use crate::raw::committed::{Committed, Line};
use crate::raw::protocol::Protocol;
use crate::raw::shareable::Shareable;
use crate::raw::slot::Slot;
use crate::sys::atomic::{AtomicU64, Relaxed};
use crate::sys::process;
use crate::sys::robust_list::Thread;

const WORD: usize = size_of::<AtomicU64>();
const LINE: usize = size_of::<Line>() / WORD;
const SLOT: usize = size_of::<Slot>() / WORD;

/// What an object has besides its state of type `S`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// How many slots.
    pub slots: usize,
    /// How many words.
    pub words: usize,
}

/// An object with a committed state of type `S`, and the segment that keeps it mapped.
///
/// Dropped while a thread of this process still holds its lock or one of its slots, because a guard was
/// forgotten, it keeps the segment mapped for ever: the thread's robust list leads into it.
#[derive(Debug)]
pub struct Object<S> {
    line: NonNull<Line>,
    places: NonNull<AtomicU64>,
    slots: NonNull<[Slot]>,
    words: NonNull<[AtomicU64]>,
    protocol: Protocol,
    located: Located,
    /// The thread for which a guard of the lock was last made from this, or zero. Written under the lock
    /// only, and only when it changes: a store that every lock makes is one the next lock waits for.
    lent_to: AtomicU32,
    /// Whether a claim of the slot that was made from this lives. Written by its occupant only.
    lent_slots: Box<[AtomicBool]>,
    state: PhantomData<S>,
}

// SAFETY: it leads to atomics in a mapping of the whole process, kept alive by `located`.
unsafe impl<S> Send for Object<S> {}
// SAFETY: as above; a shared reference gives only shared references to atomics.
unsafe impl<S> Sync for Object<S> {}

impl Room {
    /// Returns how many words an object with a state of type `S` takes.
    pub const fn with_state<S: Shareable>(self) -> usize {
        start_of_slots::<S>() + self.slots * SLOT + self.words
    }
}

impl Segment {
    /// Opens the object of this name, or makes it: with `initial` as its state, and its words as
    /// `fill` leaves them, which finds zeros.
    ///
    /// `E` is the type of its elements, of which there are `length`.
    pub(crate) fn object<S: Shareable, E: Shareable>(
        &self,
        name: &str,
        (kind, length): (Kind, u64),
        room: Room,
        initial: S,
        fill: impl FnOnce(&[AtomicU64]),
    ) -> Result<Object<S>, Error> {
        let shape = Shape::of::<E>(kind, length, room.with_state::<S>());
        let located = self.locate(name, shape, |words| {
            let parts = Parts::<S>::of(words, room).expect("a new object has its shape");
            parts.view(self.protocol()).initialize(&initial);
            fill(parts.words);
        })?;
        Ok(Object::new(located, room))
    }

    /// Returns the length of the object of this name, which must be there and of this kind.
    pub(crate) fn length_of(&self, name: &str, kind: Kind) -> Result<u64, Error> {
        let entry = self.find(name)?.ok_or_else(|| Error::NoSuchObject {
            name: self.mapped.name.clone(),
            object: name.to_owned(),
        })?;
        // As it is, but for the kind.
        let shape = Shape {
            kind,
            element_type: entry.element_type(),
            element_size: entry.element_size(),
            length: entry.length(),
            words: entry.range().len() / WORD,
        };
        entry.check(self.name(), shape)?;
        Ok(entry.length())
    }

    /// Opens the object of this name, which must be there.
    pub(crate) fn existing_object<S: Shareable, E: Shareable>(
        &self,
        name: &str,
        (kind, length): (Kind, u64),
        room: Room,
    ) -> Result<Object<S>, Error> {
        let shape = Shape::of::<E>(kind, length, room.with_state::<S>());
        Ok(Object::new(self.locate_existing(name, shape)?, room))
    }
}

impl<S: Shareable> Object<S> {
    fn new(located: Located, room: Room) -> Self {
        let parts = Parts::<S>::of(located.words(), room).expect("it was opened by its shape");
        Self {
            line: NonNull::from(parts.line),
            places: NonNull::from(parts.places).cast(),
            slots: NonNull::from(parts.slots),
            words: NonNull::from(parts.words),
            protocol: located.segment().protocol(),
            lent_to: AtomicU32::new(0),
            lent_slots: parts.slots.iter().map(|_| AtomicBool::new(false)).collect(),
            located,
            state: PhantomData,
        }
    }

    /// Returns its state.
    #[inline(always)]
    pub fn state(&self) -> Committed<'_, S> {
        // SAFETY: it came from a reference into the mapping, which `located` keeps mapped.
        let line = unsafe { self.line.as_ref() };
        let places = NonNull::slice_from_raw_parts(self.places, Committed::<S>::PLACES);
        // SAFETY: as above; they were this many.
        let places = unsafe { places.as_ref() };
        // SAFETY: `located` keeps it mapped; `drop` sees to what is held longer.
        unsafe { Committed::new(line, places, self.protocol) }
    }
}

impl<S> Object<S> {
    /// Returns the segment.
    pub fn segment(&self) -> &Segment {
        self.located.segment()
    }

    /// Returns how this process releases, and sleeps for, what is here.
    #[inline(always)]
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Returns its slots.
    #[inline(always)]
    pub fn slots(&self) -> &[Slot] {
        // SAFETY: they came from a reference into the mapping, which `located` keeps mapped.
        unsafe { self.slots.as_ref() }
    }

    /// Returns its words.
    #[inline(always)]
    pub fn words(&self) -> &[AtomicU64] {
        // SAFETY: as in `slots`.
        unsafe { self.words.as_ref() }
    }

    /// Notes that a guard of its lock was made for `holder`, the calling thread.
    #[inline(always)]
    pub fn lend_to(&self, holder: Thread) {
        // Relaxed: read by `drop`, which nobody else's use of this overlaps.
        if self.lent_to.load(Relaxed) != holder.tid() {
            self.lent_to.store(holder.tid(), Relaxed);
        }
    }

    /// Notes that a claim of a slot was made, or dropped. For the occupant.
    #[inline(always)]
    pub fn set_slot_lent(&self, index: usize, is_lent: bool) {
        // Relaxed: as in `lend_to`.
        self.lent_slots[index].store(is_lent, Relaxed);
    }

    /// Tells whether a thread of this process still holds the lock or a slot by way of this.
    fn is_held(&self) -> bool {
        let holds = |tid: Option<u32>| tid.is_some_and(process::is_own_thread);
        let holds_slot = |(lent, slot): (&AtomicBool, &Slot)| {
            lent.load(Relaxed) && holds(slot.occupant().living())
        };
        // SAFETY: as in `slots`.
        let line = unsafe { self.line.as_ref() };
        let lent_to = self.lent_to.load(Relaxed);
        let holder = line.lock().owner().filter(|owner| *owner == lent_to);
        holds(holder) || self.lent_slots.iter().zip(self.slots()).any(holds_slot)
    }
}

impl<S> Drop for Object<S> {
    fn drop(&mut self) {
        if self.is_held() {
            std::mem::forget(self.located.clone());
        }
    }
}

/// An object's words, taken apart.
struct Parts<'a, S> {
    line: &'a Line,
    places: &'a [AtomicU64],
    slots: &'a [Slot],
    words: &'a [AtomicU64],
    state: PhantomData<S>,
}

impl<'a, S: Shareable> Parts<'a, S> {
    /// Takes words apart, if they are as many as that takes, and aligned.
    fn of(words: &'a [AtomicU64], room: Room) -> Option<Self> {
        let start_of_words = start_of_slots::<S>() + room.slots * SLOT;
        Some(Self {
            line: line_of(words)?,
            places: words.get(LINE..LINE + Committed::<S>::PLACES)?,
            slots: slots_of(words.get(start_of_slots::<S>()..start_of_words)?)?,
            words: words.get(start_of_words..start_of_words + room.words)?,
            state: PhantomData,
        })
    }

    /// Views the state of an object that nobody else can see yet.
    fn view(&self, protocol: Protocol) -> Committed<'a, S> {
        // SAFETY: the lock is not taken through this view.
        unsafe { Committed::new(self.line, self.places, protocol) }
    }
}

/// Slots are aligned like lines.
const fn start_of_slots<S: Shareable>() -> usize {
    (LINE + Committed::<S>::PLACES).next_multiple_of(SLOT)
}

/// Returns the line that some words begin with, if they are long enough and aligned.
pub(super) fn line_of(words: &[AtomicU64]) -> Option<&Line> {
    let line = words.get(..LINE)?.as_ptr().cast::<Line>();
    if !line.is_aligned() {
        return None;
    }
    // SAFETY: the words are as long as a Line and aligned like one, and borrowed as long; a Line is
    // made of atomics, like they are, and any bytes are a valid one.
    Some(unsafe { &*line })
}

/// Returns the slots that some words are, if they are aligned.
pub(super) fn slots_of(words: &[AtomicU64]) -> Option<&[Slot]> {
    let slots = words.as_ptr().cast::<Slot>();
    if !slots.is_aligned() {
        return None;
    }
    // SAFETY: the words are aligned like slots and borrowed as long; slots are made of atomics, like
    // they are, and any bytes are valid ones.
    Some(unsafe { std::slice::from_raw_parts(slots, words.len() / SLOT) })
}
