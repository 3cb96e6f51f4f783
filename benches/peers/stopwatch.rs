//! Times commands against each other, by turns: `rustc -O stopwatch.rs` is all it takes to build.
//!
//! `stopwatch ROUNDS REPEATS UNIT NAME COMMAND... [:: NAME COMMAND...]...`
//!
//! In each round every command runs REPEATS times in a row, and every round begins with another one.
//! UNIT `us` and `ms` are for how long a command runs; with any other, a command prints its figure
//! itself. Prints a table with the median, smallest and largest round of each, and the medians' ratio
//! to the first. A command that fails ends it.

use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

struct Runner {
    name: String,
    command: Vec<String>,
    figures: Vec<f64>,
}

/// What a figure is.
#[derive(Clone, Copy)]
enum Unit<'a> {
    /// The time that passes, and its length in nanoseconds.
    Time { name: &'static str, ns: f64 },
    /// What the command says.
    Said { name: &'a str },
}

fn main() -> ExitCode {
    match run() {
        Ok(table) => {
            print!("{table}");
            ExitCode::SUCCESS
        }
        Err(reason) => {
            eprintln!("error: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<String, String> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [rounds, repeats, unit, commands @ ..] = arguments.as_slice() else {
        return Err(
            "usage: stopwatch ROUNDS REPEATS UNIT NAME COMMAND... [:: NAME COMMAND...]...".into(),
        );
    };
    let number = |text: &String| match text.parse::<usize>() {
        Ok(number @ 1..) => Ok(number),
        _ => Err(format!("'{text}' is no number of times")),
    };
    let (rounds, repeats, unit) = (number(rounds)?, number(repeats)?, Unit::of(unit));
    let mut runners = commands
        .split(|argument| argument == "::")
        .map(Runner::of)
        .collect::<Result<Vec<_>, _>>()?;
    let count = runners.len();
    for round in 0..rounds {
        for place in 0..count {
            let runner = &mut runners[(place + round) % count];
            let figure = runner.measure(repeats, unit)?;
            runner.figures.push(figure);
        }
    }
    Ok(table(&mut runners, unit))
}

impl<'a> Unit<'a> {
    fn of(name: &'a str) -> Self {
        match name {
            "us" => Self::Time {
                name: "µs",
                ns: 1e3,
            },
            "ms" => Self::Time {
                name: "ms",
                ns: 1e6,
            },
            name => Self::Said { name },
        }
    }

    fn name(self) -> &'a str {
        match self {
            Self::Time { name, .. } => name,
            Self::Said { name } => name,
        }
    }
}

impl Runner {
    fn of(words: &[String]) -> Result<Self, String> {
        match words {
            [name, command @ ..] if !command.is_empty() => Ok(Self {
                name: name.clone(),
                command: command.to_vec(),
                figures: Vec::new(),
            }),
            _ => Err("a command has a name and words".into()),
        }
    }

    fn measure(&self, repeats: usize, unit: Unit<'_>) -> Result<f64, String> {
        match unit {
            Unit::Time { ns, .. } => {
                let start = Instant::now();
                for _ in 0..repeats {
                    let status = self.command(Stdio::null()).status();
                    let status = status.map_err(|error| format!("{}: {error}", self.name))?;
                    if !status.success() {
                        return Err(format!("{} ended with {status}", self.name));
                    }
                }
                Ok(start.elapsed().as_nanos() as f64 / repeats as f64 / ns)
            }
            Unit::Said { .. } => {
                let mut sum = 0.0;
                for _ in 0..repeats {
                    sum += self.said()?;
                }
                Ok(sum / repeats as f64)
            }
        }
    }

    fn said(&self) -> Result<f64, String> {
        let output = self.command(Stdio::piped()).output();
        let output = output.map_err(|error| format!("{}: {error}", self.name))?;
        let text = String::from_utf8_lossy(&output.stdout);
        match text.trim().parse() {
            Ok(figure) if output.status.success() => Ok(figure),
            _ => Err(format!(
                "{} ended with {} and said '{}'",
                self.name,
                output.status,
                text.trim()
            )),
        }
    }

    fn command(&self, stdout: Stdio) -> Command {
        let mut command = Command::new(&self.command[0]);
        command
            .args(&self.command[1..])
            .stdin(Stdio::null())
            .stdout(stdout);
        command
    }

    fn median(&mut self) -> f64 {
        self.figures.sort_by(f64::total_cmp);
        let middle = self.figures.len() / 2;
        match self.figures.len() % 2 {
            1 => self.figures[middle],
            _ => (self.figures[middle - 1] + self.figures[middle]) / 2.0,
        }
    }
}

fn table(runners: &mut [Runner], unit: Unit<'_>) -> String {
    let unit = unit.name();
    let first = runners[0].median();
    let mut text = format!(
        "| {:<34} | {unit:>9} | {:>15} | {:>7} |\n",
        "", "min–max", "ratio"
    );
    text += &format!("|{:-<36}|{:->10}:|{:->16}:|{:->8}:|\n", "", "", "", "");
    for runner in runners {
        let median = runner.median();
        let range = format!(
            "{}–{}",
            figure(runner.figures[0]),
            figure(runner.figures[runner.figures.len() - 1])
        );
        text += &format!(
            "| {:<34} | {:>9} | {range:>15} | {:>7.2} |\n",
            runner.name,
            figure(median),
            median / first
        );
    }
    text
}

fn figure(value: f64) -> String {
    match value {
        value if value < 10.0 => format!("{value:.2}"),
        value if value < 100.0 => format!("{value:.1}"),
        value => format!("{value:.0}"),
    }
}
