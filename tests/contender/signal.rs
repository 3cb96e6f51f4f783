//! Bytes that one process of a test sends to another, through a pipe that both
//! inherited.

use std::os::fd::{AsFd, OwnedFd};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::{pipe, read, write};

pub struct Signal {
    reader: OwnedFd,
    writer: OwnedFd,
}

impl Signal {
    pub fn new() -> Self {
        let (reader, writer) = pipe().unwrap();
        Self { reader, writer }
    }

    pub fn send(&self, byte: u8) {
        assert_eq!(write(&self.writer, &[byte]).unwrap(), 1);
    }

    /// Waits for a byte. Everybody keeps both ends, so a sender that died is the
    /// watchdog's matter.
    pub fn receive(&self) -> u8 {
        let mut byte = [0];
        assert_eq!(read(&self.reader, &mut byte).unwrap(), 1);
        byte[0]
    }

    /// Whether a byte was sent that nobody received.
    pub fn is_pending(&self) -> bool {
        let mut readable = [PollFd::new(self.reader.as_fd(), PollFlags::POLLIN)];
        poll(&mut readable, PollTimeout::ZERO).unwrap() > 0
    }
}
