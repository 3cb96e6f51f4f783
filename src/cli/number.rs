//! A number at an address, whatever kind of object holds it.

use std::time::Duration;

use super::address::Address;
use super::condition::Condition;
use super::exit_code::{Failure, WRONG};
use super::object::Object;
use crate::contender::Ledger;
use crate::segment::{Kind, SegmentOptions};
use crate::sync::{Array, Counter, Map, Value, WaitError};

/// What holds a number.
pub(super) enum Number {
    Value(Value<i64>),
    /// The total of a run, which only its workers add to.
    Total(Value<Ledger>),
    Counter(Counter),
    Element(Array<i64>, usize),
    /// A key of a map, there or not.
    Key(Map<i64>, String),
}

/// What a map is made for that nobody made for anything: it fits a segment of the usual size.
pub(super) const KEYS: usize = 128;
pub(super) const KEY_BYTES: usize = 64;

/// What is a number, or has some.
const ANY: &str = "a value, a counter, or an element of an array or a map";

impl Number {
    /// Opens the number at an address.
    pub(super) fn at(address: &Address) -> Result<Self, Failure> {
        Self::of(&Object::at(address)?)
    }

    /// Opens the number at an address; if it is missing, it may be made with 0 in it.
    pub(super) fn to_change(address: &Address, may_create: bool) -> Result<Self, Failure> {
        if !may_create {
            return Self::at(address);
        }
        let segment = address.open_or_create(&SegmentOptions::new())?;
        match (segment.find(&address.object)?, &address.element) {
            (None, None) => Ok(Self::Value(segment.value(&address.object, 0)?)),
            (None, Some(key)) => {
                let map = segment.map(&address.object, KEYS, KEY_BYTES)?;
                Ok(Self::Key(map, key.clone()))
            }
            (Some(_), _) => Self::at(address),
        }
    }

    /// Opens the number that an object is.
    pub(super) fn of(object: &Object) -> Result<Self, Failure> {
        match object.entry().kind() {
            Some(Kind::Value) if object.is_total() => {
                Ok(Self::Total(Ledger::open(object.segment())?))
            }
            Some(Kind::Value) => Ok(Self::Value(object.value()?)),
            Some(Kind::Counter) => object.counter().map(Self::Counter),
            Some(Kind::Array) => object
                .element()
                .map(|(array, index)| Self::Element(array, index)),
            Some(Kind::Map) => object.key().map(|(map, key)| Self::Key(map, key)),
            _ => Err(object.wrong_kind(ANY)),
        }
    }

    pub(super) fn load(&self) -> Result<i64, Failure> {
        match self {
            Self::Value(value) => Ok(value.load()),
            Self::Total(ledger) => Ok(ledger.load().total()),
            Self::Counter(counter) => Ok(counter.sum()),
            Self::Element(array, index) => Ok(array.load(*index)),
            Self::Key(map, key) => map.get(key).ok_or_else(|| Failure::Error {
                code: WRONG,
                error: format!("the map has no key '{key}'").into(),
                help: Some("`shmcount add` and `shmcount set` make it".to_owned()),
            }),
        }
    }

    /// Adds, and returns the number after. A key that is not there is made, as if it were 0.
    pub(super) fn add(&self, by: i64) -> Result<i64, Failure> {
        let before = match self {
            Self::Value(value) => value.fetch_add(by)?,
            Self::Total(_) => return Err(unchangeable()),
            Self::Counter(counter) => {
                counter.add(by);
                return Ok(counter.sum());
            }
            Self::Element(array, index) => array.fetch_add(*index, by)?,
            Self::Key(map, key) => map.fetch_add(key, by)?,
        };
        // That it is no overflow was seen by `fetch_add`.
        Ok(before.wrapping_add(by))
    }

    pub(super) fn store(&self, number: i64) -> Result<(), Failure> {
        match self {
            Self::Value(value) => Ok(value.store(number)?),
            Self::Total(_) => Err(unchangeable()),
            Self::Counter(_) => Err(counts_only()),
            Self::Element(array, index) => Ok(array.store(*index, number)?),
            Self::Key(map, key) => Ok(map.insert(key, number).map(drop)?),
        }
    }

    /// Puts `new` in the place of `old`; returns what was there instead as the inner error. A key that is
    /// not there is taken for 0.
    pub(super) fn compare_exchange(&self, old: i64, new: i64) -> Result<Result<i64, i64>, Failure> {
        let found = match self {
            Self::Value(value) => return Ok(value.compare_exchange(old, new)?),
            Self::Total(_) => return Err(unchangeable()),
            Self::Counter(_) => return Err(counts_only()),
            Self::Element(array, index) => {
                let mut elements = array.lock()?;
                let found = elements.get(*index);
                if found == old {
                    elements.set(*index, new);
                }
                found
            }
            Self::Key(map, key) => {
                let mut keys = map.lock()?;
                let found = keys.get(key).unwrap_or(0);
                if found == old {
                    keys.insert(key, new)?;
                }
                found
            }
        };
        Ok(if found == old { Ok(found) } else { Err(found) })
    }

    /// Sleeps until a condition holds, and returns the number then; the last one is the inner error
    /// when the time is over.
    pub(super) fn wait_until(
        &self,
        condition: Condition,
        timeout: Option<Duration>,
    ) -> Result<Result<i64, i64>, Failure> {
        match self {
            Self::Value(value) => {
                let waited = value.wait_until(|number| condition.holds(*number), timeout);
                Ok(waited.map_err(last))
            }
            Self::Total(ledger) => {
                let waited = ledger.wait_until(|ledger| condition.holds(ledger.total()), timeout);
                let total = |ledger: Ledger| ledger.total();
                Ok(waited.map(total).map_err(|error| total(last(error))))
            }
            Self::Counter(_) | Self::Element(..) | Self::Key(..) => Err(Failure::refused(
                "a counter, or an element of an array or a map, cannot be waited for",
                Some("keep what is waited for in a value of its own: NAME/OBJECT".to_owned()),
            )),
        }
    }
}

/// Says that the total of a run is not for others to change.
fn unchangeable() -> Failure {
    Failure::refused(
        "it is the total of a run, expected a number that can be changed",
        Some("only the workers of a run add to its total".to_owned()),
    )
}

/// Says what counters do not do: their adders do not know of each other.
fn counts_only() -> Failure {
    Failure::refused(
        "a counter is only added to, and cannot be set",
        Some("use a value: `shmcount create NAME`".to_owned()),
    )
}

/// Returns the last value of a wait that failed.
fn last<T>(error: WaitError<T>) -> T {
    match error {
        WaitError::TimedOut(value) | WaitError::HeldByCaller(value) => value,
    }
}
