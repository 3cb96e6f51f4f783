//! `rm`: removes segments.

use clap::Args;

use super::attached::Attached;
use super::exit_code::{self, Failure};
use super::{nearest, output, stale};
use crate::segment::{Error, Name, Segment, argument};
use crate::sys::shm;

/// Remove segments
#[derive(Args)]
#[command(after_help = "\
Who has a segment open goes on with it; its memory is free when the last one ends. --stale removes what \
`shmcount run` left behind when it was killed, and segments that a program made for the time of its own \
life and did not live to remove, once nobody has them open and no command runs in them; it prints their \
names, and touches nothing else. What was made with `create` or kept with `run --keep` is never stale.

Examples:
  shmcount rm visits
  shmcount rm --stale --dry-run")]
pub(super) struct Rm {
    /// Segments to remove
    #[arg(value_name = "NAME", required_unless_present_any = ["stale", "dry_run"])]
    names: Vec<String>,
    /// Remove what killed runs left, and temporary segments that nobody uses any more
    #[arg(long, conflicts_with = "names")]
    stale: bool,
    /// Only print what would be removed
    #[arg(long, short = 'n', conflicts_with = "names")]
    dry_run: bool,
}

impl Rm {
    pub(super) fn run(self) -> Result<(), Failure> {
        if self.dry_run && !self.stale {
            return Err(Failure::usage("--dry-run goes with --stale alone"));
        }
        if self.stale {
            return self.remove_stale();
        }
        all(self.names.iter().map(|name| remove(name)))
    }

    fn remove_stale(&self) -> Result<(), Failure> {
        output::check()?;
        let files = shm::names()
            .map_err(|error| Failure::refused(format!("cannot read /dev/shm: {error}"), None))?;
        let mut names: Vec<Name> = files.filter_map(|file| Name::from_file(&file)).collect();
        names.sort();
        // What cannot be opened is not known to be stale.
        let segments = names
            .iter()
            .filter_map(|name| Segment::open(name.as_str()).ok());
        let segments: Vec<Segment> = segments.filter(stale::may_be).collect();
        let attached = Attached::to(&segments);
        let stale = segments
            .iter()
            .filter(|segment| stale::is_stale(segment, &attached));
        all(stale.map(|segment| {
            // Removing it by what was looked at: a successor of that name stays.
            match self.dry_run || segment.remove()? {
                true => output::line(segment.name()),
                false => Ok(()),
            }
        }))
    }
}

fn remove(name: &str) -> Result<(), Failure> {
    let segment = name.split(['/', '[']).next().unwrap_or_default();
    if segment != name && Name::new(segment).is_ok() {
        return Err(Failure::Error {
            code: exit_code::USAGE,
            error: format!("'{name}' is no segment, and objects go with theirs").into(),
            help: Some(format!(
                "remove all that is in it: `shmcount rm {}`",
                argument(segment)
            )),
        });
    }
    Segment::remove_named(name).map_err(|error| match &error {
        Error::NotFound { name } => {
            let list = || "`shmcount ls` lists what is there".to_owned();
            let help = nearest::segment(name).unwrap_or_else(list);
            Failure::refused(error, Some(help))
        }
        _ => error.into(),
    })
}

/// Does all that can be done; the last failure is the one reported by the exit code.
fn all(removals: impl Iterator<Item = Result<(), Failure>>) -> Result<(), Failure> {
    let mut last = Ok(());
    for failure in removals.filter_map(Result::err) {
        if let Err(earlier) = std::mem::replace(&mut last, Err(failure)) {
            exit_code::of(Err(earlier));
        }
    }
    last
}
