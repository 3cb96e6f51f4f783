//! A report as a picture: an SVG for papers and pages.
//!
//! One line a contender over the numbers of processes, on a logarithmic scale, because the slowest
//! costs hundreds of times the fastest. Each line is named at its end; soft strokes reach from the
//! smallest to the largest figure of all rounds. What lost adds is named and not drawn: how fast it
//! was wrong is of no use to anybody.

mod labels;
mod scale;
mod style;

use std::fs::File;
use std::path::Path;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::error::Error;
use super::measurement::Measurement;
use super::report::Report;
use scale::Scale;
use style::Ink;

/// A slide's shape, readable at half the size.
const SIZE: (u32, u32) = (1040, 640);
/// The field of the lines, in pixels; right of it stand their names.
const FIELD: Field = Field {
    left: 74,
    right: 800,
    top: 126,
    bottom: 562,
};
/// From the edge of the field to the first and the last number of processes.
const INSET: i32 = 44;
/// From one contender's points to the next one's, so that their strokes stand side by side.
const ASIDE: i32 = 5;

struct Field {
    left: i32,
    right: i32,
    top: i32,
    bottom: i32,
}

type Canvas<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;
type Drawn = Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// Checks that a plot can be written there, and makes the file.
///
/// # Errors
///
/// [`Error::NotSvg`], [`Error::Plot`].
pub fn check(path: &Path) -> Result<(), Error> {
    if path.extension().is_none_or(|extension| extension != "svg") {
        return Err(Error::NotSvg {
            path: path.display().to_string(),
        });
    }
    let made = File::options().append(true).create(true).open(path);
    made.map(drop).map_err(|error| cannot(path, error.into()))
}

/// Draws the report.
///
/// # Errors
///
/// [`Error::Plot`].
pub fn write(report: &Report, path: &Path) -> Result<(), Error> {
    draw(report, path).map_err(|source| cannot(path, source))
}

fn cannot(path: &Path, source: Box<dyn std::error::Error + Send + Sync>) -> Error {
    Error::Plot {
        path: path.display().to_string(),
        source,
    }
}

fn draw(report: &Report, path: &Path) -> Drawn {
    let canvas = SVGBackend::new(path, SIZE).into_drawing_area();
    canvas.fill(&WHITE)?;
    let procs = report.procs();
    let (lines, wrong) = lines(report);
    let measurements = lines.iter().flatten();
    let spreads = measurements.map(|result| result.ns_per_add);
    let scale = Scale::over(spreads, FIELD.top, FIELD.bottom);
    headline(&canvas, report)?;
    grid(&canvas, &scale, &procs)?;
    let mut ends = Vec::new();
    for (place, line) in lines.iter().enumerate() {
        let aside = (2 * place as i32 - lines.len() as i32 + 1) * ASIDE / 2;
        draw_line(&canvas, &scale, &procs, line, aside)?;
        if let Some(last) = line.last() {
            ends.push(labels::Label {
                name: last.contender.name(),
                value: style::figure(last.ns_per_add.median),
                at: (
                    x_of(procs.len().saturating_sub(1), procs.len()) + aside,
                    scale.y(last.ns_per_add.median),
                ),
                ink: Ink::of(last.contender),
            });
        }
    }
    labels::draw(&canvas, ends, FIELD.right + 14)?;
    notes(&canvas, &procs, &wrong)?;
    canvas.present()?;
    Ok(())
}

/// The measurements of each contender, and the names of those that lost adds. Ours come last and so
/// lie on top.
fn lines(report: &Report) -> (Vec<Vec<&Measurement>>, Vec<&'static str>) {
    let mut lines: Vec<Vec<&Measurement>> = Vec::new();
    for result in &report.results {
        let same = |line: &&mut Vec<&Measurement>| line[0].contender == result.contender;
        match lines.iter_mut().find(same) {
            Some(line) => line.push(result),
            None => lines.push(vec![result]),
        }
    }
    lines.sort_by_key(|line| line[0].contender.is_ours());
    let is_right = |line: &Vec<&Measurement>| line.iter().all(|result| result.correct);
    let (right, wrong): (Vec<_>, Vec<_>) = lines.into_iter().partition(is_right);
    let names = wrong.iter().map(|line| line[0].contender.name());
    (right, names.collect())
}

fn headline(canvas: &Canvas<'_>, report: &Report) -> Drawn {
    let title = style::bold(24, style::TEXT);
    let small = style::plain(15, style::QUIET);
    let rounds = match report.rounds {
        1 => format!("one round of {:?}", report.time),
        rounds => format!(
            "median of {rounds} rounds of {:?}, strokes from smallest to largest",
            report.time
        ),
    };
    let work = match report.work.is_zero() {
        true => String::new(),
        false => format!(", {:?} of work between adds", report.work),
    };
    let machine = format!(
        "{}, {} cores, {}",
        report.machine, report.cores, report.kernel
    );
    let left = 28;
    canvas.draw(&Text::new(
        "Adding to one number in shared memory",
        (left, 22),
        title,
    ))?;
    let how =
        format!("Nanoseconds an add, all processes together{work}: {rounds}. Logarithmic scale.");
    canvas.draw(&Text::new(how, (left, 56), small.clone()))?;
    canvas.draw(&Text::new(machine, (left, 77), small))?;
    Ok(())
}

fn grid(canvas: &Canvas<'_>, scale: &Scale, procs: &[usize]) -> Drawn {
    let number = style::plain(14, style::QUIET);
    for tick in scale.ticks() {
        let y = scale.y(tick);
        let across = vec![(FIELD.left, y), (FIELD.right, y)];
        canvas.draw(&PathElement::new(across, style::GRID.stroke_width(1)))?;
        let at = number.clone().pos(Pos::new(HPos::Right, VPos::Center));
        canvas.draw(&Text::new(style::tick(tick), (FIELD.left - 10, y), at))?;
    }
    let centred = Pos::new(HPos::Center, VPos::Top);
    for (place, procs_here) in procs.iter().enumerate() {
        let at = (x_of(place, procs.len()), FIELD.bottom + 12);
        canvas.draw(&Text::new(
            procs_here.to_string(),
            at,
            number.clone().pos(centred),
        ))?;
    }
    let middle = ((FIELD.left + FIELD.right) / 2, FIELD.bottom + 38);
    canvas.draw(&Text::new("processes", middle, number.pos(centred)))?;
    Ok(())
}

/// What stands beside the field: what the names' figures are, and who is not there.
fn notes(canvas: &Canvas<'_>, procs: &[usize], wrong: &[&str]) -> Drawn {
    let small = style::plain(13, style::QUIET);
    let of = match procs.last() {
        Some(1) => "ns with 1 process".to_owned(),
        Some(procs) => format!("ns with {procs} processes"),
        None => String::new(),
    };
    let above = small.clone().pos(Pos::new(HPos::Right, VPos::Bottom));
    let right = SIZE.0 as i32 - 28;
    canvas.draw(&Text::new(of, (right, FIELD.top - 6), above))?;
    if !wrong.is_empty() {
        let text = format!("Not drawn, because it lost adds: {}", wrong.join(", "));
        let below = small.pos(Pos::new(HPos::Left, VPos::Bottom));
        canvas.draw(&Text::new(text, (28, SIZE.1 as i32 - 14), below))?;
    }
    Ok(())
}

fn draw_line(
    canvas: &Canvas<'_>,
    scale: &Scale,
    procs: &[usize],
    line: &[&Measurement],
    aside: i32,
) -> Drawn {
    let ink = Ink::of(line[0].contender);
    let place = |result: &Measurement| {
        let place = procs.iter().position(|procs| *procs == result.procs);
        x_of(place.unwrap_or(0), procs.len()) + aside
    };
    let soft = ink.colour.mix(0.28).stroke_width(ink.width + 4);
    for result in line {
        let (x, spread) = (place(result), result.ns_per_add);
        let reach = vec![(x, scale.y(spread.min)), (x, scale.y(spread.max))];
        canvas.draw(&PathElement::new(reach, soft))?;
    }
    let points: Vec<(i32, i32)> = line
        .iter()
        .map(|result| (place(result), scale.y(result.ns_per_add.median)))
        .collect();
    canvas.draw(&PathElement::new(
        points.clone(),
        ink.colour.stroke_width(ink.width),
    ))?;
    for point in points {
        canvas.draw(&Circle::new(point, ink.width as i32 + 3, WHITE.filled()))?;
        canvas.draw(&Circle::new(
            point,
            ink.width as i32 + 1,
            ink.colour.filled(),
        ))?;
    }
    Ok(())
}

/// Where a number of processes stands: at even distances, as they usually double.
fn x_of(place: usize, places: usize) -> i32 {
    let (left, right) = (FIELD.left + INSET, FIELD.right - INSET);
    match places {
        1 => (left + right) / 2,
        _ => left + (right - left) * place as i32 / (places as i32 - 1),
    }
}
