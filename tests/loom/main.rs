//! The real code of the `raw` floor under loom: every order of its accesses, and every old value
//! that C11 lets a load return, up to a number of preemptions.
//!
//! `model` runs a program and prints what it took; `locking`, `values`, `journal`, `watching` and `repairing`
//! claim that nothing goes wrong, and `twins` and `sketched_journal` that loom would have noticed. The kernel is
//! `sys::modelled`. Deaths and the plain release are the matter of `tests/model`.
//!
//! `RUSTFLAGS="--cfg loom" cargo test --release --no-default-features --test loom`, or
//! `scripts/model.sh`. `MODEL_BOUNDS=large` takes the larger of the bounds written in the
//! tests, and `LOOM_MAX_PREEMPTIONS` replaces them.
#![cfg(loom)]
#![allow(
    clippy::arc_with_non_send_sync,
    reason = "loom's threads are coroutines of one thread"
)]

mod journal;
mod locking;
mod model;
mod repairing;
mod sketch;
mod sketched_journal;
mod twins;
mod values;
mod watching;
