//! The program in a sandbox, with all the workers that it starts there.

use crate::stage::{Parent, Skipped};

#[cfg(not(feature = "cli"))]
pub fn a_run_in_a_sandbox_is_exact_under_kills() -> Result<(), Skipped> {
    Err(Skipped("the program is not built without `cli`".to_owned()))
}

#[cfg(feature = "cli")]
pub fn a_run_in_a_sandbox_is_exact_under_kills() -> Result<(), Skipped> {
    use serde_json::Value;

    use super::{SANDBOXES, needs_sandboxes};
    use crate::stage::Process;

    needs_sandboxes()?;
    for sandbox in SANDBOXES {
        for start in ["spawn", "fork"] {
            let program = [sandbox.name, env!("CARGO_BIN_EXE_shmcount")];
            let job = ["run", "--procs", "4", "--adds", "20000", "--kill", "10"];
            let arguments = [&program[..], &job, &["--start", start, "--json"]].concat();
            let mut run = Process::start("sandbox::program::enter_and_exec", &arguments);
            let report: Value = serde_json::from_str(&run.hear()).expect("it is JSON");
            assert_eq!(run.hear_or_end(), None);
            run.succeed();
            assert_eq!(report["final"], 80_000, "{sandbox:?}: {report}");
            assert_eq!(report["verified"], true, "{sandbox:?}: {report}");
            assert_eq!(report["kills"], 10, "{sandbox:?}: {report}");
        }
    }
    Ok(())
}

/// Argument 0 is the sandbox, and the others are what to run in it.
pub fn enter_and_exec(parent: Parent) {
    use std::os::unix::process::CommandExt;

    super::Sandbox::named(parent.argument(0)).enter();
    let [_, program, arguments @ ..] = parent.arguments() else {
        panic!("no program is named")
    };
    let refused = std::process::Command::new(program).args(arguments).exec();
    panic!("{refused}");
}
