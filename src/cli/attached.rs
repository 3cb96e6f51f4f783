//! Who else has segments open, as `ls`, `show` and `rm --stale` tell it.

use std::collections::HashMap;

use crate::segment::Segment;
use crate::sys::mappings::{self, FileId};

/// Which processes of this user had segments mapped at a moment, except this one; nothing, when `/proc`
/// does not tell.
pub(super) struct Attached(Option<HashMap<FileId, Vec<u32>>>);

impl Attached {
    /// Looks for all at once: it takes a walk over all processes.
    pub(super) fn to<'a>(segments: impl IntoIterator<Item = &'a Segment>) -> Self {
        let files: Vec<FileId> = segments.into_iter().map(Segment::file).collect();
        let mut attached = mappings::processes_that_map(&files).ok();
        for pids in attached.iter_mut().flat_map(HashMap::values_mut) {
            pids.retain(|pid| *pid != std::process::id());
        }
        Self(attached)
    }

    /// Returns who had one of them mapped, if that is known.
    pub(super) fn of(&self, segment: &Segment) -> Option<&[u32]> {
        let attached = self.0.as_ref()?.get(&segment.file());
        attached.map(Vec::as_slice)
    }
}
