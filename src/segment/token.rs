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

use super::Segment;
use super::error::Error;
use crate::sys::byte_lock::ByteLock;
use crate::sys::clock::Deadline;
use crate::sys::mappings::FileId;

/// The kernel has no wait for one of several bytes, so who waits looks again: at first after the
/// millisecond in which it kills a program whose parent was killed, later every 50 ms, as often as
/// who waits beside slots looks again after a death. Nobody waits here but for a program that
/// outlived the holder that started it.
const FIRST_LOOK: Duration = Duration::from_millis(1);
const LAST_LOOK: Duration = Duration::from_millis(50);

/// What came of the wait for a token.
#[derive(Debug)]
pub(crate) enum Taken {
    /// It was had, and the segment had its name then.
    Token(Token),
    /// The deadline has passed.
    TooLate,
    /// The segment has lost its name: those who come from now on use another one.
    Removed,
}

/// The tokens of an object, of which none is taken yet.
#[derive(Debug)]
struct Tokens {
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
    /// Takes one of an object's `count` tokens, or gives up at the deadline.
    ///
    /// Whoever calls this holds the object's lock or one of its `count` permits. So there is a free
    /// one, unless a program has outlived the holder that started it.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchObject`], [`Error::Foreign`], [`Error::System`].
    pub(crate) fn take_token(
        &self,
        object: &str,
        count: u32,
        deadline: Option<Deadline>,
    ) -> Result<Taken, Error> {
        let range = self.entry(object)?.range();
        assert!(range.len() >= count as usize, "each permit takes a slot");
        let system = |action| {
            let name = self.mapped.name.clone();
            move |source| Error::system(action, &name, source)
        };
        let file = match ByteLock::open(&self.path(), self.mapped.mapping.inode()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Taken::Removed),
            file => file.map_err(system("open"))?,
        };
        let tokens = Tokens {
            file,
            first: range.start as u64,
            count: count.into(),
        };
        let taken = tokens.take(deadline).map_err(system("lock a byte of"))?;
        Ok(match taken {
            None => Taken::TooLate,
            // Removed during the wait, it says nothing of those who use its successor.
            Some(_) if !self.has_its_name().map_err(system("look at"))? => Taken::Removed,
            Some(token) => Taken::Token(token),
        })
    }

    /// Tells whether somebody holds a token of any object. It may have been inherited by what has nothing
    /// mapped.
    ///
    /// # Errors
    ///
    /// When the segment has lost its name; whatever the system answers.
    pub(crate) fn has_tokens_out(&self) -> io::Result<bool> {
        ByteLock::open(&self.path(), self.mapped.mapping.inode())?.is_locked_elsewhere()
    }

    fn has_its_name(&self) -> io::Result<bool> {
        match FileId::of(&self.path()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            named => Ok(named? == self.file()),
        }
    }
}

impl Tokens {
    fn take(self, deadline: Option<Deadline>) -> io::Result<Option<Token>> {
        match self.count {
            1 => self.take_the_only_one(deadline),
            _ => self.take_any(deadline),
        }
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
