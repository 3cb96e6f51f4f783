//! How an object is named on the command line: `NAME` or `NAME/OBJECT`.

use std::convert::Infallible;
use std::str::FromStr;

use crate::contender::{Ledger, MAIN};
use crate::segment::{Error, Segment};
use crate::sync::Value;

/// A segment and an object in it.
#[derive(Clone, Debug)]
pub(super) struct Address {
    pub(super) segment: String,
    pub(super) object: String,
}

impl FromStr for Address {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let (segment, object) = text.split_once('/').unwrap_or((text, MAIN));
        Ok(Self {
            segment: segment.to_owned(),
            object: object.to_owned(),
        })
    }
}

impl Address {
    /// Opens the number at this address.
    pub(super) fn open(&self) -> Result<Value<i64>, Error> {
        Segment::open(&self.segment)?.open_value(&self.object)
    }

    /// Reads the number at this address, or the total of a run.
    pub(super) fn load(&self) -> Result<i64, Error> {
        let segment = Segment::open(&self.segment)?;
        match segment.open_value::<i64>(&self.object) {
            Ok(value) => Ok(value.load()),
            Err(error) if self.object == MAIN => match Ledger::open(&segment) {
                Ok(ledger) => Ok(ledger.load().total()),
                Err(_) => Err(error),
            },
            Err(error) => Err(error),
        }
    }
}
