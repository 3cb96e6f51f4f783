//! What the processes of a storm work on.

use bytemuck::{Pod, Zeroable};
use shmcount::{Lock, Segment, Value};

use super::board::WORKERS;

/// How many side segments are opened, created and removed.
pub const SIDES: usize = 4;

/// Total and tallies, always committed together.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct Account {
    pub total: u64,
    pub last: u64,
    pub tally: [u64; WORKERS],
}

/// The handles of one process.
pub struct Objects {
    pub counter: Value<i64>,
    pub account: Value<Account>,
    pub pair: Value<[u64; 2]>,
    pub large: Value<[u64; 64]>,
    pub gate: Lock,
}

impl Objects {
    pub fn of(segment: &Segment) -> Result<Self, shmcount::Error> {
        Ok(Self {
            counter: segment.value("counter", 0)?,
            account: segment.value("account", Account::zeroed())?,
            pair: segment.value("pair", [0; 2])?,
            large: segment.value("large", [0; 64])?,
            gate: segment.lock("gate")?,
        })
    }

    pub fn recoveries(&self) -> u32 {
        self.counter.recoveries()
            + self.account.recoveries()
            + self.pair.recoveries()
            + self.large.recoveries()
            + self.gate.recoveries()
    }
}

impl Account {
    pub fn is_balanced(&self) -> bool {
        self.total == self.tally.iter().sum::<u64>()
    }
}

/// Returns the name of a side segment.
pub fn side_name(name: &str, side: usize) -> String {
    format!("{name}-side-{side}")
}
