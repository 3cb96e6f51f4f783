//! How an object is named on the command line: `NAME`, `NAME/OBJECT`, and either with `[ELEMENT]`.

use std::fmt;
use std::str::FromStr;

use super::exit_code::Failure;
use super::object::Object;
use crate::contender::MAIN;
use crate::segment::{Name, Segment, SegmentOptions, argument, directory};
use crate::sync::Value;

/// Reads an address without an element, for what takes objects alone.
pub(super) fn whole(text: &str) -> Result<Address, &'static str> {
    let address: Address = text.parse()?;
    match address.element {
        None => Ok(address),
        Some(_) => Err("only arrays and maps have elements\n  help: another object is NAME/OBJECT"),
    }
}

/// A segment, an object in it, and perhaps an element of that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) segment: String,
    pub(super) object: String,
    /// The index of an array's element, or a key of a map: the object's kind says which.
    pub(super) element: Option<String>,
}

impl FromStr for Address {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        // The element first: a key may have any signs in it.
        let (place, element) = match text.split_once('[') {
            None => (text, None),
            Some((place, rest)) => {
                let element = rest.strip_suffix(']');
                let element = element.ok_or("'[' has no ']' at the end")?;
                (place, Some(element.to_owned()))
            }
        };
        let (segment, object) = place.split_once('/').unwrap_or((place, MAIN));
        Ok(Self {
            segment: segment.to_owned(),
            object: object.to_owned(),
            element,
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.segment)?;
        if self.object != MAIN {
            write!(formatter, "/{}", self.object)?;
        }
        match &self.element {
            Some(element) => write!(formatter, "[{element}]"),
            None => Ok(()),
        }
    }
}

impl Address {
    /// Tells whether nothing but a segment is named, by an address without an element.
    pub(super) fn is_whole_segment(&self) -> bool {
        self.object == MAIN
    }

    /// Returns the address as an argument of a command that can be copied to a shell.
    pub(super) fn quoted(&self) -> String {
        argument(&self.to_string())
    }

    /// Opens the segment. If it is missing, the object as well is made by what is said.
    pub(super) fn open_segment(&self) -> Result<Segment, Failure> {
        self.check()?;
        let opened = Segment::open(&self.segment).map_err(Failure::from);
        opened
            .map_err(|missing| missing.or_made_by(|| format!("shmcount create {}", self.quoted())))
    }

    /// Opens the segment, or makes it.
    pub(super) fn open_or_create(&self, options: &SegmentOptions) -> Result<Segment, Failure> {
        self.check()?;
        Ok(options.open_or_create(&self.segment)?)
    }

    /// Refuses what cannot be a name, before anything is made for it.
    fn check(&self) -> Result<(), Failure> {
        Name::new(&self.segment)?;
        Ok(directory::check_name(&self.object)?)
    }

    /// Opens the number at this address, which must be a value.
    pub(super) fn open(&self) -> Result<Value<i64>, Failure> {
        Object::at(self)?.value()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(segment: &str, object: &str, element: Option<&str>) -> Address {
        Address {
            segment: segment.to_owned(),
            object: object.to_owned(),
            element: element.map(str::to_owned),
        }
    }

    #[test]
    fn addresses_have_a_segment_an_object_and_an_element() {
        let expected = [
            ("a", address("a", "main", None)),
            ("a/b", address("a", "b", None)),
            ("a[3]", address("a", "main", Some("3"))),
            ("a/b[3]", address("a", "b", Some("3"))),
            ("a[x/y[0]]", address("a", "main", Some("x/y[0]"))),
            ("a[]", address("a", "main", Some(""))),
            ("a/b/c", address("a", "b/c", None)),
        ];
        for (text, expected) in expected {
            assert_eq!(text.parse(), Ok(expected.clone()), "{text}");
            assert_eq!(expected.to_string(), text);
        }
        for text in ["a[3", "a[3]b"] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }

    #[test]
    fn whole_objects_have_no_element() {
        for text in ["a", "a/b"] {
            assert_eq!(whole(text), text.parse(), "{text}");
        }
        for text in ["a[3]", "a/b[]", "a[3"] {
            assert!(whole(text).is_err(), "{text}");
        }
    }
}
