//! Ours: `add`, the built-in add, or `guard`, through a guard.

use std::process::ExitCode;

use shmcount::Segment;
use shmcount_peers::Task;

fn main() -> ExitCode {
    let task = Task::from_arguments();
    let name = format!("bench-peer-{}", std::process::id());
    let segment = Segment::create(&name).expect("a segment");
    let total = segment.value("main", 0i64).expect("a number");
    // Forked processes have it mapped; nobody needs its name.
    segment.remove().expect("its own segment");
    match task.kind.as_deref() {
        Some("guard") => task.carry_out(|| *total.lock().expect("a lock") += 1, || total.load()),
        _ => task.carry_out(
            || {
                total.fetch_add(1).expect("an add");
            },
            || total.load(),
        ),
    }
}
