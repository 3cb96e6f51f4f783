//! What is to be measured, and the order in which it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use super::entrant::Entrant;
use super::error::Error;
use super::machine::Machine;
use super::measurement::Measurement;
use super::recovery::{self, Kill, Outcome, Recovery};
use super::report::Report;
use super::round::Round;
use super::yard::Yard;
use crate::contender::Work;
use crate::segment::Release;

/// What is to be measured.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Who takes part.
    pub entrants: Vec<Entrant>,
    /// With how many processes each; one measurement for every number.
    pub procs: Vec<usize>,
    /// How long a round lasts.
    pub time: Duration,
    /// How many rounds there are.
    pub rounds: usize,
    /// How long a process works between two adds, outside the lock.
    pub work: Duration,
    /// How our own locks are released, if not as the kernel allows best.
    pub release: Option<Release>,
    /// Whether each process stays on one processor.
    pub pinned: bool,
}

/// Lets others look on while a benchmark goes on, and stop it.
#[derive(Default)]
pub struct Watch {
    /// Is called with what is about to be measured, how many rounds are done, and how many there are.
    pub progress: Option<Box<Progress>>,
    /// The number of the signal that is to end it; 0 goes on.
    pub interrupted: Arc<AtomicUsize>,
}

/// What shows how far a benchmark is.
pub type Progress = dyn Fn(&str, usize, usize);

impl Default for Plan {
    fn default() -> Self {
        Self {
            entrants: Entrant::ALL.to_vec(),
            procs: vec![1, 2, 4, 8],
            time: Duration::from_secs(1),
            rounds: 7,
            work: Duration::ZERO,
            release: None,
            pinned: true,
        }
    }
}

impl Plan {
    /// More processes say nothing about a lock that fewer do not.
    const MOST_PROCS: usize = 256;
    /// Beyond this a median does not change.
    const MOST_ROUNDS: usize = 1_000;
    /// A process starts and stops in some tenths of a millisecond, which must be small beside it.
    const SHORTEST: Duration = Duration::from_millis(1);
    const LONGEST: Duration = Duration::from_secs(600);
    /// With more than this between two adds there is nothing to see of a lock.
    const MOST_WORK: Duration = Duration::from_millis(100);

    /// Measures what an add costs.
    ///
    /// # Errors
    ///
    /// [`Error`]. A wrong total is none, but a [`Measurement`] that says so.
    pub fn measure(&self, watch: &Watch) -> Result<Report, Error> {
        self.check()?;
        let work = Work::taking(self.work);
        let mut rounds: Vec<Vec<Round>> = vec![Vec::new(); self.entrants.len() * self.procs.len()];
        let all = rounds.len() * self.rounds;
        for number in 0..self.rounds * rounds.len() {
            let place = self.place(number);
            let (procs, entrant) = self.at(place);
            watch.show(&format!("{entrant}, {procs} processes"), number, all);
            watch.look()?;
            rounds[place].push(Round::run(self, entrant, procs, work, watch)?);
        }
        let results = rounds.iter().enumerate().map(|(place, rounds)| {
            let (procs, entrant) = self.at(place);
            Measurement::of(entrant, procs, rounds)
        });
        self.report(results.collect(), Vec::new())
    }

    /// Measures how long it takes from the SIGKILL of a holder until the next has its lock.
    ///
    /// # Errors
    ///
    /// [`Error`]. A lock that nobody gets is none, but a [`Recovery`] that says so.
    pub fn measure_kills(&self, watch: &Watch) -> Result<Report, Error> {
        self.check()?;
        let mut kills: Vec<Vec<Kill>> = vec![Vec::new(); self.entrants.len()];
        let all = self.rounds * self.entrants.len();
        for number in 0..all {
            let place = number % self.entrants.len();
            let entrant = self.entrants[place];
            watch.show(&format!("{entrant}, killed"), number, all);
            watch.look()?;
            // What hung once, or has no lock, would only do so again.
            let recovers = |kill: &Kill| kill.outcome() == Outcome::Recovers;
            if kills[place].iter().all(recovers) {
                kills[place].push(recovery::kill_holder(self, entrant, watch)?);
            }
        }
        let recoveries = self.entrants.iter().zip(&kills);
        let recoveries = recoveries.map(|(entrant, kills)| Recovery::of(*entrant, kills));
        self.report(Vec::new(), recoveries.collect())
    }

    /// Returns which of the measurements the given round is for: in each round all of them, one
    /// after the other, beginning with another each time, so that none is always the one after the
    /// same neighbour.
    fn place(&self, number: usize) -> usize {
        let places = self.entrants.len() * self.procs.len();
        let (round, place) = (number / places, number % places);
        let (procs, entrant) = (place / self.entrants.len(), place % self.entrants.len());
        procs * self.entrants.len() + (entrant + round) % self.entrants.len()
    }

    fn at(&self, place: usize) -> (usize, Entrant) {
        let entrants = self.entrants.len();
        (
            self.procs[place / entrants],
            self.entrants[place % entrants],
        )
    }

    fn report(
        &self,
        results: Vec<Measurement>,
        recoveries: Vec<Recovery>,
    ) -> Result<Report, Error> {
        let yard = Yard::new(Entrant::MEASURE, 1, self.release)?;
        let release = yard.segment().release();
        Ok(Report::new(
            self,
            Machine::this(),
            release,
            results,
            recoveries,
        ))
    }

    fn check(&self) -> Result<(), Error> {
        let out_of_range = |what, found: String, expected| Error::OutOfRange {
            what,
            found,
            expected,
        };
        let check = |is_good: bool, what, found: String, expected| match is_good {
            true => Ok(()),
            false => Err(out_of_range(what, found, expected)),
        };
        check(
            !self.entrants.is_empty(),
            "the list of contenders",
            "empty".to_owned(),
            "one at least",
        )?;
        let most = 1..=Self::MOST_PROCS;
        let odd = self.procs.iter().find(|procs| !most.contains(procs));
        let found = odd.map_or("empty".to_owned(), usize::to_string);
        let is_good = odd.is_none() && !self.procs.is_empty();
        check(is_good, "--procs", found, "1 to 256")?;
        let is_good = (1..=Self::MOST_ROUNDS).contains(&self.rounds);
        check(is_good, "--rounds", self.rounds.to_string(), "1 to 1000")?;
        let is_good = (Self::SHORTEST..=Self::LONGEST).contains(&self.time);
        check(is_good, "--time", format!("{:?}", self.time), "1ms to 10m")?;
        let is_good = self.work <= Self::MOST_WORK;
        let found = self.work.as_nanos().to_string();
        check(is_good, "--work", found, "0 to 100000000 nanoseconds")
    }
}

impl Watch {
    /// Ends the benchmark if a signal asked for that.
    pub(super) fn look(&self) -> Result<(), Error> {
        // Relaxed: the number says all there is to know.
        match self.interrupted.load(Relaxed) {
            0 => Ok(()),
            signal => Err(Error::Interrupted {
                signal: signal as i32,
            }),
        }
    }

    fn show(&self, what: &str, done: usize, all: usize) {
        if let Some(progress) = &self.progress {
            progress(what, done, all);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_measurement_comes_once_in_each_round() {
        let plan = Plan {
            procs: vec![1, 2],
            rounds: 3,
            ..Plan::default()
        };
        let places = plan.entrants.len() * plan.procs.len();
        for round in 0..plan.rounds {
            let mut seen: Vec<usize> = (0..places)
                .map(|number| plan.place(round * places + number))
                .collect();
            assert!(round == 0 || seen[0] != 0, "another begins");
            seen.sort_unstable();
            assert_eq!(seen, (0..places).collect::<Vec<_>>());
        }
    }
}
