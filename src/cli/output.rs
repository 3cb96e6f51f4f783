//! Where the program writes.
//!
//! A reader that has gone is no failure: whoever piped into `head` has seen enough. Any other
//! failure to write a result is one.

use std::fmt::Display;
use std::io::{self, StdoutLock, Write};

use super::exit_code::{Failure, REFUSED};
use crate::sys::start;

/// Refuses to begin what has a result when there is nowhere to write it.
pub(super) fn check() -> Result<(), Failure> {
    if !start::stdout_was_closed() {
        return Ok(());
    }
    Err(Failure::Error {
        code: REFUSED,
        error: "standard output is closed, and the result goes there".into(),
        help: Some("leave it open, or write to /dev/null".to_owned()),
    })
}

/// Writes a result, which brings its own line ends, to standard output.
pub(super) fn text(text: impl Display) -> Result<(), Failure> {
    is_read(text).map(drop)
}

/// Writes a result, and tells whether somebody is there to read more.
pub(super) fn is_read(text: impl Display) -> Result<bool, Failure> {
    written(|output| write!(output, "{text}"))
}

fn written(write: impl FnOnce(&mut StdoutLock) -> io::Result<()>) -> Result<bool, Failure> {
    check()?;
    let mut output = io::stdout().lock();
    match write(&mut output).and_then(|()| output.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Failure::refused(
            format!("cannot write to standard output: {error}"),
            // Who adds again would have added twice.
            Some("what was asked for is done, and the result alone is missing".to_owned()),
        )),
    }
}

/// Writes a result of any bytes, and tells whether somebody is there to read more.
pub(super) fn bytes(bytes: &[u8]) -> Result<bool, Failure> {
    written(|output| output.write_all(bytes))
}

/// Writes a result in one line.
pub(super) fn line(line: impl Display) -> Result<(), Failure> {
    text(format_args!("{line}\n"))
}

/// Writes what is no result to standard error.
pub(super) fn complain(text: impl Display) {
    // Nobody is left to be told of a failure here.
    let _ = write!(io::stderr(), "{text}");
}
