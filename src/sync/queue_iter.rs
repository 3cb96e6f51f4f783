//! Popping until a queue is closed and empty, as iterators.

use super::bytes_queue::BytesQueue;
use super::queue::Queue;
use crate::raw::shareable::Shareable;

/// Pops from a [`Queue`] until it is closed and empty. Made by [`Queue::iter`].
#[derive(Debug)]
pub struct QueueIter<'a, T> {
    queue: &'a Queue<T>,
}

/// Pops from a [`BytesQueue`] until it is closed and empty. Made by [`BytesQueue::iter`].
#[derive(Debug)]
pub struct BytesQueueIter<'a> {
    queue: &'a BytesQueue,
}

impl<'a, T> QueueIter<'a, T> {
    pub(super) fn new(queue: &'a Queue<T>) -> Self {
        Self { queue }
    }
}

impl<'a> BytesQueueIter<'a> {
    pub(super) fn new(queue: &'a BytesQueue) -> Self {
        Self { queue }
    }
}

impl<T: Shareable> Iterator for QueueIter<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.queue.pop().ok()
    }
}

impl Iterator for BytesQueueIter<'_> {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        self.queue.pop().ok()
    }
}

impl<'a, T: Shareable> IntoIterator for &'a Queue<T> {
    type Item = T;
    type IntoIter = QueueIter<'a, T>;

    fn into_iter(self) -> QueueIter<'a, T> {
        self.iter()
    }
}

impl<'a> IntoIterator for &'a BytesQueue {
    type Item = Vec<u8>;
    type IntoIter = BytesQueueIter<'a>;

    fn into_iter(self) -> BytesQueueIter<'a> {
        self.iter()
    }
}
