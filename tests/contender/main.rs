//! Every contender keeps the trait's promises, over real processes, and leaves
//! behind a killed holder what its file says.

mod arena;
mod broken;
mod conformance;
mod crash;
mod exclusive;
mod file;
mod forked;
mod number;
mod process;
mod robust;
mod signal;
mod watchdog;
