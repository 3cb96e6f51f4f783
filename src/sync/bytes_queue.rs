//! A queue of items of varying length, for any number of producers and consumers.
//!
//! Its words are a [ring](super::bytes_ring), and its state says which of them are in use. As with items
//! of one type, they are written and read under the lock, and one store commits.

use std::fmt;
use std::time::Duration;

use bytemuck::Zeroable;

use super::attempt::{Wait, attempt};
use super::bytes_ring::{Ring, State, WORD};
use super::error::LockError;
use super::queue_error::{PopError, PushBytesError};
use super::queue_iter::BytesQueueIter;
use crate::segment::{Error, Kind, Object, Room, Segment};
use crate::sys::clock::Deadline;
use crate::sys::robust_list::Thread;

/// The most bytes: the words that they take are counted in 32 bits.
const MOST: u64 = (1 << 31) - 1;

/// A queue of byte strings that processes share. Handles are `Send` and `Sync`; threads share it as
/// processes do.
///
/// An item of `n` bytes takes 8 + `n` bytes of the capacity, rounded up to a multiple of 8. It may be
/// empty.
///
/// An item is popped once. After SIGKILL of a producer it is in the queue or it is not; after that of
/// a consumer it is in the queue or was taken, and then went with the consumer. Nobody is stuck, for
/// the lock is free at once.
///
/// A push or pop costs about as much as an add to a number under its lock, and the copying of the bytes. Who
/// waits sleeps without polling, after some 50 µs. An item must fit into the whole queue.
///
/// What one thread pushes comes out in its order. Among those who wait there is no order: who waits
/// for much room may be overtaken by those who need less.
pub struct BytesQueue {
    pub(super) object: Object<State>,
}

impl Segment {
    /// Opens the queue of this name, or makes it, empty, with room for that many bytes: 8 to 2^31 - 1,
    /// rounded up to a multiple of 8.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfRange`] when `capacity` is not in that range; [`Error::OtherShape`] when the
    /// object is something else or has another capacity; [`Error::Full`].
    ///
    /// # Examples
    ///
    /// ```
    /// # let segment = shmcount::Segment::create("doc-bytes-queue")?;
    /// let lines = segment.bytes_queue("lines", 4_096)?;
    /// lines.push(b"first")?;
    /// lines.push(b"")?;
    /// lines.close()?;
    /// // In this process or another:
    /// let lines = segment.open_bytes_queue("lines")?;
    /// assert_eq!(lines.iter().collect::<Vec<_>>(), [b"first".to_vec(), b"".to_vec()]);
    /// # segment.remove()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn bytes_queue(&self, object: &str, capacity: u64) -> Result<BytesQueue, Error> {
        let room = room_for(object, capacity)?;
        let identity = (Kind::BytesQueue, capacity);
        let empty = State::zeroed();
        let object = self.object::<State, u8>(object, identity, room, empty, |_| {})?;
        Ok(BytesQueue { object })
    }

    /// Opens the queue of this name, which must be there, with the capacity it has.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchObject`]; [`Error::OtherShape`] when it is something else.
    pub fn open_bytes_queue(&self, object: &str) -> Result<BytesQueue, Error> {
        let capacity = self.length_of(object, Kind::BytesQueue)?;
        let room = room_for(object, capacity)?;
        let identity = (Kind::BytesQueue, capacity);
        let object = self.existing_object::<State, u8>(object, identity, room)?;
        Ok(BytesQueue { object })
    }
}

fn room_for(object: &str, capacity: u64) -> Result<Room, Error> {
    match (WORD as u64..=MOST).contains(&capacity) {
        true => Ok(Room {
            slots: 0,
            words: (capacity as usize).div_ceil(WORD),
        }),
        false => Err(Error::OutOfRange {
            object: object.to_owned(),
            what: "capacity",
            found: capacity,
            expected: "8 to 2147483647 bytes",
        }),
    }
}

impl BytesQueue {
    /// Puts an item at the end, and waits for room for as long as that takes.
    ///
    /// # Errors
    ///
    /// [`PushBytesError::TooLong`], [`PushBytesError::Closed`].
    pub fn push(&self, item: &[u8]) -> Result<(), PushBytesError> {
        self.push_within(item, Wait::Forever)
    }

    /// Puts an item at the end if there is room.
    ///
    /// It does not wait for room. For another process that is in the middle of a push or pop it
    /// does, for up to 50 ms; only one that was stopped there takes longer.
    ///
    /// # Errors
    ///
    /// [`PushBytesError::TooLong`], [`PushBytesError::Full`], [`PushBytesError::Closed`],
    /// [`PushBytesError::Locked`].
    pub fn try_push(&self, item: &[u8]) -> Result<(), PushBytesError> {
        self.push_within(item, Wait::Never)
    }

    /// Puts an item at the end, or gives up after `timeout`.
    ///
    /// # Errors
    ///
    /// [`PushBytesError::TimedOut`], [`PushBytesError::TooLong`], [`PushBytesError::Closed`];
    /// [`PushBytesError::Locked`] names who was stopped in the middle of a push or pop.
    pub fn push_timeout(&self, item: &[u8], timeout: Duration) -> Result<(), PushBytesError> {
        self.push_within(item, Wait::Within(timeout))
    }

    /// Takes the first item, and waits for one for as long as that takes.
    ///
    /// # Errors
    ///
    /// [`PopError::Closed`], when the queue is empty and no item will come; [`PopError::Damaged`].
    pub fn pop(&self) -> Result<Vec<u8>, PopError> {
        self.pop_within(Wait::Forever)
    }

    /// Takes the first item if there is one.
    ///
    /// It does not wait for an item. For another process that is in the middle of a push or pop it
    /// does, for up to 50 ms; only one that was stopped there takes longer.
    ///
    /// # Errors
    ///
    /// [`PopError::Empty`], [`PopError::Closed`], [`PopError::Locked`], [`PopError::Damaged`].
    pub fn try_pop(&self) -> Result<Vec<u8>, PopError> {
        self.pop_within(Wait::Never)
    }

    /// Takes the first item, or gives up after `timeout`.
    ///
    /// # Errors
    ///
    /// [`PopError::TimedOut`], [`PopError::Closed`], [`PopError::Damaged`]; [`PopError::Locked`] names
    /// who was stopped in the middle of a push or pop.
    pub fn pop_timeout(&self, timeout: Duration) -> Result<Vec<u8>, PopError> {
        self.pop_within(Wait::Within(timeout))
    }

    /// Takes the first items, one after the other, until the queue is closed and empty. Waits for each
    /// for as long as that takes. Ends early at an error.
    pub fn iter(&self) -> BytesQueueIter<'_> {
        BytesQueueIter::new(self)
    }

    /// Has the queue take no more items: producers get an error, consumers what is there and then an
    /// error. Whoever waits is woken. A closed queue stays closed.
    ///
    /// # Errors
    ///
    /// [`LockError::HeldByCaller`], if the lock's word was damaged.
    pub fn close(&self) -> Result<(), LockError> {
        let close = |state: State| ((state.is_closed == 0).then_some(state.closed()), ());
        let forever = None::<Deadline>;
        let closed = (self.object.state()).modify(Thread::current(), forever, close);
        closed.map_err(|refused| LockError::new(refused, Duration::MAX))
    }

    /// Tells whether the queue takes no more items.
    pub fn is_closed(&self) -> bool {
        self.state().is_closed != 0
    }

    /// Returns how many items there are at this moment.
    pub fn len(&self) -> usize {
        self.state().items as usize
    }

    /// Tells whether there is no item at this moment.
    pub fn is_empty(&self) -> bool {
        self.state().used == 0
    }

    /// Returns how many bytes there can be, those for the items' lengths among them.
    pub fn capacity(&self) -> usize {
        self.object.words().len() * WORD
    }

    /// Returns how many bytes of the capacity are in use at this moment.
    pub fn used(&self) -> usize {
        self.state().used as usize * WORD
    }

    /// Returns how many bytes the longest item can have.
    pub fn longest(&self) -> usize {
        (self.object.words().len() - 1) * WORD
    }

    fn push_within(&self, item: &[u8], wait: Wait) -> Result<(), PushBytesError> {
        if item.len() > self.longest() {
            return Err(PushBytesError::TooLong {
                length: item.len(),
                longest: self.longest(),
            });
        }
        let ring = self.ring();
        let may_push = |state: &State| {
            let state = ring.bounded(*state);
            state.is_closed != 0 || ring.has_room(state, item.len())
        };
        attempt(&self.object, wait, may_push, |state| {
            let state = ring.bounded(state);
            match state.is_closed == 0 {
                false => (None, Some(Err(PushBytesError::Closed))),
                true if !ring.has_room(state, item.len()) => (None, None),
                true => (Some(ring.append(state, item)), Some(Ok(()))),
            }
        })?
    }

    fn pop_within(&self, wait: Wait) -> Result<Vec<u8>, PopError> {
        let ring = self.ring();
        let may_pop = |state: &State| state.is_closed != 0 || state.used != 0;
        attempt(&self.object, wait, may_pop, |state| {
            let state = ring.bounded(state);
            match (state.used, state.is_closed) {
                (0, 0) => (None, None),
                (0, _) => (None, Some(Err(PopError::Closed))),
                _ => {
                    let (after, item) = ring.take(state);
                    (Some(after), Some(item.map_err(PopError::from)))
                }
            }
        })?
    }

    fn state(&self) -> State {
        self.ring().bounded(self.object.state().load())
    }

    fn ring(&self) -> Ring<'_> {
        Ring::of(self.object.words())
    }
}

impl fmt::Debug for BytesQueue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("BytesQueue")
            .field("length", &self.len())
            .field("used", &self.used())
            .field("capacity", &self.capacity())
            .field("is_closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}
