//! What a program that runs under a lock holds beside it, and hands down to all that it starts.
//!
//! A lock belongs to a thread and is free when that dies; the programs which the thread's process
//! started may run on. So each of them inherits a token, a locked byte of the segment's file
//! ([`crate::sys::byte_lock`]). Who gets the lock takes the token as well before it starts anything: after
//! a death it waits here until the last of the dead one's programs is gone, or has closed
//! what it inherited. The bytes are those where the object lies, so no two objects share one.

use std::io;
use std::thread;
use std::time::Duration;

use super::error::Error;
use super::{Name, Segment};
use crate::sys::byte_lock::ByteLock;
use crate::sys::clock::Deadline;

/// The kernel has no wait for one of several bytes, so who waits looks again: at first after the
/// millisecond in which it kills a program whose parent was killed, later every 50 ms, as often as
/// who waits beside slots looks again after a death. Nobody waits here but for a program that
/// outlived the holder that started it.
const FIRST_LOOK: Duration = Duration::from_millis(1);
const LAST_LOOK: Duration = Duration::from_millis(50);

/// The tokens of an object, of which none is taken yet.
#[derive(Debug)]
pub(crate) struct Tokens {
    name: Name,
    file: ByteLock,
    first: u64,
    count: u64,
}

/// A token. It is free again once this, and what was inherited of it, is closed everywhere.
#[derive(Debug)]
pub(crate) struct Token {
    file: ByteLock,
    index: u64,
}

impl Segment {
    /// Returns the tokens of an object, `count` of them, or nothing when the segment has lost its
    /// name: those who come from now on use another one.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchObject`], [`Error::Foreign`], [`Error::System`].
    pub(crate) fn tokens(&self, object: &str, count: u32) -> Result<Option<Tokens>, Error> {
        let name = self.mapped.name.clone();
        let Some(entry) = self.find(object)? else {
            let object = object.to_owned();
            return Err(Error::NoSuchObject { name, object });
        };
        let range = entry.range();
        assert!(range.len() >= count as usize, "each permit takes a slot");
        match ByteLock::open(&self.path(), self.mapped.mapping.inode()) {
            Ok(file) => Ok(Some(Tokens {
                name,
                file,
                first: range.start as u64,
                count: count.into(),
            })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::system("open", &name, error)),
        }
    }
}

impl Tokens {
    /// Takes one of them, or gives up at the deadline.
    ///
    /// Whoever calls this holds the object's lock or one of its `count` permits. So there is a free
    /// one, unless a program has outlived the holder that started it.
    ///
    /// # Errors
    ///
    /// [`Error::System`].
    pub(crate) fn take(self, deadline: Option<Deadline>) -> Result<Option<Token>, Error> {
        let name = self.name.clone();
        let taken = match self.count {
            1 => self.take_the_only_one(deadline),
            _ => self.take_any(deadline),
        };
        taken.map_err(|source| Error::system("lock a byte of", &name, source))
    }

    fn take_the_only_one(self, deadline: Option<Deadline>) -> io::Result<Option<Token>> {
        let file = match deadline.is_some_and(Deadline::has_passed) {
            true => self.file.try_lock(self.first)?.then_some(self.file),
            false => self.file.lock(self.first, deadline)?,
        };
        Ok(file.map(|file| Token { file, index: 0 }))
    }

    fn take_any(self, deadline: Option<Deadline>) -> io::Result<Option<Token>> {
        let mut look = FIRST_LOOK;
        loop {
            for index in 0..self.count {
                if self.file.try_lock(self.first + index)? {
                    let file = self.file;
                    return Ok(Some(Token { file, index }));
                }
            }
            if deadline.is_some_and(Deadline::has_passed) {
                return Ok(None);
            }
            thread::sleep(Deadline::or_within(deadline, look).remaining());
            look = LAST_LOOK.min(look * 2);
        }
    }
}

impl Token {
    /// Returns which of the object's tokens it is.
    pub(crate) fn index(&self) -> u64 {
        self.index
    }

    /// Returns what programs have to inherit.
    pub(crate) fn file(&self) -> &ByteLock {
        &self.file
    }
}
