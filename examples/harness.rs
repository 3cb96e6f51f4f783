//! The harness of `shmcount run` in another project's test: workers that count as that project
//! does, kills, and a verdict.
//!
//! ```sh
//! cargo run --example harness
//! ```

use std::error::Error;

use shmcount::contender::LockKind;
use shmcount::run::{Plan, Program, Report};

fn main() -> Result<(), Box<dyn Error>> {
    // A closure is the worker: five forked processes, four of which are killed on the way.
    let plan = Plan::new().procs(5).adds(1_000).kills(4).seed(7);
    let report = plan
        .closure(|turn| {
            while turn.remaining() > 0 {
                turn.add()?;
            }
            Ok(())
        })
        .run()?;
    show("closure", &report);
    assert!(report.verified);

    // A program is the worker; it counts with whatever it likes.
    let program = Program {
        program: "true".into(),
        arguments: Vec::new(),
    };
    let report = Plan::new().procs(2).adds(1).program(program).run()?;
    show("program that adds nothing", &report);
    assert_eq!((report.r#final, report.lost), (0, 2));

    // Without a lock, adds are lost; how many is luck.
    let report = Plan::new().adds(20_000).lock(LockKind::None).run()?;
    show("no lock", &report);
    Ok(())
}

fn show(what: &str, report: &Report) {
    println!(
        "{what}: counted {} of {}, {} workers killed",
        report.r#final, report.expected, report.kills
    );
}
