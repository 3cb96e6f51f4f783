//! Colours, strokes and letters.

use plotters::prelude::*;

use crate::bench::Entrant;
use crate::contender::LockKind;

pub(super) const TEXT: RGBColor = RGBColor(0x1b, 0x1f, 0x24);
pub(super) const QUIET: RGBColor = RGBColor(0x5c, 0x66, 0x70);
pub(super) const GRID: RGBColor = RGBColor(0xe6, 0xe9, 0xec);

/// How a contender's line is drawn.
#[derive(Clone, Copy)]
pub(super) struct Ink {
    pub(super) colour: RGBColor,
    pub(super) width: u32,
    pub(super) is_bold: bool,
}

impl Ink {
    /// Returns that of a contender: ours strong, the others thin, and told apart without red against
    /// green (the colours of Okabe and Ito, toned down).
    pub(super) fn of(entrant: Entrant) -> Self {
        let colour = match entrant {
            Entrant::Lock(LockKind::Robust) => RGBColor(0x0b, 0x57, 0xa4),
            Entrant::RobustGuard => RGBColor(0x3d, 0x8f, 0xd9),
            Entrant::Lock(LockKind::Fifo) => RGBColor(0x2a, 0x6f, 0x97),
            Entrant::Lock(LockKind::Sharded) => RGBColor(0x5a, 0xb4, 0xe5),
            Entrant::Lock(LockKind::Atomic) => RGBColor(0x6b, 0x72, 0x80),
            Entrant::Lock(LockKind::Futex) => RGBColor(0x00, 0x8f, 0x6b),
            Entrant::Lock(LockKind::Pthread) => RGBColor(0xc9, 0x5f, 0x0c),
            Entrant::Lock(LockKind::PthreadRobust) => RGBColor(0xe0, 0x9a, 0x1a),
            Entrant::Lock(LockKind::PosixSem) => RGBColor(0xb0, 0x5c, 0x8f),
            Entrant::Lock(LockKind::RawSync) => RGBColor(0x8a, 0x6d, 0x3b),
            Entrant::Lock(LockKind::Flock) => RGBColor(0x7a, 0x5c, 0xb8),
            Entrant::Lock(LockKind::Ofd) => RGBColor(0x5f, 0x3d, 0x7d),
            Entrant::Lock(LockKind::None) => RGBColor(0xb4, 0xba, 0xc0),
        };
        Self {
            colour,
            width: if entrant.is_ours() { 3 } else { 2 },
            is_bold: entrant == Entrant::MEASURE,
        }
    }
}

pub(super) fn plain(size: i32, colour: RGBColor) -> TextStyle<'static> {
    ("Helvetica, Arial, sans-serif", size)
        .into_font()
        .color(&colour)
}

pub(super) fn bold(size: i32, colour: RGBColor) -> TextStyle<'static> {
    let font = ("Helvetica, Arial, sans-serif", size).into_font();
    font.style(FontStyle::Bold).color(&colour)
}

/// A figure at the end of a line.
pub(super) fn figure(ns: f64) -> String {
    match ns {
        ns if ns < 99.95 => format!("{ns:.1}"),
        ns => tick(ns.round()),
    }
}

/// A figure of the scale, its thousands set apart.
pub(super) fn tick(ns: f64) -> String {
    if ns < 1000.0 {
        return format!("{ns}");
    }
    let digits = format!("{ns:.0}");
    let first = digits.len() % 3;
    let groups = digits.as_bytes()[first..].chunks(3);
    let groups = groups.map(|group| String::from_utf8_lossy(group).into_owned());
    let head = (first > 0).then(|| digits[..first].to_owned());
    head.into_iter().chain(groups).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!(tick(500.0), "500");
        assert_eq!(tick(5000.0), "5 000");
        assert_eq!(tick(100_000.0), "100 000");
        assert_eq!(figure(8.13), "8.1");
        assert_eq!(figure(1234.5), "1 235");
    }
}
