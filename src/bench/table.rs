//! A report as a table for people.

use std::fmt::Write;
use std::time::Duration;

use super::Entrant;
use super::measurement::Measurement;
use super::recovery::{Outcome, Recovery};
use super::report::Report;
use super::spread::Spread;

/// Cells of the longest bar.
const BAR: f64 = 14.0;
/// A full bar stands for so many times our lock's time, or more: linear up to there, so that lengths
/// can be compared.
const FULL_BAR: f64 = 14.0;

/// Returns the table, with bars if somebody looks at it.
pub fn of(report: &Report, with_bars: bool) -> String {
    let mut text = head(report);
    for procs in report.procs() {
        group(&mut text, report, procs, with_bars);
    }
    if !report.recoveries.is_empty() {
        recoveries(&mut text, &report.recoveries);
    }
    text
}

/// The machine and the plan, above the figures.
fn head(report: &Report) -> String {
    let work = match report.work {
        Duration::ZERO => "no work between adds".to_owned(),
        work => format!("{work:?} of work between adds"),
    };
    let pinned = match report.pinned {
        true => "each process on one processor",
        false => "processes not pinned",
    };
    let rounds = match report.rounds {
        1 => "1 round".to_owned(),
        rounds => format!("{rounds} rounds, contenders by turns"),
    };
    let each = match report.results.is_empty() {
        true => format!("{rounds}, one kill each"),
        false => format!("{rounds}, {:?} each; {work}", report.time),
    };
    format!(
        "machine   {}, {} cores\nkernel    {}\nrounds    {each}\nlocks     {} release, {pinned}\n",
        report.machine, report.cores, report.kernel, report.release,
    )
}

fn group(text: &mut String, report: &Report, procs: usize, with_bars: bool) {
    let mut results: Vec<&Measurement> = report
        .results
        .iter()
        .filter(|result| result.procs == procs)
        .collect();
    let ours = results
        .iter()
        .find(|result| result.contender == Entrant::MEASURE);
    let ours = ours.map(|result| result.ns_per_add.median);
    results.sort_by(|a, b| a.ns_per_add.median.total_cmp(&b.ns_per_add.median));
    let unit = ours.or(results.first().map(|result| result.ns_per_add.median));
    let processes = match procs {
        1 => "1 process".to_owned(),
        procs => format!("{procs} processes"),
    };
    // Writing to a string cannot fail, here and below.
    let _ = writeln!(
        text,
        "\n{processes:<15} {:>8} {:>15} {:>8} {:>9} {:>9}",
        "ns an add", "min–max", "CPU ns", "shares", "× robust"
    );
    for result in results {
        let ratio = ours.map_or("–".to_owned(), |ours| {
            format!("{:.2}", result.ns_per_add.median / ours)
        });
        let _ = write!(
            text,
            "{:<16} {:>8} {:>15} {:>8} {:>9} {ratio:>9}",
            result.contender,
            figure(result.ns_per_add.median),
            range(result.ns_per_add),
            figure(result.cpu_ns_per_add),
            shares(result),
        );
        if let (true, Some(unit)) = (with_bars, unit) {
            let _ = write!(text, "  {}", bar(result.ns_per_add.median / unit));
        }
        if !result.correct {
            let _ = write!(
                text,
                "  wrong: lost {:.1} % of the adds",
                result.lost * 100.0
            );
        }
        text.push('\n');
    }
}

/// The smallest and the largest part of the adds.
fn shares(result: &Measurement) -> String {
    let percent = |share: f64| format!("{:.0}", share * 100.0);
    let (min, max) = (percent(result.share_min), percent(result.share_max));
    match min == max {
        true => format!("{min} %"),
        false => format!("{min}–{max} %"),
    }
}

/// A bar in eighths of a cell; one that would be too long ends in an arrow.
fn bar(times: f64) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    if times > FULL_BAR {
        return format!("{}▶", "█".repeat(BAR as usize - 1));
    }
    let eighths = (times / FULL_BAR * BAR * 8.0).round().max(1.0) as usize;
    format!("{}{}", "█".repeat(eighths / 8), EIGHTHS[eighths % 8])
}

fn recoveries(text: &mut String, recoveries: &[Recovery]) {
    let _ = writeln!(
        text,
        "\nfrom SIGKILL of the holder to the next owner\n{:<16} {:>10} {:>19}",
        "", "median", "min–max"
    );
    for recovery in recoveries {
        let _ = match (recovery.outcome, recovery.ns) {
            (Outcome::Recovers, Some(ns)) => writeln!(
                text,
                "{:<16} {:>7} µs {:>16} µs",
                recovery.contender,
                figure(ns.median / 1e3),
                range(Spread {
                    median: ns.median / 1e3,
                    min: ns.min / 1e3,
                    max: ns.max / 1e3
                })
            ),
            (Outcome::NoLock, _) => writeln!(
                text,
                "{:<16} {:>10} {:>19}",
                recovery.contender, "no lock", "nothing to free"
            ),
            _ => writeln!(
                text,
                "{:<16} {:>10} {:>19}",
                recovery.contender, "hangs", "taken for ever"
            ),
        };
    }
}

fn range(spread: Spread) -> String {
    format!("{}–{}", figure(spread.min), figure(spread.max))
}

/// Three significant digits, as far as those before the point allow.
fn figure(value: f64) -> String {
    match value {
        value if value < 99.95 => format!("{value:.1}"),
        value => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::{Machine, Plan};
    use crate::contender::LockKind;
    use crate::segment::Release;

    fn measured(contender: Entrant, ns: f64, lost: f64) -> Measurement {
        Measurement {
            contender,
            procs: 2,
            ns_per_add: Spread {
                median: ns,
                min: ns,
                max: ns * 2.0,
            },
            cpu_ns_per_add: ns * 2.0,
            share_min: 0.4,
            share_max: 0.6,
            correct: lost == 0.0,
            lost,
        }
    }

    #[test]
    fn the_fastest_comes_first_and_a_wrong_total_is_said_to_be_wrong() {
        let results = vec![
            measured(Entrant::Lock(LockKind::Flock), 1000.0, 0.0),
            measured(Entrant::MEASURE, 10.0, 0.0),
            measured(Entrant::Lock(LockKind::None), 5.0, 0.4),
        ];
        let machine = Machine::this();
        let plan = Plan::default();
        let report = Report::new(&plan, machine, Release::Plain, results, Vec::new());
        let table = of(&report, true);
        let rows: Vec<&str> = table
            .lines()
            .skip_while(|line| !line.contains("× robust"))
            .collect();
        assert!(
            rows[1].starts_with("none ") && rows[1].ends_with("wrong: lost 40.0 % of the adds")
        );
        assert!(rows[2].starts_with("robust ") && rows[2].contains("40–60 %      1.00  █"));
        assert!(
            rows[3].starts_with("flock ") && rows[3].contains(" 100.00 ") && rows[3].ends_with('▶')
        );
        assert!(!of(&report, false).contains('█'));
    }
}
