//! A logarithmic scale with round ends.

use crate::bench::Spread;

/// From nanoseconds to pixels.
pub(super) struct Scale {
    low: f64,
    high: f64,
    top: i32,
    bottom: i32,
}

impl Scale {
    /// Makes one on which all figures find place.
    pub(super) fn over(spreads: impl Iterator<Item = Spread>, top: i32, bottom: i32) -> Self {
        let ends =
            |(low, high): (f64, f64), spread: Spread| (low.min(spread.min), high.max(spread.max));
        let (low, high) = spreads.fold((f64::MAX, 0.1), ends);
        let low = low.clamp(0.1, high);
        let below = round_figures().rev().find(|figure| *figure <= low * 0.98);
        let above = round_figures().find(|figure| *figure >= high * 1.02);
        Self {
            low: below.unwrap_or(low),
            high: above.unwrap_or(high),
            top,
            bottom,
        }
    }

    /// Returns the height of a figure.
    pub(super) fn y(&self, figure: f64) -> i32 {
        let part = (figure.max(self.low) / self.low).ln() / (self.high / self.low).ln();
        self.bottom - (part * f64::from(self.bottom - self.top)).round() as i32
    }

    /// Returns the figures to draw lines at.
    pub(super) fn ticks(&self) -> impl Iterator<Item = f64> {
        round_figures().filter(|figure| (self.low..=self.high).contains(figure))
    }
}

/// 1, 2 and 5 of each power of ten, from a tenth of a nanosecond to a minute.
fn round_figures() -> impl DoubleEndedIterator<Item = f64> {
    (-1..=10).flat_map(|power| [1.0, 2.0, 5.0].map(|figure| figure * 10f64.powi(power)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_are_round_and_the_larger_is_higher() {
        let spread = |min, max| Spread {
            median: min,
            min,
            max,
        };
        let scale = Scale::over([spread(8.0, 9.0), spread(40.0, 130.0)].into_iter(), 0, 100);
        assert_eq!(
            scale.ticks().collect::<Vec<_>>(),
            [5.0, 10.0, 20.0, 50.0, 100.0, 200.0]
        );
        assert_eq!((scale.y(5.0), scale.y(200.0)), (100, 0));
        assert!(scale.y(40.0) < scale.y(8.0));
    }
}
