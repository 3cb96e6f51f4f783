//! What makes no sense is refused before anything is measured.

use crate::program::Bench;

fn refused(arguments: &[&str]) -> String {
    let ended = Bench::run(arguments);
    assert_eq!(
        (ended.code, ended.stdout.as_str()),
        (Some(2), ""),
        "{arguments:?}"
    );
    ended.stderr
}

#[test]
fn an_unknown_contender_is_answered_with_those_there_are() {
    let stderr = refused(&["--contenders", "robust,magic"]);
    assert!(
        stderr.contains("unknown contender 'magic': there are robust, robust-guard, "),
        "{stderr}"
    );
}

#[test]
fn numbers_beyond_their_limits_are_refused() {
    for (option, value, expected) in [
        ("--procs", "0", "error: --procs is 0, expected 1 to 256\n"),
        (
            "--procs",
            "1,300",
            "error: --procs is 300, expected 1 to 256\n",
        ),
        (
            "--rounds",
            "0",
            "error: --rounds is 0, expected 1 to 1000\n",
        ),
        ("--time", "0", "error: --time is 0ns, expected 1ms to 10m\n"),
        (
            "--work",
            "200000000",
            "error: --work is 200000000, expected 0 to 100000000 nanoseconds\n",
        ),
    ] {
        assert_eq!(refused(&[option, value]), expected);
    }
}

#[test]
fn a_plot_is_refused_before_the_measurement_and_not_after() {
    let stderr = refused(&["--plot", "bench.png"]);
    assert_eq!(
        stderr,
        "error: plots are SVG, and 'bench.png' does not end in .svg\n"
    );
    assert!(refused(&["--plot", "bench.svg", "--kill"]).contains("cannot be used with"));
    let ended = Bench::run(&["--plot", "/no/such/directory/bench.svg"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(4), ""));
    assert!(
        ended
            .stderr
            .starts_with("error: cannot write the plot '/no/such/directory/bench.svg': ")
    );
}
