//! What a number is waited for to be: `>= 500`.

use std::fmt;
use std::str::FromStr;

/// A comparison with a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Condition {
    comparison: Comparison,
    number: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Equal,
    NotEqual,
    AtMost,
    AtLeast,
    Less,
    Greater,
}

impl Comparison {
    /// The longer signs first: `<` begins `<=`.
    const ALL: [(&'static str, Self); 6] = [
        ("==", Self::Equal),
        ("!=", Self::NotEqual),
        ("<=", Self::AtMost),
        (">=", Self::AtLeast),
        ("<", Self::Less),
        (">", Self::Greater),
    ];
}

impl Condition {
    pub(super) fn holds(self, number: i64) -> bool {
        match self.comparison {
            Comparison::Equal => number == self.number,
            Comparison::NotEqual => number != self.number,
            Comparison::AtMost => number <= self.number,
            Comparison::AtLeast => number >= self.number,
            Comparison::Less => number < self.number,
            Comparison::Greater => number > self.number,
        }
    }
}

impl FromStr for Condition {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let signs = Comparison::ALL.into_iter();
        let mut parsed = signs.filter_map(|(sign, comparison)| {
            let number = text.trim().strip_prefix(sign)?.trim().parse().ok()?;
            Some(Self { comparison, number })
        });
        parsed
            .next()
            .ok_or("expected ==, !=, <, <=, > or >= and a whole number, such as '>= 500'")
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut all = Comparison::ALL.iter();
        let sign = all.find(|(_, comparison)| *comparison == self.comparison);
        let sign = sign.map_or("", |(sign, _)| sign);
        write!(formatter, "{sign} {}", self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_comparison_is_read_and_holds_where_it_should() {
        let expected = [
            ("== 5", [false, true, false]),
            ("!=5", [true, false, true]),
            ("< 5", [true, false, false]),
            ("<= 5", [true, true, false]),
            (" > 5 ", [false, false, true]),
            (">=5", [false, true, true]),
        ];
        for (text, holds) in expected {
            let condition: Condition = text.parse().unwrap();
            assert_eq!(
                [4, 5, 6].map(|number| condition.holds(number)),
                holds,
                "{text}"
            );
            assert_eq!(condition.to_string().parse(), Ok(condition));
        }
        assert!(">= -3".parse::<Condition>().unwrap().holds(-3));
        for text in ["", "5", "=5", ">=", "> 1.5", "=> 5", "<> 5"] {
            assert!(text.parse::<Condition>().is_err(), "{text}");
        }
    }
}
