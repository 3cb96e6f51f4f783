//! What some rounds of one contender come to.

use serde::Serialize;

use super::entrant::Entrant;
use super::round::Round;
use super::spread::Spread;

/// What a contender's rounds with one number of processes come to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measurement {
    /// Which contender.
    pub contender: Entrant,
    /// How many processes added.
    pub procs: usize,
    /// The time of a round by the adds of all its processes, in nanoseconds.
    pub ns_per_add: Spread,
    /// The processor time of all processes by their adds, in nanoseconds; the median.
    pub cpu_ns_per_add: f64,
    /// The smallest part of the adds, in any round, that a process came to.
    pub share_min: f64,
    /// The largest part of the adds, in any round, that a process came to.
    pub share_max: f64,
    /// Whether every round's total was that of its adds.
    pub correct: bool,
    /// The part of the adds of all rounds that the totals lack.
    pub lost: f64,
}

impl Measurement {
    pub(super) fn of(contender: Entrant, procs: usize, rounds: &[Round]) -> Self {
        // One add at least: a round that came to none must not divide by it.
        let adds = |round: &Round| round.all_adds().max(1) as f64;
        let shares = || {
            let of_round = |round| {
                let all = adds(round);
                round.adds.iter().map(move |adds| *adds as f64 / all)
            };
            rounds.iter().flat_map(of_round)
        };
        let shares = Spread::of(shares());
        let lost = |round: &Round| i128::from(round.all_adds()) - i128::from(round.total);
        let all: u64 = rounds.iter().map(Round::all_adds).sum();
        Self {
            contender,
            procs,
            ns_per_add: Spread::of(
                rounds
                    .iter()
                    .map(|round| round.elapsed as f64 / adds(round)),
            ),
            cpu_ns_per_add: Spread::of(rounds.iter().map(|round| round.cpu as f64 / adds(round)))
                .median,
            share_min: shares.min,
            share_max: shares.max,
            correct: rounds.iter().all(|round| lost(round) == 0),
            lost: rounds.iter().map(lost).sum::<i128>() as f64 / all.max(1) as f64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(adds: [u64; 2], total: i64) -> Round {
        Round {
            adds: adds.to_vec(),
            elapsed: 1_000,
            cpu: 2_000,
            total,
        }
    }

    #[test]
    fn one_wrong_total_makes_it_wrong() {
        let rounds = [round([50, 50], 100), round([25, 75], 90)];
        let measured = Measurement::of(Entrant::MEASURE, 2, &rounds);
        assert!(!measured.correct);
        assert_eq!(measured.lost, 0.05);
        assert_eq!((measured.share_min, measured.share_max), (0.25, 0.75));
        assert_eq!(measured.ns_per_add.median, 10.0);
        assert_eq!(measured.cpu_ns_per_add, 20.0);
        assert!(Measurement::of(Entrant::MEASURE, 2, &rounds[..1]).correct);
    }
}
