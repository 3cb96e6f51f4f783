//! Whom to kill, and when: spread over the run's progress, so that kills hit workers that run.
//!
//! Each kill belongs to a worker and to a place in its adds. When the worker's first thread comes to
//! that place it rings and works on; some microseconds later, by chance, it is killed. It stops only
//! at the place of its next kill, or before its last add, so that it cannot be done too early.

use std::collections::VecDeque;
use std::time::Duration;

/// The place of a kill in the adds of a worker's first thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Course {
    /// After how many adds the worker rings.
    pub mark: u64,
    /// After how many it stops.
    pub limit: u64,
}

impl Course {
    /// To the end, undisturbed.
    pub(super) const FREE: Self = Self {
        mark: u64::MAX,
        limit: u64::MAX,
    };
}

/// The kills that each worker still has before it.
#[derive(Debug)]
pub(super) struct Kills {
    of_worker: Vec<VecDeque<Course>>,
    random: fastrand::Rng,
}

impl Kills {
    /// Spreads `kills` over the workers and their adds.
    pub(super) fn spread(kills: u64, procs: u64, adds: u64, seed: Option<u64>) -> Self {
        let mut random = seed.map_or_else(fastrand::Rng::new, fastrand::Rng::with_seed);
        let mut count = vec![0u64; procs as usize];
        for _ in 0..kills {
            count[random.usize(..procs as usize)] += 1;
        }
        let of_worker = count
            .iter()
            .map(|kills| courses(*kills, adds, &mut random))
            .collect();
        Self { of_worker, random }
    }

    /// Returns the worker's course to its next kill, if there is one.
    pub(super) fn course(&self, worker: usize) -> Course {
        self.of_worker[worker]
            .front()
            .copied()
            .unwrap_or(Course::FREE)
    }

    /// Returns how long a worker that has come to its mark may work on: a few hundred adds or none,
    /// so that the kill comes at any instruction.
    pub(super) fn reprieve(&mut self) -> Duration {
        Duration::from_nanos(self.random.u64(0..100_000))
    }

    /// Notes that the worker was killed.
    pub(super) fn done(&mut self, worker: usize) {
        self.of_worker[worker].pop_front();
    }
}

/// Divides the adds into as many stretches, and puts a mark into the first half of each.
fn courses(kills: u64, adds: u64, random: &mut fastrand::Rng) -> VecDeque<Course> {
    let last = adds - 1;
    (0..kills)
        .map(|kill| {
            let bound =
                |part: u64| (u128::from(last) * u128::from(part) / u128::from(kills)) as u64;
            let (start, limit) = (bound(kill), bound(kill + 1));
            let mark = start + random.u64(0..=(limit - start) / 2);
            Course { mark, limit }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kill_has_a_place_before_the_last_add() {
        let mut kills = Kills::spread(50, 5, 200_000, Some(7));
        let mut found = 0;
        for worker in 0..5 {
            let mut reached = 0;
            while kills.course(worker) != Course::FREE {
                let course = kills.course(worker);
                assert!(reached <= course.mark && course.mark <= course.limit);
                assert!(course.limit < 200_000);
                reached = course.limit;
                found += 1;
                kills.done(worker);
            }
        }
        assert_eq!(found, 50);
    }

    #[test]
    fn one_seed_is_one_plan() {
        let courses = |seed| format!("{:?}", Kills::spread(9, 3, 100, Some(seed)));
        assert_eq!(courses(1), courses(1));
        assert_ne!(courses(1), courses(2));
    }

    #[test]
    fn a_single_add_can_still_be_killed() {
        let kills = Kills::spread(1, 1, 1, None);
        assert_eq!(kills.course(0), Course { mark: 0, limit: 0 });
    }
}
