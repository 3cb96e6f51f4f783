//! An explicit-state model of the crash-safe lock.
//!
//! Every order of steps of a few processes, store buffers included, with SIGKILL at any step of any
//! of them and the kernel's work at a death step by step. `enter`, `sleep`, `inside`, `recover`,
//! `leave`, `tell`, `watch` and `doze` are the protocol as the library runs it, a step an access to
//! shared memory or a system call; `memory`, `kernel` and `death` are the machine under it; `search`
//! looks at every state for what breaks the `promise`. `turns` and `beside` are models of their own, of what
//! stands on the lock. `built` claims that nothing goes wrong, and `broken` that the model would
//! have noticed.
//!
//! `cargo test --test model` runs the small bounds. `-- --include-ignored --nocapture
//! --test-threads=1` adds the large ones and prints the table, with a readable trace for each twin.

mod beside;
mod broken;
mod built;
mod death;
mod doze;
mod enter;
mod inside;
mod kernel;
mod leave;
mod memory;
mod moves;
mod promise;
mod recover;
mod report;
mod scenario;
mod search;
mod sleep;
mod state;
mod symmetry;
mod tell;
mod turns;
mod twins;
mod visited;
mod watch;
mod word;
mod word_flag;
