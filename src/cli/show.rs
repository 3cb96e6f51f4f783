//! `show`: everything about a segment.

use clap::Args;
use serde::Serialize;

use super::address::{self, Address};
use super::attached::Attached;
use super::exit_code::Failure;
use super::inside::{Inside, Process};
use super::ls::{age_of, since_1970};
use super::object::Object;
use super::stale::is_stale;
use super::{output, table};
use crate::segment::{Release, Segment};

/// Show a segment: its objects, what is in them, and who holds them
#[derive(Args)]
#[command(after_help = "\
Looks without taking a lock. Who waits for a lock is listed after the first tenth of a second. --json prints one object with the keys name, path, bytes, created (seconds \
since 1970), age_s, release, temporary, stale, creator {pid, command, alive}, attached [{pid, command}], and objects, a list with the \
keys object, kind, type, length, value, other_keys, closed, available, generation, broken, lost, holders and waiters [{pid, command}], recoveries and error. The value of a map is an object of its keys; those that are \
not UTF-8 are in other_keys, a list of {hex, value}, two hexadecimal digits a byte.

Example: shmcount show visits")]
pub(super) struct Show {
    /// Segment, or SEGMENT/OBJECT for that object alone
    #[arg(value_parser = address::whole)]
    name: Address,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// A segment as somebody saw it.
#[derive(Serialize)]
struct Shown {
    name: String,
    path: String,
    bytes: usize,
    created: u64,
    age_s: u64,
    release: &'static str,
    temporary: bool,
    stale: bool,
    creator: Creator,
    attached: Option<Vec<Process>>,
    objects: Vec<Inside>,
}

#[derive(Serialize)]
struct Creator {
    #[serde(flatten)]
    process: Process,
    alive: bool,
}

impl Show {
    pub(super) fn run(self) -> Result<(), Failure> {
        let segment = self.name.open_segment()?;
        let objects = self.objects(&segment)?;
        let shown = Shown::of(&segment, &objects);
        match self.json {
            true => output::line(serde_json::to_string(&shown).expect("it is plain data")),
            false => output::text(shown.told(&segment)),
        }
    }

    fn objects(&self, segment: &Segment) -> Result<Vec<Object>, Failure> {
        if !self.name.is_whole_segment() {
            return Ok(vec![Object::at(&self.name)?]);
        }
        Object::all_of(segment)
    }
}

impl Shown {
    fn of(segment: &Segment, objects: &[Object]) -> Self {
        let attached = Attached::to([segment]);
        let pids = attached.of(segment);
        Self {
            name: segment.name().to_owned(),
            path: segment.path().display().to_string(),
            bytes: segment.size(),
            created: since_1970(segment.created()),
            age_s: age_of(segment).as_secs(),
            release: match segment.release() {
                Release::Plain => "plain",
                Release::Exchange => "exchange",
            },
            temporary: segment.is_temporary(),
            stale: is_stale(segment, &attached),
            creator: Creator::of(segment),
            attached: pids.map(|pids| pids.iter().copied().map(Process::of_pid).collect()),
            objects: inside(segment, objects),
        }
    }

    fn told(&self, segment: &Segment) -> String {
        let life = match (self.stale, self.temporary) {
            (true, _) => ", stale",
            (false, true) => ", temporary",
            (false, false) => "",
        };
        let size = table::bytes(self.bytes as u64);
        let age = table::age(age_of(segment));
        let mut text = format!(
            "{}: {size}, made {age} ago by {}{life}\n",
            self.name,
            self.creator.told()
        );
        let attached = self.attached.iter().flatten().map(Process::told);
        let attached: Vec<String> = attached.collect();
        if !attached.is_empty() {
            text.push_str(&format!("attached: {}\n", attached.join(", ")));
        }
        let row = |object: &Inside| vec![object.object.clone(), object.kind_told(), object.told()];
        let rows: Vec<Vec<String>> = self.objects.iter().map(row).collect();
        match rows.is_empty() {
            true => text.push_str("no objects\n"),
            false => text.push_str(&table::of(&["OBJECT", "KIND", "STATE"], &rows)),
        }
        text
    }
}

impl Creator {
    fn of(segment: &Segment) -> Self {
        let creator = segment.creator();
        let alive = creator.is_alive();
        let process = match alive {
            true => Process::of_pid(creator.pid),
            false => Process {
                pid: Some(creator.pid),
                command: None,
            },
        };
        Self { process, alive }
    }

    fn told(&self) -> String {
        match self.alive {
            true => self.process.told(),
            false => format!("{}, which has ended", self.process.told()),
        }
    }
}

/// Looks into objects, and at who waits for their locks.
fn inside(segment: &Segment, objects: &[Object]) -> Vec<Inside> {
    // A damaged directory was found when the objects were.
    let waiters = segment.waiters().unwrap_or_default();
    let look = |object: &Object| {
        let mut inside = Inside::of(object);
        if inside.waiters.is_empty() {
            let here = waiters
                .iter()
                .filter(|waiter| waiter.object == inside.object);
            inside.waiters = here.map(|waiter| Process::of_pid(waiter.pid)).collect();
        }
        inside
    };
    objects.iter().map(look).collect()
}
