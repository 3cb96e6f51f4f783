//! What is in an object at a moment, as `show` and `watch` print it.

use serde::Serialize;
use serde_json::Value as Json;

use super::object::Object;
use crate::contender::Ledger;
use crate::raw::shareable::ElementType;
use crate::segment::{self, Kind};
use crate::sync::{Holder, Value};
use crate::sys::process;

/// An object as somebody saw it. What does not go with its kind is null, or empty.
#[derive(Serialize)]
pub(super) struct Inside {
    pub(super) object: String,
    /// Null when this version does not know it.
    pub(super) kind: Option<&'static str>,
    pub(super) r#type: String,
    pub(super) length: u64,
    /// A number, or the total of a run; the list of an array; of a map, an object; whether an event is set;
    /// how many items a queue has, parties wait at a barrier, tasks of a wait group are open.
    pub(super) value: Json,
    /// The keys of a map that are no text, which JSON could not tell apart, with their numbers.
    pub(super) other_keys: Vec<OtherKey>,
    /// Whether a queue is closed.
    pub(super) closed: Option<bool>,
    /// Free permits of a semaphore.
    pub(super) available: Option<u64>,
    /// How many meetings at a barrier are over.
    pub(super) generation: Option<u64>,
    /// Why a barrier is broken, if it is.
    pub(super) broken: Option<String>,
    /// How many tasks of a wait group were lost.
    pub(super) lost: Option<u64>,
    pub(super) holders: Vec<Process>,
    /// Who is known to wait for it.
    pub(super) waiters: Vec<Process>,
    /// How often the lock was taken over from a holder that died.
    pub(super) recoveries: Option<u32>,
    /// What is wrong with it.
    pub(super) error: Option<String>,
}

/// A key that is not UTF-8.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct OtherKey {
    /// Its bytes, two digits each.
    hex: String,
    value: i64,
}

/// A process that has to do with an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Process {
    /// Null when it has ended since.
    pub(super) pid: Option<u32>,
    pub(super) command: Option<String>,
}

impl Process {
    pub(super) fn of_pid(pid: u32) -> Self {
        Self {
            pid: Some(pid),
            command: process::command_line(pid),
        }
    }

    fn of(holder: Holder) -> Self {
        Self {
            pid: holder.pid,
            command: holder.pid.and_then(process::command_line),
        }
    }

    /// Says who it is, in a line.
    pub(super) fn told(&self) -> String {
        match (self.pid, &self.command) {
            (Some(pid), Some(command)) => format!("{pid} ({})", shortened(command)),
            (Some(pid), None) => pid.to_string(),
            (None, _) => "a process that has ended".to_owned(),
        }
    }
}

impl Inside {
    /// Looks into an object. What cannot be opened says why.
    pub(super) fn of(object: &Object) -> Self {
        let entry = object.entry();
        let mut inside = Self {
            object: entry.name().to_owned(),
            kind: entry.kind().map(Kind::name),
            r#type: entry.element_type().name(entry.element_size()),
            length: entry.length(),
            value: Json::Null,
            other_keys: Vec::new(),
            closed: None,
            available: None,
            generation: None,
            broken: None,
            lost: None,
            holders: Vec::new(),
            waiters: Vec::new(),
            recoveries: None,
            error: None,
        };
        if let Err(error) = inside.look(object) {
            inside.error = Some(error.to_string());
        }
        inside
    }

    fn look(&mut self, object: &Object) -> Result<(), segment::Error> {
        let (segment, name) = (object.segment(), object.entry().name());
        match object.entry().kind() {
            Some(Kind::Value) => self.look_at_value(object),
            Some(Kind::Lock) => {
                let lock = segment.lock(name)?;
                self.locked(lock.holder(), lock.recoveries());
                Ok(())
            }
            Some(Kind::Array) if object.entry().element_type() == ElementType::I64 => {
                let array = segment.open_array::<i64>(name)?;
                self.value = array.snapshot().into();
                self.locked(array.holder(), array.recoveries());
                Ok(())
            }
            Some(Kind::Map) if object.entry().element_type() == ElementType::I64 => {
                let map = segment.open_map::<i64>(name)?;
                self.look_at_keys(map.snapshot());
                self.locked(map.holder(), map.recoveries());
                Ok(())
            }
            Some(Kind::Counter) => {
                self.value = segment.counter(name)?.sum().into();
                Ok(())
            }
            Some(Kind::FifoLock) => {
                let lock = segment.fifo_lock(name)?;
                self.locked(lock.holder(), lock.recoveries());
                self.waiters = lock.waiters().into_iter().map(Process::of).collect();
                Ok(())
            }
            Some(Kind::Semaphore) => {
                let semaphore = segment.semaphore(name, object.length())?;
                self.available = Some(semaphore.available() as u64);
                self.holders = semaphore.holders().into_iter().map(Process::of).collect();
                Ok(())
            }
            Some(Kind::Event) => {
                self.value = segment.event(name)?.is_set().into();
                Ok(())
            }
            Some(Kind::Barrier) => {
                let barrier = segment.barrier(name, object.length())?;
                self.value = barrier.waiting().into();
                self.generation = Some(barrier.generation());
                self.broken = barrier.broken_by().map(|by| by.to_string());
                Ok(())
            }
            Some(Kind::WaitGroup) => {
                let tasks = segment.wait_group(name, object.length())?;
                self.value = tasks.open().into();
                self.lost = Some(tasks.lost());
                Ok(())
            }
            Some(Kind::BytesQueue) => {
                let queue = segment.open_bytes_queue(name)?;
                self.value = queue.len().into();
                self.closed = Some(queue.is_closed());
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn look_at_value(&mut self, object: &Object) -> Result<(), segment::Error> {
        let (segment, name) = (object.segment(), object.entry().name());
        macro_rules! number {
            ($number:ty) => {{
                let value: Value<$number> = segment.open_value(name)?;
                self.value = value.load().into();
                self.locked(value.holder(), value.recoveries());
            }};
        }
        match object.entry().element_type() {
            ElementType::I64 => number!(i64),
            ElementType::U64 => number!(u64),
            ElementType::I32 => number!(i32),
            ElementType::U32 => number!(u32),
            ElementType::F64 => number!(f64),
            ElementType::F32 => number!(f32),
            ElementType::Record if object.is_total() => {
                // Another structure that is called main is none of ours to read.
                if let Ok(ledger) = Ledger::open(segment) {
                    self.value = ledger.load().total().into();
                    self.locked(ledger.holder(), ledger.recoveries());
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn look_at_keys(&mut self, pairs: impl IntoIterator<Item = (Vec<u8>, i64)>) {
        let mut texts = serde_json::Map::new();
        for (key, value) in pairs {
            match String::from_utf8(key) {
                Ok(text) => drop(texts.insert(text, value.into())),
                Err(error) => {
                    let digits = error.as_bytes().iter().map(|byte| format!("{byte:02x}"));
                    let hex = digits.collect();
                    self.other_keys.push(OtherKey { hex, value });
                }
            }
        }
        self.value = texts.into();
    }

    fn locked(&mut self, holder: Option<Holder>, recoveries: u32) {
        self.holders = holder.into_iter().map(Process::of).collect();
        self.recoveries = Some(recoveries);
    }

    /// Returns the kind, and of what.
    pub(super) fn kind_told(&self) -> String {
        let kind = self.kind.unwrap_or("unknown");
        match kind {
            "value" | "array" | "map" | "queue" => format!("{kind} {}", self.r#type),
            _ => kind.to_owned(),
        }
    }

    /// Says what is in it, in a line.
    pub(super) fn told(&self) -> String {
        let mut facts = Vec::new();
        match (&self.value, self.available) {
            (Json::Null, Some(available)) => {
                facts.push(format!("{available} of {} free", self.length));
            }
            (Json::Null, None) => {}
            (Json::Array(elements), _) => facts.push(elements_told(elements)),
            (Json::Object(pairs), _) => {
                let keys = pairs.len() + self.other_keys.len();
                facts.push(format!("{keys} of {} keys", self.length));
            }
            (Json::Bool(is_set), _) => {
                facts.push(if *is_set { "set" } else { "not set" }.to_owned());
            }
            (items, _) if self.closed.is_some() => {
                facts.push(if items == 1 {
                    "1 item".to_owned()
                } else {
                    format!("{items} items")
                });
            }
            (waiting, _) if self.generation.is_some() => {
                facts.push(format!("{waiting} of {} waiting", self.length));
            }
            (open, _) if self.lost.is_some() => facts.push(format!("{open} open")),
            (value, _) => facts.push(value.to_string()),
        }
        facts.extend(self.generation.map(|past| format!("generation {past}")));
        facts.extend(self.broken.iter().map(|why| format!("broken: {why}")));
        facts.extend(
            self.lost
                .filter(|lost| *lost > 0)
                .map(|lost| format!("{lost} lost")),
        );
        if self.closed == Some(true) {
            facts.push("closed".to_owned());
        }
        if !self.holders.is_empty() {
            facts.push(format!("held by {}", list(&self.holders)));
        } else if matches!(self.kind, Some("lock" | "fifo-lock")) {
            facts.push("free".to_owned());
        }
        if !self.waiters.is_empty() {
            facts.push(format!("waited for by {}", list(&self.waiters)));
        }
        match self.recoveries {
            None | Some(0) => {}
            Some(1) => facts.push("recovered once".to_owned()),
            Some(times) => facts.push(format!("recovered {times} times")),
        }
        facts.extend(self.error.clone());
        facts.join("; ")
    }
}

fn list(processes: &[Process]) -> String {
    let told: Vec<String> = processes.iter().map(Process::told).collect();
    told.join(", ")
}

/// Cuts a command so that it can stand within a line.
fn shortened(command: &str) -> String {
    const MOST: usize = 40;
    match command.char_indices().nth(MOST) {
        None => command.to_owned(),
        Some((end, _)) => format!("{}…", &command[..end]),
    }
}

/// Says what is in an array, as far as there is room in a line.
fn elements_told(elements: &[Json]) -> String {
    const MOST: usize = 8;
    let first = elements.iter().take(MOST).map(Json::to_string);
    let first = first.collect::<Vec<_>>().join(" ");
    match elements.len() {
        0..=MOST => first,
        all => format!("{first} … ({all} elements)"),
    }
}
