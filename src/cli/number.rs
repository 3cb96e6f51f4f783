//! A number at an address, whatever kind of object holds it.

use std::time::Duration;

use super::address::Address;
use super::condition::Condition;
use super::exit_code::Failure;
use super::object::Object;
use crate::contender::Ledger;
use crate::segment::{Kind, Segment};
use crate::sync::{Value, WaitError};

/// What holds a number.
pub(super) enum Number {
    Value(Value<i64>),
    /// The total of a run, which only its workers add to.
    Total(Value<Ledger>),
}

/// What can be done to a number.
const CHANGED: &str = "a number that can be changed";
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
        let segment = Segment::open_or_create(&address.segment)?;
        match segment.find(&address.object)? {
            None if address.element.is_none() => {
                Ok(Self::Value(segment.value(&address.object, 0)?))
            }
            _ => Self::at(address),
        }
    }

    /// Opens the number that an object is.
    pub(super) fn of(object: &Object) -> Result<Self, Failure> {
        match object.entry().kind() {
            Some(Kind::Value) if object.is_total() => {
                Ok(Self::Total(Ledger::open(object.segment())?))
            }
            Some(Kind::Value) => Ok(Self::Value(object.value()?)),
            _ => Err(object.wrong_kind(ANY)),
        }
    }

    pub(super) fn load(&self) -> i64 {
        match self {
            Self::Value(value) => value.load(),
            Self::Total(ledger) => ledger.load().total(),
        }
    }

    /// Adds, and returns the number after.
    pub(super) fn add(&self, by: i64) -> Result<i64, Failure> {
        // That it is no overflow was seen by `fetch_add`.
        Ok(self.changeable()?.fetch_add(by)?.wrapping_add(by))
    }

    pub(super) fn store(&self, number: i64) -> Result<(), Failure> {
        Ok(self.changeable()?.store(number)?)
    }

    /// Puts `new` in the place of `old`; returns what was there instead as the inner error.
    pub(super) fn compare_exchange(&self, old: i64, new: i64) -> Result<Result<i64, i64>, Failure> {
        Ok(self.changeable()?.compare_exchange(old, new)?)
    }

    /// Sleeps until a condition holds, and returns the number then; the last one is the inner error
    /// when the time is over.
    pub(super) fn wait_until(
        &self,
        condition: Condition,
        timeout: Option<Duration>,
    ) -> Result<i64, i64> {
        match self {
            Self::Value(value) => {
                let waited = value.wait_until(|number| condition.holds(*number), timeout);
                waited.map_err(last)
            }
            Self::Total(ledger) => {
                let waited = ledger.wait_until(|ledger| condition.holds(ledger.total()), timeout);
                waited
                    .map_err(last)
                    .map_or_else(|ledger| Err(ledger.total()), |ledger| Ok(ledger.total()))
            }
        }
    }

    fn changeable(&self) -> Result<&Value<i64>, Failure> {
        match self {
            Self::Value(value) => Ok(value),
            Self::Total(ledger) => Err(Failure::refused(
                format!(
                    "'{}' is the total of a run, expected {CHANGED}",
                    ledger.segment().name()
                ),
                Some("only the workers of a run add to its total".to_owned()),
            )),
        }
    }
}

/// Returns the last value of a wait that failed.
fn last<T>(error: WaitError<T>) -> T {
    match error {
        WaitError::TimedOut(value) | WaitError::HeldByCaller(value) => value,
    }
}
