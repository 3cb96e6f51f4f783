//! How arguments are read that are no plain numbers.

use std::time::Duration;

use fundu::{CustomDurationParser, CustomTimeUnit, TimeUnit};

/// The units of a time. A bare number is in seconds, as with timeout(1) and flock(1).
const UNITS: &[CustomTimeUnit<'_>] = &[
    CustomTimeUnit::with_default(TimeUnit::NanoSecond, &["ns"]),
    CustomTimeUnit::with_default(TimeUnit::MicroSecond, &["us", "µs"]),
    CustomTimeUnit::with_default(TimeUnit::MilliSecond, &["ms"]),
    CustomTimeUnit::with_default(TimeUnit::Second, &["s"]),
    CustomTimeUnit::with_default(TimeUnit::Minute, &["m"]),
    CustomTimeUnit::with_default(TimeUnit::Hour, &["h"]),
];

/// Reads a time, such as `10ms`, `1.5s` or `2m`.
pub(super) fn time(text: &str) -> Result<Duration, String> {
    let parsed = CustomDurationParser::with_time_units(UNITS).parse(text);
    parsed
        .ok()
        .and_then(|time| Duration::try_from(time).ok())
        .ok_or_else(|| "expected a time such as 10us, 1.5s or 2m".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units_and_fractions() {
        let expected = [
            ("0", Duration::ZERO),
            ("10us", Duration::from_micros(10)),
            ("100ms", Duration::from_millis(100)),
            ("1.5s", Duration::from_millis(1500)),
            ("0.25", Duration::from_millis(250)),
            ("2m", Duration::from_secs(120)),
        ];
        for (text, duration) in expected {
            assert_eq!(time(text), Ok(duration), "{text}");
        }
        for text in ["", "-1s", "10 parsecs", "ms", "1.5.2"] {
            assert!(time(text).is_err(), "{text}");
        }
    }
}
