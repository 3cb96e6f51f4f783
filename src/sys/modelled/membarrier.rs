//! No barrier on behalf of others: loom has no fence that one thread makes another pass.
//!
//! The plain release stands on that barrier and on x86's store buffers, so it is checked in
//! `tests/model`, which has both, and the release by exchange here.

/// Never reached: models do not announce by membarrier.
pub fn global_expedited() -> bool {
    unreachable!("membarrier is modelled in tests/model");
}
