//! A process that takes and releases locks as it is told, and says what came of it.

use std::time::Duration;

use shmcount::{AddError, Lock, LockError, LockGuard, Segment, Value, ValueGuard};

use crate::stage::{Parent, Process, Scratch};

/// A process that does as it is told.
pub struct Obedient(Process);

impl Obedient {
    pub fn start(scratch: &Scratch) -> Self {
        let mut process = Process::start("obedient::obey", &[scratch.name()]);
        process.expect("ready");
        Self(process)
    }

    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Has it do something, without waiting for what comes of it.
    pub fn begin(&mut self, command: &str) {
        self.0.tell(command);
    }

    /// Waits for what came of the last thing it was told.
    pub fn outcome(&mut self) -> String {
        self.0.hear()
    }

    /// Has it do something that succeeds.
    pub fn perform(&mut self, command: &str) {
        self.begin(command);
        assert_eq!(self.outcome(), "done", "{command}");
    }

    pub fn process(&self) -> &Process {
        &self.0
    }

    pub fn kill(self) {
        self.0.kill();
    }
}

/// What is held: until it is dropped.
enum Held {
    Lock { _guard: LockGuard<'static> },
    Value { _guard: ValueGuard<'static, i64> },
}

/// Argument 0 names the segment.
pub fn obey(parent: Parent) {
    let segment = Segment::open(parent.argument(0)).expect("it is there");
    let mut held = Vec::new();
    parent.tell("ready");
    while let Some(line) = parent.hear_or_end() {
        let words: Vec<&str> = line.split(' ').collect();
        let outcome = match words[..] {
            ["release"] => {
                held.clear();
                Ok(())
            }
            [verb, name] => carry_out(&segment, verb, name, None, &mut held),
            [verb, name, number] => {
                let number = number.parse().expect("a number");
                carry_out(&segment, verb, name, Some(number), &mut held)
            }
            _ => panic!("what is {line:?}"),
        };
        parent.tell(&outcome.map_or_else(|error| said_of(&error), |()| "done".to_owned()));
    }
}

fn carry_out(
    segment: &Segment,
    verb: &str,
    name: &str,
    number: Option<u64>,
    held: &mut Vec<Held>,
) -> Result<(), LockError> {
    let timeout = Duration::from_millis(number.unwrap_or_default());
    // Kept for ever, as the guards may be.
    let lock = || -> &'static Lock { Box::leak(Box::new(segment.lock(name).expect("room"))) };
    let value = || -> &'static Value<i64> {
        Box::leak(Box::new(segment.value(name, 0).expect("there is room")))
    };
    match verb {
        "lock" => held.push(Held::Lock {
            _guard: lock().lock()?,
        }),
        "lock_timeout" => held.push(Held::Lock {
            _guard: lock().lock_timeout(timeout)?,
        }),
        "hold" => held.push(Held::Value {
            _guard: value().lock()?,
        }),
        "add" => added(value().fetch_add(1))?,
        "add_timeout" => added(value().fetch_add_timeout(1, timeout))?,
        "store" => value().store(number.unwrap_or_default() as i64)?,
        "wait" => drop(value().wait_until(|found| *found != 0, None)),
        _ => panic!("what is {verb:?}"),
    }
    Ok(())
}

fn added(outcome: Result<i64, AddError>) -> Result<(), LockError> {
    match outcome {
        Ok(_) => Ok(()),
        Err(AddError::Lock(error)) => Err(error),
        Err(error) => panic!("{error}"),
    }
}

/// Says of a circle who waits for what, the teller first: `circle PID OBJECT PID OBJECT`.
pub fn said_of(error: &LockError) -> String {
    match error {
        LockError::Deadlock { circle } => {
            let waiters = circle.waiters().iter();
            let waits = waiters.map(|waiter| format!(" {} {}", waiter.pid, waiter.object));
            format!("circle{}", waits.collect::<String>())
        }
        LockError::TimedOut { .. } => "timed out".to_owned(),
        error => format!("{error:?}"),
    }
}
