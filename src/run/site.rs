//! What all processes of a run share, as one of them has it open.
//!
//! The coordinator makes it; a spawned worker opens it; a forked one has its parent's, whose handles are
//! as good in a child.

use super::error::Error;
use super::gate::Gate;
use super::plan::Plan;
use super::worker::Job;
use crate::contender::{self, Contender, MAIN, Seat, Seats};
use crate::segment::Segment;

/// The segment of a run and what lies in it.
pub(super) struct Site {
    pub(super) segment: Segment,
    pub(super) seats: Seats,
    pub(super) gate: Gate,
    pub(super) contender: Box<dyn Contender>,
    /// Threads in each worker.
    threads: usize,
}

impl Site {
    /// Makes all that a plan needs in a segment.
    pub(super) fn make(segment: &Segment, plan: &Plan) -> Result<Self, Error> {
        let seats = Seats::create(segment, plan.seats() as usize)?;
        let gate = Gate::new(segment)?;
        let contender = match plan.has_own_workers() {
            true => plan.lock.open_for_run(segment, seats.clone())?,
            false => plan.lock.open(segment.value(MAIN, 0)?)?,
        };
        Ok(Self {
            segment: segment.clone(),
            seats,
            gate,
            contender,
            threads: plan.threads as usize,
        })
    }

    /// Opens what the coordinator has made for a job.
    pub(super) fn open(job: &Job) -> Result<Self, contender::Error> {
        let segment = Segment::open(&job.segment)?;
        let seats = Seats::open(&segment, (job.procs * job.threads) as usize)?;
        Ok(Self {
            gate: Gate::new(&segment)?,
            contender: job.lock.open_for_run(&segment, seats.clone())?,
            threads: job.threads as usize,
            seats,
            segment,
        })
    }

    /// Returns the seats of a worker's threads.
    pub(super) fn seats_of(&self, worker: usize) -> impl Iterator<Item = Seat<'_>> {
        let first = worker * self.threads;
        (first..first + self.threads).map(|seat| self.seats.seat(seat))
    }

    /// Tells whether all threads of a worker have come to their end.
    pub(super) fn has_finished(&self, worker: usize) -> bool {
        self.seats_of(worker).all(|seat| seat.finished_ns() != 0)
    }

    /// Returns the seat of a worker's first thread.
    pub(super) fn first_seat(&self, worker: usize) -> Seat<'_> {
        self.seats.seat(worker * self.threads)
    }
}
