//! A queue of items of one type, for any number of producers and consumers.
//!
//! Its state is one word: where the first item is, how many there are, and whether it is closed. A
//! push writes its item behind the last one, where nobody looks, and then commits the word; a pop
//! copies the first item, and then commits the word. Killed before that store, nothing happened;
//! after it, all of it did. The items are written under the lock only, and read under it.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use super::attempt::{NotMade, Wait, attempt};
use super::error::LockError;
use super::queue_error::{PopError, PushError};
use super::queue_iter::QueueIter;
use super::queue_state::State;
use crate::raw::shareable::{self, Shareable, words_of};
use crate::segment::{Error, Kind, Object, Room, Segment};
use crate::sys::atomic::AtomicU64;
use crate::sys::clock::Deadline;
use crate::sys::robust_list::Thread;

/// The most items: what their number and a mark take of the state's word.
const MOST: u64 = (1 << 31) - 1;

/// A queue that processes share. Handles are `Send` and `Sync`; threads share it as processes do.
///
/// An item is popped once. After SIGKILL of a producer it is in the queue or it is not; after that of
/// a consumer it is in the queue or was taken, and then went with the consumer: a killed consumer
/// takes at most the items of one pop with it. Nobody is stuck, for the lock is free at once.
///
/// What one thread pushes comes out in its order. Among those who wait there is no order.
///
/// It never grows: who pushes into a full one waits. A push or pop costs about as much as an add to a number under its lock. Who waits polls for some
/// 50 µs (see [`Spin`](crate::Spin)), then sleeps without polling until something is pushed, or
/// popped from a full queue; that wakes all who sleep.
pub struct Queue<T> {
    pub(super) object: Object<u64>,
    capacity: u32,
    items: PhantomData<fn(T) -> T>,
}

impl Segment {
    /// Opens the queue of this name, or makes it, empty, for up to `capacity` items: 1 to 2^31 - 1.
    /// Each takes the size of `T` of the segment, rounded up to 8 bytes.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfRange`] when `capacity` is not in that range; [`Error::OtherShape`] when the
    /// object is something else or has another capacity; [`Error::Full`].
    ///
    /// # Examples
    ///
    /// ```
    /// # let segment = shmcount::Segment::create("doc-queue")?;
    /// let jobs = segment.queue::<u64>("jobs", 100)?;
    /// jobs.push(7)?;
    /// jobs.push(8)?;
    /// jobs.close()?;
    /// // In this process or another:
    /// assert_eq!(jobs.iter().collect::<Vec<_>>(), [7, 8]);
    /// # segment.remove()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn queue<T: Shareable>(&self, object: &str, capacity: u64) -> Result<Queue<T>, Error> {
        let (in_range, room) = room_for::<T>(object, capacity)?;
        let identity = (Kind::Queue, capacity);
        let object = self.object::<u64, T>(object, identity, room, 0, |_| {})?;
        Ok(Queue::new(object, in_range))
    }

    /// Opens the queue of this name, which must be there, with the capacity it has.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchObject`]; [`Error::OtherShape`] when it is something else.
    pub fn open_queue<T: Shareable>(&self, object: &str) -> Result<Queue<T>, Error> {
        let capacity = self.length_of(object, Kind::Queue)?;
        let (in_range, room) = room_for::<T>(object, capacity)?;
        let object = self.existing_object::<u64, T>(object, (Kind::Queue, capacity), room)?;
        Ok(Queue::new(object, in_range))
    }
}

fn room_for<T>(object: &str, capacity: u64) -> Result<(u32, Room), Error> {
    let in_range = u32::try_from(capacity)
        .ok()
        .filter(|_| (1..=MOST).contains(&capacity));
    // More bytes than addresses have no room anywhere.
    let words = words_of::<T>().checked_mul(capacity as usize);
    let words = words.filter(|words| *words <= isize::MAX as usize / 16);
    match (in_range, words) {
        (Some(capacity), Some(words)) => Ok((capacity, Room { slots: 0, words })),
        _ => Err(Error::OutOfRange {
            object: object.to_owned(),
            what: "capacity",
            found: capacity,
            expected: "1 to 2147483647, as many as fit into memory",
        }),
    }
}

impl<T: Shareable> Queue<T> {
    fn new(object: Object<u64>, capacity: u32) -> Self {
        Self {
            object,
            capacity,
            items: PhantomData,
        }
    }

    /// Puts an item at the end, and waits for room for as long as that takes.
    ///
    /// # Errors
    ///
    /// [`PushError::Closed`], with the item.
    #[inline]
    pub fn push(&self, item: T) -> Result<(), PushError<T>> {
        self.push_within(item, Wait::Forever)
    }

    /// Puts an item at the end if there is room.
    ///
    /// It does not wait for room. For another process that is in the middle of a push or pop it
    /// does, for up to 50 ms; only one that was stopped there takes longer.
    ///
    /// # Errors
    ///
    /// [`PushError::Full`], [`PushError::Closed`], [`PushError::Locked`], with the item.
    #[inline]
    pub fn try_push(&self, item: T) -> Result<(), PushError<T>> {
        self.push_within(item, Wait::Never)
    }

    /// Puts an item at the end, or gives up after `timeout`.
    ///
    /// # Errors
    ///
    /// [`PushError::TimedOut`], [`PushError::Closed`]; [`PushError::Locked`] names who was stopped
    /// in the middle of a push or pop; with the item.
    pub fn push_timeout(&self, item: T, timeout: Duration) -> Result<(), PushError<T>> {
        self.push_within(item, Wait::Within(timeout))
    }

    /// Waits for room, then puts as many of the items at the end as there is room for, in one commit.
    /// Returns how many: a killed producer has pushed all of these or none.
    ///
    /// # Errors
    ///
    /// [`PushError::Closed`].
    ///
    /// # Examples
    ///
    /// ```
    /// # let segment = shmcount::Segment::create("doc-push-many")?;
    /// let jobs = segment.queue("jobs", 3)?;
    /// assert_eq!(jobs.push_many(&[1i32, 2, 3, 4, 5])?, 3);
    /// assert_eq!(jobs.pop_many(2)?, [1, 2]);
    /// # segment.remove()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn push_many(&self, items: &[T]) -> Result<usize, PushError<()>> {
        if items.is_empty() {
            return Ok(0);
        }
        let pushed = self.attempt(
            Wait::Forever,
            |state| state.is_closed || !state.is_full(self.capacity),
            |state| self.append(state, items),
        );
        match pushed {
            Ok(0) => Err(PushError::Closed(())),
            Ok(count) => Ok(count),
            Err(not_made) => Err(PushError::new((), not_made)),
        }
    }

    /// Takes the first item, and waits for one for as long as that takes.
    ///
    /// # Errors
    ///
    /// [`PopError::Closed`], when the queue is empty and no item will come.
    #[inline]
    pub fn pop(&self) -> Result<T, PopError> {
        self.pop_within(Wait::Forever)
    }

    /// Takes the first item if there is one.
    ///
    /// It does not wait for an item. For another process that is in the middle of a push or pop it
    /// does, for up to 50 ms; only one that was stopped there takes longer.
    ///
    /// # Errors
    ///
    /// [`PopError::Empty`], [`PopError::Closed`], [`PopError::Locked`].
    #[inline]
    pub fn try_pop(&self) -> Result<T, PopError> {
        self.pop_within(Wait::Never)
    }

    /// Takes the first item, or gives up after `timeout`.
    ///
    /// # Errors
    ///
    /// [`PopError::TimedOut`], [`PopError::Closed`]; [`PopError::Locked`] names who was stopped in the
    /// middle of a push or pop.
    pub fn pop_timeout(&self, timeout: Duration) -> Result<T, PopError> {
        self.pop_within(Wait::Within(timeout))
    }

    /// Waits for an item, then takes as many as there are, up to `most`, in one commit: a consumer that
    /// is killed takes all of them with it, or none.
    ///
    /// # Errors
    ///
    /// [`PopError::Closed`], when the queue is empty and no item will come.
    pub fn pop_many(&self, most: usize) -> Result<Vec<T>, PopError> {
        // Room is made before the lock is taken. Items that come meanwhile are for the next.
        let most = most.min(self.len().max(1));
        let mut items = Vec::with_capacity(most);
        if most > 0 {
            self.attempt(
                Wait::Forever,
                |state| state.is_closed || state.length > 0,
                |state| self.take(state, most, |item| items.push(item)),
            )?;
            if items.is_empty() {
                return Err(PopError::Closed);
            }
        }
        Ok(items)
    }

    /// Takes the first items, one after the other, until the queue is closed and empty. Waits for each
    /// for as long as that takes.
    pub fn iter(&self) -> QueueIter<'_, T> {
        QueueIter::new(self)
    }

    /// Has the queue take no more items: producers get an error, consumers what is there and then an
    /// error. Whoever waits is woken. A closed queue stays closed.
    ///
    /// # Errors
    ///
    /// [`LockError::HeldByCaller`], if the lock's word was damaged.
    pub fn close(&self) -> Result<(), LockError> {
        let close = |word| {
            let state = self.state_of(word);
            ((!state.is_closed).then(|| state.closed().word()), ())
        };
        let forever = None::<Deadline>;
        let closed = self
            .object
            .state()
            .modify(Thread::current(), forever, close);
        closed.map_err(|refused| LockError::new(refused, Duration::MAX))
    }

    /// Tells whether the queue takes no more items.
    pub fn is_closed(&self) -> bool {
        self.state().is_closed
    }

    /// Returns how many items there are at this moment.
    pub fn len(&self) -> usize {
        self.state().length as usize
    }

    /// Tells whether there is no item at this moment.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns how many items there can be.
    pub fn capacity(&self) -> usize {
        self.capacity as usize
    }

    #[inline]
    fn push_within(&self, item: T, wait: Wait) -> Result<(), PushError<T>> {
        let pushed = self.attempt(
            wait,
            |state| state.is_closed || !state.is_full(self.capacity),
            |state| self.append(state, std::slice::from_ref(&item)),
        );
        match pushed {
            Ok(0) => Err(PushError::Closed(item)),
            Ok(_) => Ok(()),
            Err(not_made) => Err(PushError::new(item, not_made)),
        }
    }

    #[inline]
    fn pop_within(&self, wait: Wait) -> Result<T, PopError> {
        let mut popped = None;
        self.attempt(
            wait,
            |state| state.is_closed || state.length > 0,
            |state| self.take(state, 1, |item| popped = Some(item)),
        )?;
        popped.ok_or(PopError::Closed)
    }

    #[inline]
    fn attempt<R>(
        &self,
        wait: Wait,
        is_time: impl Fn(State) -> bool,
        mut change: impl FnMut(State) -> (Option<State>, Option<R>),
    ) -> Result<R, NotMade> {
        attempt(
            &self.object,
            wait,
            |word| is_time(self.state_of(*word)),
            |word| {
                let (changed, result) = change(self.state_of(word));
                (changed.map(State::word), result)
            },
        )
    }

    /// Writes as many items behind the last one as there is room for. Returns how many: none into a
    /// closed queue, and no number when there is no room.
    #[inline]
    fn append(&self, state: State, items: &[T]) -> (Option<State>, Option<usize>) {
        if state.is_closed {
            return (None, Some(0));
        }
        let mut after = state;
        for item in items {
            match after.push(self.capacity) {
                Some(place) => shareable::write_words(self.words_of(place), item),
                None => break,
            }
        }
        let count = (after.length - state.length) as usize;
        match count {
            0 => (None, None),
            _ => (Some(after), Some(count)),
        }
    }

    /// Copies the first items. Takes none of a closed and empty queue; of an empty one, that is no
    /// result.
    #[inline]
    fn take(
        &self,
        state: State,
        most: usize,
        mut to: impl FnMut(T),
    ) -> (Option<State>, Option<()>) {
        if state.length == 0 {
            return (None, state.is_closed.then_some(()));
        }
        let mut after = state;
        for _ in 0..most {
            match after.pop(self.capacity) {
                Some(place) => to(shareable::read_words(self.words_of(place))),
                None => break,
            }
        }
        (Some(after), Some(()))
    }

    #[inline]
    fn words_of(&self, place: u32) -> &[AtomicU64] {
        // The object has so many words for each place, and a place is below the capacity.
        let start = place as usize * words_of::<T>();
        &self.object.words()[start..start + words_of::<T>()]
    }

    #[inline]
    fn state_of(&self, word: u64) -> State {
        State::of(word, self.capacity)
    }

    fn state(&self) -> State {
        self.state_of(self.object.state().load())
    }
}

impl<T> fmt::Debug for Queue<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = State::of(self.object.state().load(), self.capacity);
        formatter
            .debug_struct("Queue")
            .field("length", &state.length)
            .field("capacity", &self.capacity)
            .field("is_closed", &state.is_closed)
            .finish_non_exhaustive()
    }
}
