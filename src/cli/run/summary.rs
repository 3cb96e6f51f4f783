//! What came of a run, for people.

use std::fmt::Write;

use crate::run::Report;

/// Returns the summary, in lines.
pub(super) fn of(report: &Report) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "{name:<9} {value}");
    };
    line("workers", workers(report));
    line("counted", report.r#final.to_string());
    line("expected", report.expected.to_string());
    line("lost", report.lost.to_string());
    if report.kills > 0 || report.recoveries > 0 {
        line("killed", killed(report));
    }
    if report.elapsed_ns > 0 {
        line("time", time(report.elapsed_ns as f64));
        line("an add", time(report.ns_per_add));
    }
    if report.verified {
        line("verified", "every add counted exactly once".to_owned());
    }
    text
}

fn workers(report: &Report) -> String {
    let mut text = many(report.procs, "process", "processes");
    if report.threads > 1 {
        // Writing to a string cannot fail.
        let _ = write!(text, " × {} threads", report.threads);
    }
    let adds = many(report.adds, "add", "adds");
    format!("{text}, {adds} each, lock {}", report.lock)
}

fn killed(report: &Report) -> String {
    let workers = many(report.kills, "worker", "workers");
    let times = match report.recoveries {
        0 => "never recovered".to_owned(),
        1 => "recovered once".to_owned(),
        times => format!("recovered {times} times"),
    };
    format!("{workers}; the lock was {times}")
}

/// Returns a number and what it counts.
pub(super) fn many(number: u64, one: &str, more: &str) -> String {
    match number {
        1 => format!("1 {one}"),
        _ => format!("{number} {more}"),
    }
}

/// Returns a time in the unit in which it is easy to read.
fn time(ns: f64) -> String {
    let (unit, name) = match ns {
        ..1e3 => (1e0, "ns"),
        ..1e6 => (1e3, "µs"),
        ..1e9 => (1e6, "ms"),
        _ => (1e9, "s"),
    };
    format!("{:.1} {name}", ns / unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_in_the_unit_that_fits() {
        let expected = [
            (0.3, "0.3 ns"),
            (999.0, "999.0 ns"),
            (1_100.4, "1.1 µs"),
            (550_000.0, "550.0 µs"),
            (12_345_678.0, "12.3 ms"),
            (61e9, "61.0 s"),
        ];
        for (ns, text) in expected {
            assert_eq!(time(ns), text);
        }
    }

    #[test]
    fn one_is_not_many() {
        assert_eq!(many(1, "process", "processes"), "1 process");
        assert_eq!(many(2, "process", "processes"), "2 processes");
    }
}
