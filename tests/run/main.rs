//! `shmcount run` and the verbs of a script, as a user sees them: exit code, standard output and
//! standard error of the real program, and what it leaves behind, which is nothing.

mod bad_input;
mod classic;
mod command;
mod interrupted;
mod json;
mod kills;
mod library;
mod limits;
mod name;
mod program;
mod shared_memory;
mod start;
mod verbs;
mod watchdog;
