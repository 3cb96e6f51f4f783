//! `ls`: the segments of the user.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Args;
use serde::Serialize;

use super::attached::Attached;
use super::exit_code::Failure;
use super::stale::is_stale;
use super::{output, table};
use crate::contender::MAIN;
use crate::segment::{Error, Foreign, Name, Segment};
use crate::sys::shm;

/// List the segments of this user
#[derive(Args)]
#[command(after_help = "\
What cannot be used is listed with what is wrong. A stale segment is one that `shmcount rm --stale` \
removes.

--json prints a list of objects with the keys name, bytes, created (seconds since 1970), age_s, objects, attached, \
temporary, stale, and error, which is null or what is wrong; then the others are null.

Example: shmcount ls")]
pub(super) struct Ls {
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    /// Print only what can be given as NAME: segments, and objects as SEGMENT/OBJECT
    #[arg(long, conflicts_with = "json")]
    names: bool,
}

/// A segment as somebody saw it.
#[derive(Serialize)]
struct Listed {
    name: String,
    bytes: Option<u64>,
    created: Option<u64>,
    age_s: Option<u64>,
    objects: Option<usize>,
    attached: Option<usize>,
    temporary: Option<bool>,
    stale: Option<bool>,
    error: Option<String>,
}

impl Ls {
    pub(super) fn run(self) -> Result<(), Failure> {
        let segments = segments()?;
        if self.names {
            return output::text(names(&segments));
        }
        let opened = segments
            .iter()
            .filter_map(|(_, opened)| opened.as_ref().ok());
        let attached = Attached::to(opened);
        let listed = segments
            .into_iter()
            .map(|opened| Listed::of(opened, &attached));
        let listed: Vec<Listed> = listed.collect();
        if self.json {
            return output::line(serde_json::to_string(&listed).expect("a list is plain data"));
        }
        let rows: Vec<Vec<String>> = listed.iter().map(Listed::row).collect();
        match rows.is_empty() {
            true => Ok(()),
            false => output::text(table::of(
                &["NAME", "SIZE", "AGE", "OBJECTS", "ATTACHED", "STATE"],
                &rows,
            )),
        }
    }
}

type Opened = (Name, Result<Segment, Error>);

/// Opens all segments of this user that can be opened.
fn segments() -> Result<Vec<Opened>, Failure> {
    let files = shm::names()
        .map_err(|error| Failure::refused(format!("cannot read /dev/shm: {error}"), None))?;
    let mut names: Vec<Name> = files.filter_map(|file| Name::from_file(&file)).collect();
    names.sort();
    let segments = names.into_iter().map(|name| {
        let opened = Segment::open(name.as_str());
        (name, opened)
    });
    Ok(segments.filter(|(_, opened)| is_ours(opened)).collect())
}

fn is_ours(opened: &Result<Segment, Error>) -> bool {
    // Gone since, it is nobody's.
    !matches!(
        opened,
        Err(Error::NotFound { .. }
            | Error::Foreign {
                foreign: Foreign::Owner { .. },
                ..
            })
    )
}

fn names(segments: &[Opened]) -> String {
    let mut text = String::new();
    for (name, opened) in segments {
        text.push_str(&format!("{name}\n"));
        let entries = opened.as_ref().ok().and_then(|open| open.entries().ok());
        for entry in entries.unwrap_or_default() {
            if entry.name() != MAIN {
                text.push_str(&format!("{name}/{}\n", entry.name()));
            }
        }
    }
    text
}

impl Listed {
    fn of((name, opened): Opened, attached: &Attached) -> Self {
        match opened.and_then(|segment| Ok((segment.entries()?.len(), segment))) {
            Ok((objects, segment)) => Self {
                name: name.to_string(),
                bytes: Some(segment.size() as u64),
                created: Some(since_1970(segment.created())),
                age_s: Some(age_of(&segment).as_secs()),
                objects: Some(objects),
                attached: attached.of(&segment).map(<[u32]>::len),
                temporary: Some(segment.is_temporary()),
                stale: Some(is_stale(&segment, attached)),
                error: None,
            },
            Err(error) => Self {
                name: name.to_string(),
                bytes: None,
                created: None,
                age_s: None,
                objects: None,
                attached: None,
                temporary: None,
                stale: None,
                error: Some(what_is_wrong(&error)),
            },
        }
    }

    fn row(&self) -> Vec<String> {
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        let state = match (&self.error, self.stale, self.temporary) {
            (Some(error), ..) => error.clone(),
            (None, Some(true), _) => "stale".to_owned(),
            (None, _, Some(true)) => "temporary".to_owned(),
            _ => String::new(),
        };
        vec![
            self.name.clone(),
            or_dash(self.bytes.map(table::bytes)),
            or_dash(self.age_s.map(|age| table::age(Duration::from_secs(age)))),
            or_dash(self.objects.map(|objects| objects.to_string())),
            or_dash(self.attached.map(|attached| attached.to_string())),
            state,
        ]
    }
}

/// Says what is wrong with a segment whose name stands beside it.
fn what_is_wrong(error: &Error) -> String {
    match error {
        Error::Foreign { foreign, .. } => foreign.to_string(),
        Error::System { source, .. } => source.to_string(),
        error => error.to_string(),
    }
}

pub(super) fn age_of(segment: &Segment) -> Duration {
    // A clock that was set back since makes it new.
    SystemTime::now()
        .duration_since(segment.created())
        .unwrap_or_default()
}

pub(super) fn since_1970(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}
