//! The segment of a run, which goes when the run does.

use super::error::Error;
use super::plan::Plan;
use crate::segment::{Segment, SegmentOptions};

/// Bytes for a seat, and for the few other objects of a run, of which a counter's cells take most.
const SEAT: usize = 128;
const OTHERS: usize = 12 * 1024;

/// The segment of a run: removed when this is dropped, unless it is to be kept.
pub(super) struct Temporary {
    segment: Segment,
    keep: bool,
}

impl Temporary {
    /// Makes it.
    pub(super) fn new(plan: &Plan) -> Result<Self, Error> {
        let mut options = SegmentOptions::new().capacity(plan.seats() as usize * SEAT + OTHERS);
        if !plan.keep {
            options = options.temporary();
        }
        if let Some(release) = plan.release {
            options = options.release(release);
        }
        let segment = match &plan.name {
            Some(name) => options.create(name)?,
            None => options.create(&made_up_name())?,
        };
        Ok(Self {
            segment,
            keep: plan.keep,
        })
    }

    pub(super) fn segment(&self) -> &Segment {
        &self.segment
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.keep {
            // It was ours and mapped; if it cannot be unlinked now, nobody could say more.
            let _ = self.segment.remove();
        }
    }
}

fn made_up_name() -> String {
    format!("run-{}-{:08x}", std::process::id(), fastrand::u32(..))
}
