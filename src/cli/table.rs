//! Columns for people.

use std::fmt::Write;
use std::time::Duration;

/// Lines up rows under a head. The last column is as wide as it likes.
pub(super) fn of(head: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        let widths = cells.map(|cell| cell.chars().count());
        widths.chain([head[column].len()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let mut text = String::new();
    let head: Vec<String> = head.iter().map(|&cell| cell.to_owned()).collect();
    for row in [&head].into_iter().chain(rows) {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            // Writing to a string cannot fail.
            let _ = write!(line, "{cell:width$}  ");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Says how many bytes.
pub(super) fn bytes(count: u64) -> String {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let unit = units.into_iter().find(|(unit, _)| count >= *unit);
    match unit {
        None => format!("{count} B"),
        Some((unit, name)) if count.is_multiple_of(unit) => format!("{} {name}", count / unit),
        Some((unit, name)) => format!("{:.1} {name}", count as f64 / unit as f64),
    }
}

/// Says how old something is, in its largest whole unit.
pub(super) fn age(age: Duration) -> String {
    let seconds = age.as_secs();
    let units = [(86_400, "d"), (3_600, "h"), (60, "m")];
    let unit = units.into_iter().find(|(unit, _)| seconds >= *unit);
    match unit {
        Some((unit, name)) => format!("{}{name}", seconds / unit),
        None => format!("{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [
            vec!["a".to_owned(), "b".to_owned()],
            vec!["ccccc".to_owned(), String::new()],
        ];
        assert_eq!(of(&["ONE", "TWO"], &rows), "ONE    TWO\na      b\nccccc\n");
    }

    #[test]
    fn sizes_and_ages_are_said_in_their_largest_unit() {
        let sizes = [
            (0, "0 B"),
            (1_023, "1023 B"),
            (65_536, "64 KiB"),
            (1_600_000, "1.5 MiB"),
        ];
        for (count, said) in sizes {
            assert_eq!(bytes(count), said);
        }
        for (seconds, said) in [(0, "0s"), (59, "59s"), (3_599, "59m"), (90_000, "1d")] {
            assert_eq!(age(Duration::from_secs(seconds)), said);
        }
    }
}
