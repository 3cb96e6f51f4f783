//! What a segment may be called.

use std::fmt;

use super::error::Error;

/// The name of a segment: 1 to 200 bytes, without `/`, `[`, `]` and control characters.
///
/// Its file is `/dev/shm/shmcount.NAME`. `NAME/OBJECT` and `NAME[INDEX]` address what is inside,
/// so their signs cannot be part of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name(String);

impl Name {
    /// A file name has 255 bytes at most; this leaves room for the prefix and for a suffix.
    pub const MAX_LENGTH: usize = 200;

    const PREFIX: &'static str = "shmcount.";

    /// Checks a name.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidName`].
    pub fn new(name: &str) -> Result<Self, Error> {
        let invalid = |reason| Error::InvalidName {
            name: name.to_owned(),
            reason,
        };
        if name.is_empty() {
            return Err(invalid("it is empty"));
        }
        if name.len() > Self::MAX_LENGTH {
            return Err(invalid("it is longer than 200 bytes"));
        }
        if name.contains(['/', '[', ']']) {
            return Err(invalid("it contains '/', '[' or ']'"));
        }
        if name.contains(char::is_control) {
            return Err(invalid("it contains a control character"));
        }
        Ok(Self(name.to_owned()))
    }

    /// Reads a name back from that of a file in `/dev/shm`, if it is one of ours.
    pub fn from_file(file: &str) -> Option<Self> {
        Self::new(file.strip_prefix(Self::PREFIX)?).ok()
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the name as an argument of a command that can be copied to a shell.
    pub(crate) fn quoted(&self) -> String {
        argument(&self.0)
    }

    pub(super) fn file(&self) -> String {
        format!("{}{}", Self::PREFIX, self.0)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// Quotes a text for a shell, if it has to be; what looks like an option is no option behind `--`.
pub(crate) fn argument(text: &str) -> String {
    let is_plain = |sign: char| sign.is_alphanumeric() || "_./:@%+=,-".contains(sign);
    let word = match !text.is_empty() && text.chars().all(is_plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    };
    match text.starts_with('-') {
        true => format!("-- {word}"),
        false => word,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_shell_would_take_apart_is_quoted() {
        for (text, expected) in [
            ("visits", "visits"),
            ("über/all", "über/all"),
            ("two words", "'two words'"),
            ("hits[3]", "'hits[3]'"),
            ("it's", r"'it'\''s'"),
            ("$HOME", "'$HOME'"),
            ("-n", "-- -n"),
            ("", "''"),
        ] {
            assert_eq!(argument(text), expected);
        }
    }
}
