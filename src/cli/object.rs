//! Whatever object is at an address: found by the directory, opened by its kind.
//!
//! A verb asks for what it needs. What is of another kind is an error that names the kind found, what the
//! verb takes, and what is to be used instead.

use super::address::Address;
use super::exit_code::Failure;
use super::nearest;
use crate::contender::MAIN;
use crate::raw::shareable::ElementType;
use crate::segment::{self, Entry, Kind, Name, Segment, argument};
use crate::sync::{Array, Barrier, BytesQueue, Counter, Event, Map, Value, WaitGroup};

/// An object that is there.
pub(super) struct Object {
    address: Address,
    segment: Segment,
    entry: Entry,
}

impl Object {
    /// Finds the object at an address.
    pub(super) fn at(address: &Address) -> Result<Self, Failure> {
        Self::found_at(address).map_err(|failure| match address.element {
            None => failure,
            Some(_) => failure.or_made_by(|| format!("shmcount add --create {}", address.quoted())),
        })
    }

    /// Finds the object at an address; if it is missing, says that `create` makes it, and as what.
    pub(super) fn made_as(kind: &str, address: &Address) -> Result<Self, Failure> {
        Self::found_at(address).map_err(|failure| {
            failure.or_made_by(|| format!("shmcount create {} {kind}", address.quoted()))
        })
    }

    fn found_at(address: &Address) -> Result<Self, Failure> {
        let segment = address.open_segment()?;
        let Some(entry) = segment.find(&address.object)? else {
            return Err(missing(&segment, &address.object));
        };
        Ok(Self::of(address.clone(), segment, entry))
    }

    /// Finds all objects of a segment.
    pub(super) fn all_of(segment: &Segment) -> Result<Vec<Self>, Failure> {
        let object = |entry: Entry| {
            let address = Address {
                segment: segment.name().to_owned(),
                object: entry.name().to_owned(),
                element: None,
            };
            Self::of(address, segment.clone(), entry)
        };
        Ok(segment.entries()?.into_iter().map(object).collect())
    }

    fn of(address: Address, segment: Segment, entry: Entry) -> Self {
        Self {
            address,
            segment,
            entry,
        }
    }

    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    pub(super) fn segment(&self) -> &Segment {
        &self.segment
    }

    pub(super) fn entry(&self) -> &Entry {
        &self.entry
    }

    /// Opens the number that the object is.
    pub(super) fn value(&self) -> Result<Value<i64>, Failure> {
        self.expect(Kind::Value, "a value")?;
        self.expect_whole()?;
        self.expect_i64()?;
        Ok(self.segment.open_value(self.entry.name())?)
    }

    /// Opens the array of numbers that the object is, and says which of them the address names.
    pub(super) fn element(&self) -> Result<(Array<i64>, usize), Failure> {
        self.expect_i64()?;
        let array = self.segment.open_array(self.entry.name())?;
        let element = self.element_named("[INDEX]")?;
        let index = element.parse().ok().filter(|index| *index < array.len());
        match index {
            Some(index) => Ok((array, index)),
            None => Err(Failure::usage(format!(
                "array '{}' has no element [{element}], expected 0 to {}",
                self.full_name(),
                array.len().saturating_sub(1)
            ))),
        }
    }

    /// Opens the map of numbers that the object is, and says which key the address names.
    pub(super) fn key(&self) -> Result<(Map<i64>, String), Failure> {
        self.expect_i64()?;
        let map = self.segment.open_map(self.entry.name())?;
        Ok((map, self.element_named("[KEY]")?.to_owned()))
    }

    /// Opens the counter that the object is.
    pub(super) fn counter(&self) -> Result<Counter, Failure> {
        self.expect_whole()?;
        Ok(self.segment.counter(self.entry.name())?)
    }

    /// Opens the event that the object is.
    pub(super) fn event(&self) -> Result<Event, Failure> {
        self.expect(Kind::Event, "an event")?;
        Ok(self.segment.event(self.entry.name())?)
    }

    /// Opens the queue of texts that the object is.
    pub(super) fn lines(&self) -> Result<BytesQueue, Failure> {
        self.expect(Kind::BytesQueue, "a queue of texts")?;
        self.expect_whole()?;
        Ok(self.segment.open_bytes_queue(self.entry.name())?)
    }

    /// Opens the barrier that the object is.
    pub(super) fn barrier(&self) -> Result<Barrier, Failure> {
        self.expect(Kind::Barrier, "a barrier")?;
        self.expect_whole()?;
        Ok(self.segment.barrier(self.entry.name(), self.length())?)
    }

    /// Opens the wait group that the object is.
    pub(super) fn wait_group(&self) -> Result<WaitGroup, Failure> {
        self.expect(Kind::WaitGroup, "a wait-group")?;
        self.expect_whole()?;
        Ok(self.segment.wait_group(self.entry.name(), self.length())?)
    }

    /// Returns the length of what has less than 2^32 of anything.
    pub(super) fn length(&self) -> u32 {
        u32::try_from(self.entry.length()).unwrap_or(u32::MAX)
    }

    fn element_named(&self, what: &str) -> Result<&str, Failure> {
        let element = self.address.element.as_deref();
        let missing = || {
            let kind = with_article(self.entry.kind().map_or("unknown", Kind::name));
            Failure::refused(
                format!(
                    "object '{}' is {kind}, expected one of its elements",
                    self.full_name()
                ),
                Some(format!("name one: '{}{what}'", self.address)),
            )
        };
        element.ok_or_else(missing)
    }

    fn expect_i64(&self) -> Result<(), Failure> {
        match self.entry.element_type() {
            ElementType::I64 => Ok(()),
            found => Err(Failure::refused(
                format!(
                    "object '{}' is of type {}, expected i64",
                    self.full_name(),
                    found.name(self.entry.element_size())
                ),
                Some("the command line knows no other type; use the library".to_owned()),
            )),
        }
    }

    /// Refuses an object of another kind than the verb takes.
    pub(super) fn expect(&self, kind: Kind, takes: &str) -> Result<(), Failure> {
        match self.entry.kind() {
            Some(found) if found == kind => Ok(()),
            _ => Err(self.wrong_kind(takes)),
        }
    }

    /// Says that the object is none of the kinds that a verb takes.
    pub(super) fn wrong_kind(&self, takes: &str) -> Failure {
        let kind = self.entry.kind();
        let found = kind.map_or_else(
            || "of a kind that this version does not know".to_owned(),
            |kind| with_article(kind.name()),
        );
        let error = format!("object '{}' is {found}, expected {takes}", self.full_name());
        let name = &self.address.quoted();
        let help = match kind {
            Some(Kind::Value | Kind::Counter) => {
                format!("read it with `shmcount get {name}`, change it with `shmcount add {name}`")
            }
            Some(Kind::Lock) => {
                format!("hold it while a command runs: `shmcount lock {name} -- COMMAND`")
            }
            Some(Kind::Semaphore) => {
                format!("hold a permit while a command runs: `shmcount sem {name} -- COMMAND`")
            }
            Some(Kind::Event) => format!("use `shmcount event`: `shmcount event wait {name}`"),
            Some(Kind::BytesQueue) => {
                format!("use `shmcount push {name}` and `shmcount pop {name}`")
            }
            Some(Kind::Barrier) => format!("use `shmcount barrier {name}`"),
            Some(Kind::WaitGroup) => format!("use `shmcount wg`: `shmcount wg wait {name}`"),
            _ => format!(
                "look at it with `shmcount show {}`",
                argument(&self.address.segment)
            ),
        };
        Failure::refused(error, Some(help))
    }

    /// Refuses an address with an element of what has none.
    pub(super) fn expect_whole(&self) -> Result<(), Failure> {
        match &self.address.element {
            None => Ok(()),
            Some(element) => Err(Failure::refused(
                format!(
                    "object '{}' is {}, and has no element [{element}]",
                    self.full_name(),
                    with_article(self.entry.kind().map_or("unknown", Kind::name))
                ),
                Some("only arrays and maps have elements".to_owned()),
            )),
        }
    }

    /// Tells whether the object is the total of a run.
    pub(super) fn is_total(&self) -> bool {
        self.entry.kind() == Some(Kind::Value)
            && self.entry.element_type() == ElementType::Record
            && self.entry.name() == MAIN
    }

    pub(super) fn full_name(&self) -> String {
        format!("{}/{}", self.segment.name(), self.entry.name())
    }
}

/// Says that a segment has no such object, and which it may have been.
fn missing(segment: &Segment, object: &str) -> Failure {
    let name = match Name::new(segment.name()) {
        Ok(name) => name,
        Err(error) => return error.into(),
    };
    let entries = segment.entries().unwrap_or_default();
    let near = nearest::nearest(object, entries.iter().map(|entry| entry.name().to_owned()));
    let help = match near {
        Some(near) => format!("{} '{name}/{near}'?", nearest::DID_YOU_MEAN),
        None => format!("`shmcount show {}` lists its objects", name.quoted()),
    };
    let object = object.to_owned();
    Failure::refused(segment::Error::NoSuchObject { name, object }, Some(help))
}

pub(super) fn with_article(noun: &str) -> String {
    match noun.starts_with(['a', 'e', 'i', 'o', 'u']) {
        true => format!("an {noun}"),
        false => format!("a {noun}"),
    }
}
