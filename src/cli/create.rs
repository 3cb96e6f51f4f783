//! `create`: an object, and the segment it lies in.

use clap::{Args, ValueEnum};

use super::address::Address;
use super::exit_code::Failure;
use super::number::KEY_BYTES;
use super::object::with_article;
use super::queue::CAPACITY;
use super::wg::TASKS;
use crate::segment::{Error, Name, Segment, SegmentOptions};

/// Make a number, a lock or another object, and its segment if that is missing
#[derive(Args)]
#[command(after_help = "\
An object that is there already is an error, unless --exist-ok is given and it is of the same kind.

Examples:
  shmcount create visits --value 10
  shmcount create hits array --len 24
  shmcount create jobs/slots semaphore --permits 4")]
pub(super) struct Create {
    /// Segment, or SEGMENT/OBJECT, to make
    name: Address,
    /// What to make
    #[arg(value_enum, default_value_t = New::Value, hide_default_value = true)]
    kind: New,
    /// First number of a value, or of array elements [default: 0]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    value: Option<i64>,
    /// Elements of an array
    #[arg(long, value_name = "N")]
    len: Option<usize>,
    /// Most keys of a map; bytes of a queue [default: 32768]
    #[arg(long, value_name = "N")]
    capacity: Option<usize>,
    /// Bytes that a key of a map may have [default: 64]
    #[arg(long, value_name = "N")]
    key_bytes: Option<usize>,
    /// Permits of a semaphore
    #[arg(long, value_name = "N")]
    permits: Option<u32>,
    /// Parties of a barrier
    #[arg(long, value_name = "N")]
    parties: Option<u32>,
    /// Tasks of a wait-group that run at once [default: 64]
    #[arg(long, value_name = "N")]
    tasks: Option<u32>,
    /// Bytes of the segment for objects, if it is made [default: 64 KiB, or more if needed]
    #[arg(long, value_name = "BYTES")]
    room: Option<usize>,
    /// Succeed when the object is there and of this kind
    #[arg(long)]
    exist_ok: bool,
}

/// The kinds of objects that can be made.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum New {
    Value,
    /// Added to without waiting, by many
    Counter,
    Array,
    Map,
    Lock,
    /// In the order of asking
    FifoLock,
    Semaphore,
    Event,
    Barrier,
    /// Of tasks to be done
    WaitGroup,
    /// Of texts
    Queue,
}

impl Create {
    pub(super) fn run(self) -> Result<(), Failure> {
        self.check()?;
        let segment = self.segment()?;
        let made = match self.exist_ok {
            true => self.make(&segment),
            false => self.make(&segment.create_new()),
        };
        // A segment made for it stays: somebody else may have made an object in it since.
        made.map_err(with_remedy)
    }

    /// Refuses options that do not go with the kind, and kinds without those they need.
    fn check(&self) -> Result<(), Failure> {
        let kind = self.kind_name();
        if self.name.element.is_some() {
            return Err(Failure::usage("elements are made with their array or map"));
        }
        // Whether it is given, the kinds that it goes with, whether they need it.
        let (value, len, capacity) = (
            self.value.is_some(),
            self.len.is_some(),
            self.capacity.is_some(),
        );
        let options: [(_, _, &[New], _); 7] = [
            ("--value", value, &[New::Value, New::Array], false),
            ("--len", len, &[New::Array], true),
            (
                "--capacity",
                capacity,
                &[New::Map, New::Queue],
                self.kind == New::Map,
            ),
            ("--key-bytes", self.key_bytes.is_some(), &[New::Map], false),
            ("--parties", self.parties.is_some(), &[New::Barrier], true),
            ("--tasks", self.tasks.is_some(), &[New::WaitGroup], false),
            ("--permits", self.permits.is_some(), &[New::Semaphore], true),
        ];
        for (option, is_given, kinds, is_needed) in options {
            let goes_with = kinds.contains(&self.kind);
            if is_given && !goes_with {
                return Err(Failure::usage(format!(
                    "{option} does not go with {}",
                    with_article(&kind)
                )));
            }
            if goes_with && is_needed && !is_given {
                return Err(Failure::usage(format!(
                    "{} needs {option}",
                    with_article(&kind)
                )));
            }
        }
        Ok(())
    }

    fn kind_name(&self) -> String {
        let value = self.kind.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Opens the segment, or makes it, once it is known that the object can be made.
    fn segment(&self) -> Result<Segment, Failure> {
        loop {
            match Segment::open(&self.name.segment) {
                Err(Error::NotFound { .. }) => {}
                opened => return Ok(opened?),
            }
            match SegmentOptions::new()
                .capacity(self.capacity()?)
                .create(&self.name.segment)
            {
                Err(Error::AlreadyExists { .. }) => {}
                created => return Ok(created?),
            }
        }
    }

    /// Returns how many bytes for objects the segment is to have.
    fn capacity(&self) -> Result<usize, Failure> {
        let (object, needed) = match self.make(&empty_segment(&self.name.segment)?) {
            Err(Error::Full { object, needed, .. }) => (object, needed),
            made => return Ok(made.map(|()| SegmentOptions::DEFAULT_CAPACITY)?),
        };
        if let Some(room) = self.room {
            // Segments are made of whole cache lines.
            let free = room.checked_next_multiple_of(64).unwrap_or(room) as u64;
            if needed <= free {
                return Ok(room);
            }
            let name = Name::new(&self.name.segment)?;
            return Err(with_remedy(Error::Full {
                name,
                object,
                needed,
                free,
            }));
        }
        let needed = usize::try_from(needed).unwrap_or(usize::MAX);
        Ok(match needed.checked_mul(2) {
            Some(twice) if twice <= SegmentOptions::DEFAULT_CAPACITY => {
                SegmentOptions::DEFAULT_CAPACITY
            }
            // Beside a large object there is to be room for small ones.
            _ => needed.saturating_add(SegmentOptions::DEFAULT_CAPACITY),
        })
    }

    fn make(&self, segment: &Segment) -> Result<(), Error> {
        let object = &self.name.object;
        match self.kind {
            New::Value => segment.value(object, self.value.unwrap_or(0)).map(drop),
            New::Array => {
                let len = self.len.unwrap_or_default();
                segment
                    .array(object, len, self.value.unwrap_or(0))
                    .map(drop)
            }
            New::Map => {
                let key_bytes = self.key_bytes.unwrap_or(KEY_BYTES);
                let capacity = self.capacity.unwrap_or_default();
                segment.map::<i64>(object, capacity, key_bytes).map(drop)
            }
            New::Counter => segment.counter(object).map(drop),
            New::Lock => segment.lock(object).map(drop),
            New::FifoLock => segment.fifo_lock(object).map(drop),
            New::Event => segment.event(object).map(drop),
            New::Queue => {
                let capacity = self.capacity.map_or(CAPACITY, |bytes| bytes as u64);
                segment.bytes_queue(object, capacity).map(drop)
            }
            New::Barrier => {
                let parties = self.parties.unwrap_or_default();
                segment.barrier(object, parties).map(drop)
            }
            New::WaitGroup => {
                let tasks = self.tasks.unwrap_or(TASKS);
                segment.wait_group(object, tasks).map(drop)
            }
            New::Semaphore => {
                let permits = self.permits.unwrap_or_default();
                segment.semaphore(object, permits).map(drop)
            }
        }
    }
}

/// Says what can be done about it with the options of this verb.
fn with_remedy(error: Error) -> Failure {
    let help = match error {
        Error::ObjectExists { .. } => "choose another name, or use what is there with --exist-ok",
        Error::Full { .. } => "put it into a segment of its own, or make a new one with --room",
        error => return error.into(),
    };
    Failure::refused(error, Some(help.to_owned()))
}

/// Makes a segment without room for any object, which then tells how much it needs. Nobody else looks for
/// it, and it loses its name at once. Where it cannot be made, the one that was asked for could not either.
fn empty_segment(asked_for: &str) -> Result<Segment, Error> {
    let options = SegmentOptions::new().capacity(0).temporary();
    let mut number = 0;
    loop {
        let name = format!("create-{}.{number}", std::process::id());
        match options.create(&name) {
            // Of a process of this id that was killed here, or another user's.
            Err(Error::AlreadyExists { .. }) => number += 1,
            Err(Error::NoSpace { size, .. }) => {
                let name = Name::new(asked_for)?;
                return Err(Error::NoSpace { name, size });
            }
            Err(Error::System { action, source, .. }) => {
                let name = Name::new(asked_for)?;
                return Err(Error::System {
                    action,
                    name,
                    source,
                });
            }
            created => {
                let segment = created?;
                segment.remove()?;
                return Ok(segment);
            }
        }
    }
}
