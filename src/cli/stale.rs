//! Which segments are of no use to anybody any more: what `rm --stale` removes, and `ls` and `show` call so.
//!
//! Whoever makes a temporary segment says that it is for the time of its maker's life. So one whose maker
//! lives is none, even if nobody has it mapped: its maker may be about to start those who will. Nor
//! is one that somebody else still has mapped or runs a command in: they may go on together, and another
//! of the name would part them from those who come. A run is over with its coordinator, and
//! the kernel ends its workers: who has its segment mapped then is one of those, or looks on, and
//! looks on as well when the name is gone.

use super::attached::Attached;
use crate::contender::Seats;
use crate::segment::Segment;

/// Tells whether a segment may be stale, as far as that can be told without asking who is attached to it.
pub(super) fn may_be(segment: &Segment) -> bool {
    segment.is_temporary() && !segment.creator().is_alive()
}

/// Tells whether a segment is stale. Of what is not known to be out of use, it is not said.
pub(super) fn is_stale(segment: &Segment, attached: &Attached) -> bool {
    may_be(segment) && (Seats::are_in(segment) || is_out_of_use(segment, attached))
}

fn is_out_of_use(segment: &Segment, attached: &Attached) -> bool {
    let is_mapped = attached.of(segment).is_none_or(|pids| !pids.is_empty());
    // A command that `lock -F` became, or that outlived its `lock`, has nothing mapped.
    !is_mapped && matches!(segment.has_tokens_out(), Ok(false))
}
