//! `shmcount bench`: what it prints, and that it leaves nothing. Nothing here asks how fast.

mod figures;
mod kills;
mod program;
mod usage;
