//! `wg`: tasks that are to be done, and waited for.

use std::ffi::OsString;
use std::process;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::address::{self, Address};
use super::args;
use super::command::Command;
use super::exit_code::{self, Failure, WRONG};
use super::object::Object;
use crate::segment::SegmentOptions;
use crate::sync::{Finished, WaitGroup, WaitGroupError};
use crate::sys::ward::End;

/// How many tasks of a wait group that nobody made for anything can run at the same time.
pub(super) const TASKS: u32 = 64;

/// Say that tasks are to be done, or are done, and wait for all
#[derive(Args)]
#[command(
    override_usage = "shmcount wg <add|done|wait> [OPTIONS] NAME [N]\n       \
                      shmcount wg run [OPTIONS] NAME -- COMMAND [ARGS]...",
    after_help = "\
A task that `run` has taken on is done when COMMAND ends by itself, with any status, and lost when COMMAND \
cannot be run, or it or this process is killed: nobody waits for it then. A task that was added, and that no `run` has taken on, \
waits for its `done`.

Exit status: 0 all are done; 1 some were lost (wait), none is open (done); 124 the time was over (wait); of \
`run` COMMAND's.

Examples:
  shmcount wg add tasks 2 --create
  shmcount wg run tasks -- flac a.wav & shmcount wg run tasks -- flac b.wav &
  shmcount wg wait tasks --timeout 10m"
)]
pub(super) struct Wg {
    /// What to do
    #[arg(value_enum)]
    action: Action,
    /// Segment, or SEGMENT/OBJECT, of the wait-group
    #[arg(value_parser = address::whole)]
    name: Address,
    /// Tasks to add [default: 1]
    #[arg(value_name = "N", value_parser = number_of_tasks)]
    tasks: Option<u32>,
    /// What to run
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
    /// Give up waiting after TIME, 0 for at once [default: never]
    #[arg(long, short = 'w', value_name = "TIME", value_parser = args::time)]
    timeout: Option<Duration>,
    /// Make the wait-group, for 64 at a time, and its segment, when missing
    #[arg(long)]
    create: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Action {
    /// Open N tasks
    Add,
    /// One that was added is done
    Done,
    /// Sleep until none is open
    Wait,
    /// Take one on, or open one, while COMMAND runs
    Run,
}

impl Wg {
    pub(super) fn run(self) -> u8 {
        let done = self.check().and_then(|()| match self.action {
            Action::Run => self.run_command(),
            _ => self.act().map(|()| exit_code::DONE),
        });
        done.unwrap_or_else(|failure| exit_code::of(Err(failure)))
    }

    fn check(&self) -> Result<(), Failure> {
        let wrong = match self.action {
            action if self.tasks.is_some() && action != Action::Add => {
                "a number of tasks goes with `wg add` alone"
            }
            action if self.timeout.is_some() && action != Action::Wait => {
                "--timeout goes with `wg wait` alone"
            }
            Action::Run if self.command.is_empty() => "`wg run NAME` needs `-- COMMAND`",
            Action::Run => return Ok(()),
            _ if !self.command.is_empty() => "a command goes with `wg run` alone",
            _ => return Ok(()),
        };
        Err(Failure::usage(wrong))
    }

    fn act(&self) -> Result<(), Failure> {
        let group = self.open()?;
        match self.action {
            Action::Add => group
                .add(self.tasks.unwrap_or(1))
                .map_err(|error| Failure::from(error).about(&self.name)),
            Action::Done => group
                .done()
                .map_err(|error| Failure::from(error).about(&self.name)),
            _ => wait(&group, &self.name, self.timeout),
        }
    }

    /// Runs the command as a task.
    fn run_command(&self) -> Result<u8, Failure> {
        let command = Command::of(self.command.clone())?;
        let group = self.open()?;
        let task = group
            .begin()
            .map_err(|error| Failure::from(error).about(&self.name))?;
        let status = match command.run(None) {
            Ok(ended @ End::Exited(_)) => {
                task.done();
                return Ok(ended.pass_on());
            }
            Ok(killed) => killed.pass_on(),
            Err(not_run) => exit_code::of(Err(not_run)),
        };
        // Without a drop: the task is lost with this process.
        process::exit(status.into());
    }

    fn open(&self) -> Result<WaitGroup, Failure> {
        let name = &self.name;
        if self.create {
            let segment = name.open_or_create(&SegmentOptions::new())?;
            if segment.find(&name.object)?.is_none() {
                return Ok(segment.wait_group(&name.object, TASKS)?);
            }
        }
        Object::made_as("wait-group", name)?.wait_group()
    }
}

fn number_of_tasks(text: &str) -> Result<u32, &'static str> {
    text.parse().map_err(|_| {
        "expected a number of tasks\n  \
         help: a command comes after `--`: `shmcount wg run NAME -- COMMAND`"
    })
}

/// Waits until no task is open. That some were lost is an answer of no.
pub(super) fn wait(
    group: &WaitGroup,
    name: &Address,
    timeout: Option<Duration>,
) -> Result<(), Failure> {
    let waited = match timeout {
        None => group.wait(),
        Some(timeout) => group.wait_timeout(timeout),
    };
    match waited {
        Ok(Finished { lost: 0, .. }) => Ok(()),
        Ok(Finished { lost, .. }) => Err(Failure::Error {
            code: WRONG,
            error: format!("no task of '{name}' is open, and {} lost", were(lost)).into(),
            help: Some(
                "who had taken them on was killed or could not run: do their work again".to_owned(),
            ),
        }),
        Err(WaitGroupError::TimedOut { open, timeout }) => Err(Failure::timed_out(format!(
            "of '{name}' {} still open after {timeout:?}",
            were(open)
        ))),
        Err(error) => Err(error.into()),
    }
}

fn were(tasks: u64) -> String {
    match tasks {
        1 => "1 task was".to_owned(),
        _ => format!("{tasks} tasks were"),
    }
}

impl From<WaitGroupError> for Failure {
    fn from(error: WaitGroupError) -> Self {
        let help = match &error {
            WaitGroupError::NoneOpen => {
                return Self::Error {
                    code: WRONG,
                    error: error.into(),
                    help: Some("`shmcount wg add` comes before the work begins".to_owned()),
                };
            }
            WaitGroupError::TooManyTasks { .. } => {
                Some("make one for more: `shmcount create NAME wait-group --tasks N`".to_owned())
            }
            WaitGroupError::Lock(error) => error.help(),
            _ => None,
        };
        Self::refused(error, help)
    }
}
