//! `watch`: numbers and how fast they change, until told to stop.

use std::cell::Cell;
use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::json;
use signal_hook::consts::SIGINT;

use super::address::{self, Address};
use super::exit_code::Failure;
use super::inside::Inside;
use super::object::Object;
use super::{args, output, table};
use crate::segment::Segment;
use crate::sys::terminal::Keys;

/// Show what is in a segment and how fast it changes, again and again
#[derive(Args)]
#[command(after_help = "\
On a terminal until q or Ctrl-C; elsewhere a line for each object and look. --json prints a line for each \
look: a list of objects with the keys object, value, other_keys (as of `shmcount show`), and per_second, which is null at first.

Example: shmcount watch visits --interval 0.5")]
pub(super) struct Watch {
    /// Segment, or SEGMENT/OBJECT for that object alone
    #[arg(value_parser = address::whole)]
    name: Address,
    /// Time from one look to the next
    #[arg(long, short = 'i', value_name = "TIME", value_parser = args::time, default_value = "1s")]
    interval: Duration,
    /// Stop after N looks
    #[arg(long, short = 'n', value_name = "N")]
    times: Option<u64>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// What was seen at a moment.
struct Look {
    at: Instant,
    objects: Vec<Inside>,
}

impl Watch {
    pub(super) fn run(self) -> Result<(), Failure> {
        // One that is removed meanwhile is shown on, as whoever has it open uses it on.
        let segment = self.name.open_segment()?;
        let screen = Screen::new(self.json)?;
        let mut before: Option<Look> = None;
        for turn in 1.. {
            let now = self.look(&segment)?;
            let is_read = match self.json {
                true => output::is_read(format!("{}\n", now.json(before.as_ref())))?,
                false => screen.show(&now, before.as_ref())?,
            };
            let is_last = self.times.is_some_and(|times| turn >= times);
            if is_last || !is_read || screen.wait(self.interval) {
                break;
            }
            before = Some(now);
        }
        Ok(())
    }

    fn look(&self, segment: &Segment) -> Result<Look, Failure> {
        let mut objects = Object::all_of(segment)?;
        if !self.name.is_whole_segment() {
            objects.retain(|object| object.address().object == self.name.object);
            if objects.is_empty() {
                // Says what is missing.
                objects.push(Object::at(&self.name)?);
            }
        }
        Ok(Look {
            at: Instant::now(),
            objects: objects.iter().map(Inside::of).collect(),
        })
    }
}

impl Look {
    /// Returns how much an object's number has grown in a second since the look before.
    fn rate(&self, object: &Inside, before: Option<&Self>) -> Option<f64> {
        let before = before?;
        let earlier = before.objects.iter().find(|o| o.object == object.object)?;
        let grown = object.value.as_f64()? - earlier.value.as_f64()?;
        Some(grown / self.at.duration_since(before.at).as_secs_f64())
    }

    fn json(&self, before: Option<&Self>) -> serde_json::Value {
        let object = |object: &Inside| {
            json!({
                "object": object.object,
                "value": object.value,
                "other_keys": object.other_keys,
                "per_second": self.rate(object, before),
            })
        };
        self.objects.iter().map(object).collect()
    }

    fn told(&self, before: Option<&Self>) -> Vec<Vec<String>> {
        let row = |object: &Inside| {
            let rate = self.rate(object, before);
            let rate = rate.map_or(String::new(), |rate| format!("{rate:+.1}/s"));
            vec![
                object.object.clone(),
                object.kind_told(),
                rate,
                object.told(),
            ]
        };
        self.objects.iter().map(row).collect()
    }
}

/// Where looks are shown: a terminal, on which each takes the place of the one before, or anything else.
struct Screen {
    keys: Option<Keys>,
    is_terminal: bool,
    interrupted: Arc<AtomicBool>,
    /// How many lines the last look took.
    lines: Cell<usize>,
}

impl Screen {
    fn new(is_json: bool) -> Result<Self, Failure> {
        let is_terminal = !is_json && std::io::stdout().is_terminal();
        let interrupted = Arc::new(AtomicBool::new(false));
        let keys = is_terminal.then(Keys::of_terminal).flatten();
        if keys.is_some() {
            // The terminal is to be as it was afterwards.
            signal_hook::flag::register(SIGINT, Arc::clone(&interrupted)).map_err(|error| {
                Failure::refused(format!("cannot listen for signals: {error}"), None)
            })?;
        }
        Ok(Self {
            keys,
            is_terminal,
            interrupted,
            lines: Cell::new(0),
        })
    }

    fn show(&self, now: &Look, before: Option<&Look>) -> Result<bool, Failure> {
        let rows = now.told(before);
        if !self.is_terminal {
            return output::is_read(rows.iter().map(|row| line_of(row)).collect::<String>());
        }
        let text = table::of(&["OBJECT", "KIND", "RATE", "STATE"], &rows);
        let up = match self.lines.replace(text.lines().count()) {
            0 => String::new(),
            // To the first line of the last look, and away with it.
            lines => format!("\x1b[{lines}A\x1b[J"),
        };
        output::is_read(up + &text)
    }

    /// Waits for the next look; tells whether to stop instead.
    fn wait(&self, interval: Duration) -> bool {
        match &self.keys {
            None => {
                thread::sleep(interval);
                false
            }
            Some(keys) => {
                let key = keys.wait(interval);
                // Relaxed: the handler runs on this thread, or before poll was told of it.
                matches!(key, Some(b'q' | b'Q' | Keys::END)) || self.interrupted.load(Relaxed)
            }
        }
    }
}

fn line_of(row: &[String]) -> String {
    let cells: Vec<&str> = row
        .iter()
        .map(String::as_str)
        .filter(|cell| !cell.is_empty())
        .collect();
    cells.join("  ") + "\n"
}
