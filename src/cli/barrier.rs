//! `barrier`: a meeting from which nobody goes on before all have come.

use std::time::Duration;

use clap::{Args, ValueEnum};
use serde_json::json;

use super::address::{self, Address};
use super::exit_code::{Failure, REFUSED, TIMED_OUT, USAGE, WRONG};
use super::object::Object;
use super::{args, output};
use crate::segment::{Error, SegmentOptions};
use crate::sync::{Barrier as Meeting, BarrierError, BarrierWaitResult, BrokenBy};

/// Bytes of a segment that a party takes.
const BYTES_A_PARTY: usize = 192;

/// Wait until N have come to a barrier, then all go on
#[derive(Args)]
#[command(
    allow_missing_positional = true,
    override_usage = "shmcount barrier [wait|reset] [OPTIONS] NAME",
    after_help = "\
The barrier can be met at again. When one who waits is killed, or its time is over, the barrier is broken: \
all who wait and all who come are told so at once, until somebody says `reset`. One that is killed \
elsewhere is missed by nobody: give a --timeout. --json prints {\"name\": NAME, \"generation\": N, \
\"leader\": BOOL}.

Exit status: 0 all have come; 1 it is broken; 124 the time was over, and the barrier is broken by that.

Example: shmcount barrier phase --parties 4 --timeout 1m && go-on"
)]
pub(super) struct Barrier {
    /// What to do [default: wait]
    #[arg(value_enum)]
    action: Option<Action>,
    /// Segment, or SEGMENT/OBJECT, of the barrier
    #[arg(value_parser = address::whole)]
    name: Address,
    /// Make it for N parties, and its segment, when they are missing
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    parties: Option<u32>,
    /// Give up waiting after TIME, 0 for at once [default: never]
    #[arg(long, short = 'w', value_name = "TIME", value_parser = args::time)]
    timeout: Option<Duration>,
    /// Print `leader` if this is the last to come: one of all who met
    #[arg(long, conflicts_with = "json")]
    leader: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Action {
    /// Sleep until all have come
    Wait,
    /// Make it whole when it is broken; break it for those who wait
    Reset,
}

impl Barrier {
    pub(super) fn run(self) -> Result<(), Failure> {
        self.check()?;
        match self.action.unwrap_or(Action::Wait) {
            Action::Wait => self.wait(),
            Action::Reset if self.timeout.is_some() || self.leader || self.json => Err(
                Failure::usage("--timeout, --leader and --json do not go with `barrier reset`"),
            ),
            Action::Reset => Ok(self.open()?.reset()?),
        }
    }

    /// Refuses a name that is an action, whose name was forgotten.
    fn check(&self) -> Result<(), Failure> {
        let name = &self.name.segment;
        let is_action = Action::from_str(name, false).is_ok();
        if self.action.is_some() || !self.name.is_whole_segment() || !is_action {
            return Ok(());
        }
        Err(Failure::Error {
            code: USAGE,
            error: format!("`barrier {name}` needs a NAME").into(),
            help: Some(format!(
                "a barrier that is called so is waited at with `shmcount barrier wait {name}`"
            )),
        })
    }

    fn wait(&self) -> Result<(), Failure> {
        if self.leader || self.json {
            output::check()?;
        }
        let barrier = self.open()?;
        let met = match self.timeout {
            None => barrier.wait(),
            Some(timeout) => barrier.wait_timeout(timeout),
        };
        self.tell(met.map_err(|error| self.not_met(error).about(&self.name))?)
    }

    fn tell(&self, met: BarrierWaitResult) -> Result<(), Failure> {
        if self.json {
            return output::line(json!({
                "name": self.name.to_string(),
                "generation": met.generation(),
                "leader": met.is_leader(),
            }));
        }
        match self.leader && met.is_leader() {
            true => output::line("leader"),
            false => Ok(()),
        }
    }

    fn open(&self) -> Result<Meeting, Failure> {
        let name = &self.name;
        let Some(parties) = self.parties else {
            let object = Object::at(name).map_err(|failure| {
                failure.or_made_by(|| format!("shmcount barrier --parties N {}", name.quoted()))
            })?;
            return object.barrier();
        };
        let room = (parties as usize).saturating_mul(BYTES_A_PARTY);
        let capacity = room.saturating_add(SegmentOptions::DEFAULT_CAPACITY);
        let options = SegmentOptions::new().capacity(capacity);
        let segment = name.open_or_create(&options)?;
        let opened = segment.barrier(&name.object, parties);
        opened.map_err(|error| self.not_opened(error, parties))
    }

    fn not_opened(&self, error: Error, parties: u32) -> Failure {
        let name = &self.name;
        match error {
            Error::OtherShape {
                what: "length",
                found,
                ..
            } => Failure::refused(
                format!("number of parties of barrier '{name}' is {found}, expected {parties}"),
                Some(format!(
                    "say --parties {found}, or name another barrier: `shmcount barrier {}/OBJECT`",
                    name.segment
                )),
            ),
            error => error.into(),
        }
    }

    fn not_met(&self, error: BarrierError) -> Failure {
        let name = self.name.quoted();
        let whole = format!("`shmcount barrier reset {name}` makes it whole");
        let (code, help) = match error {
            BarrierError::Lock(error) => return error.into(),
            BarrierError::Broken(BrokenBy::Reset) => (WRONG, None),
            BarrierError::Broken(_) => (WRONG, Some(whole)),
            BarrierError::TimedOut { .. } => {
                let help = format!("it is broken by that, for the others too: {whole}");
                (TIMED_OUT, Some(help))
            }
            _ => (
                REFUSED,
                Some(format!("`shmcount show {name}` says who takes part")),
            ),
        };
        Failure::Error {
            code,
            error: error.into(),
            help,
        }
    }
}
