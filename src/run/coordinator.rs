//! Supervises a run: starts the workers, opens the gate, kills and replaces, waits, verifies.
//!
//! One thread and one place to wait: the bell, which workers ring when there is something to look
//! at, together with the ends of all processes. Whatever happens, [`Drop`] leaves no process and no
//! segment.

use std::thread;
use std::time::{Duration, Instant};

use super::error::Error;
use super::gate::Gate;
use super::kills::{Course, Kills};
use super::life::{End, Life};
use super::plan::Plan;
use super::report::{Outcome, Report, WorkerReport};
use super::worker::{Job, Trace};
use crate::contender::{Contender, Phase, Seats};
use crate::segment::{Segment, SegmentOptions};
use crate::sys::bell::{self, Bell, Ringer};

/// How often progress is shown.
const TICK: Duration = Duration::from_millis(100);

pub(super) struct Coordinator<'a> {
    plan: &'a Plan,
    segment: Segment,
    seats: Seats,
    gate: Gate,
    contender: Box<dyn Contender>,
    bell: Bell,
    ringer: Ringer,
    workers: Vec<Worker>,
    kills: Kills,
    kills_done: u64,
    killed_holding: Vec<(usize, u32)>,
    opened: Option<Instant>,
    elapsed: Option<Duration>,
}

struct Worker {
    job: Job,
    pid: u32,
    life: Option<Life>,
    end: Option<End>,
    told: bool,
}

impl<'a> Coordinator<'a> {
    /// Makes the segment and all that lies in it.
    pub(super) fn prepare(plan: &'a Plan) -> Result<Self, Error> {
        let (bell, ringer) = bell::bell().map_err(Error::system("make a pipe"))?;
        let segment = Remove::new(make_segment(plan)?, plan.keep);
        let count = plan.seats() as usize;
        let seats = Seats::create(&segment.segment, count)?;
        let gate = Gate::new(&segment.segment)?;
        let for_contender = Seats::open(&segment.segment, count)?;
        let contender = match plan.has_own_workers() {
            true => plan.lock.open_for_run(&segment.segment, for_contender)?,
            false => plan
                .lock
                .open(segment.segment.value(crate::contender::MAIN, 0)?)?,
        };
        let kills = Kills::spread(plan.kills, plan.procs, plan.adds, plan.seed);
        Ok(Self {
            plan,
            segment: segment.disarm(),
            seats,
            gate,
            contender,
            bell,
            ringer,
            workers: Vec::new(),
            kills,
            kills_done: 0,
            killed_holding: Vec::new(),
            opened: None,
            elapsed: None,
        })
    }

    /// Runs it to its end.
    pub(super) fn supervise(mut self) -> Result<Report, Error> {
        if let Some(on_start) = &self.plan.watch.on_start {
            on_start(
                self.ringer
                    .try_clone()
                    .map_err(Error::system("copy a pipe"))?,
            );
        }
        let deadline = self.plan.timeout.map(|timeout| Instant::now() + timeout);
        self.start_all()?;
        let outcome = loop {
            self.attend()?;
            self.open_gate();
            if let Some(outcome) = self.outcome(deadline) {
                break outcome;
            }
            self.show_progress();
            self.wait(deadline);
        };
        Ok(self.report(outcome))
    }

    fn start_all(&mut self) -> Result<(), Error> {
        if !self.plan.has_own_workers() {
            self.opened = Some(Instant::now());
        }
        for worker in 0..self.plan.procs as usize {
            let job = self.job(worker);
            self.set_course(worker);
            let life = Life::start(self.plan, &job, &self.ringer)?;
            self.workers.push(Worker {
                job,
                pid: life.pid,
                life: Some(life),
                end: None,
                told: false,
            });
        }
        Ok(())
    }

    fn job(&self, worker: usize) -> Job {
        let plan = self.plan;
        Job {
            segment: self.segment.name().to_owned(),
            worker,
            procs: plan.procs,
            threads: plan.threads,
            adds: plan.adds,
            by: plan.by_of(worker),
            delay: plan.delay,
            hold: plan.hold,
            lock: plan.lock,
            trace: match (plan.trace, plan.trace_to_stderr) {
                (false, _) => None,
                (true, false) => Some(Trace::Stdout),
                (true, true) => Some(Trace::Stderr),
            },
        }
    }

    fn first_seat(&self, worker: usize) -> usize {
        worker * self.plan.threads as usize
    }

    fn set_course(&self, worker: usize) {
        let Course { mark, limit } = self.kills.course(worker);
        self.seats
            .seat(self.first_seat(worker))
            .set_course(mark, limit);
    }

    /// Looks after whoever rang, was due to be killed, or has ended.
    fn attend(&mut self) -> Result<(), Error> {
        while let Some(worker) = self.bell.take() {
            // A number beyond the workers is somebody who only wanted us to look.
            if (worker as usize) < self.workers.len() {
                self.hear(worker as usize)?;
            }
        }
        for worker in 0..self.workers.len() {
            self.collect(worker);
        }
        if self.elapsed.is_none() && self.workers.iter().all(|w| w.told || w.end.is_some()) {
            self.elapsed = self.opened.map(|opened| opened.elapsed());
        }
        Ok(())
    }

    fn hear(&mut self, index: usize) -> Result<(), Error> {
        let worker = &mut self.workers[index];
        let Some(life) = &mut worker.life else {
            return Ok(());
        };
        life.attend(&worker.job).map_err(|source| Error::Start {
            worker: index,
            source,
        })?;
        worker.told |= life.has_told();
        let seat = self.seats.seat(self.first_seat(index));
        if self.opened.is_some() && self.contender.tally(seat) >= seat.mark() {
            self.kill(index)?;
        }
        Ok(())
    }

    fn collect(&mut self, index: usize) {
        let worker = &mut self.workers[index];
        if let Some(life) = &mut worker.life
            && let Some(end) = life.try_end(&worker.job)
        {
            worker.end = Some(end);
            worker.life = None;
        }
    }

    /// Kills a worker as planned and starts another in its place.
    fn kill(&mut self, index: usize) -> Result<(), Error> {
        // It has just rung, and is in the middle of that: let it go back to adding first.
        thread::sleep(self.kills.reprieve());
        let worker = &mut self.workers[index];
        if let Some(life) = &mut worker.life {
            life.kill();
        }
        worker.life = None;
        self.kills_done += 1;
        self.kills.done(index);
        let first = self.first_seat(index);
        for seat in (first..first + self.plan.threads as usize).map(|seat| self.seats.seat(seat)) {
            if seat.phase() == Phase::Holding {
                self.killed_holding.push((index, self.workers[index].pid));
            }
            seat.set_phase(Phase::Away);
        }
        self.set_course(index);
        let life = Life::start(self.plan, &self.workers[index].job, &self.ringer)?;
        self.workers[index].pid = life.pid;
        self.workers[index].life = Some(life);
        Ok(())
    }

    fn open_gate(&mut self) {
        if self.opened.is_none() && self.gate.has(self.plan.seats()) {
            self.opened = Some(Instant::now());
            // Nobody holds this lock for longer than an addition takes.
            let _ = self.gate.open();
        }
    }

    fn outcome(&self, deadline: Option<Instant>) -> Option<Outcome> {
        if let Some(signal) = self.plan.watch.signal() {
            return Some(Outcome::Interrupted { signal });
        }
        let failed = |worker: &Worker| matches!(worker.end, Some(End::Failed(_)));
        // Before the gate is open, the others wait for the one that failed.
        let all_ended = self.workers.iter().all(|worker| worker.end.is_some());
        if self.workers.iter().any(failed) && (all_ended || self.opened.is_none()) {
            return Some(Outcome::WorkerFailed);
        }
        if all_ended {
            return Some(Outcome::Finished);
        }
        let after = self.plan.timeout?;
        let waiting = || {
            self.seats
                .iter()
                .filter(|seat| seat.phase() == Phase::Waiting)
                .count()
        };
        (Instant::now() >= deadline?).then(|| Outcome::TimedOut {
            after,
            killed_holding: self.killed_holding.clone(),
            waiting: waiting() as u64,
        })
    }

    fn show_progress(&self) {
        if let Some(progress) = &self.plan.watch.progress {
            let done = match self.plan.has_own_workers() {
                true => self.seats.iter().map(|seat| seat.tally()).sum(),
                false => self.contender.total().unsigned_abs(),
            };
            progress(done, self.plan.seats() * self.plan.adds);
        }
    }

    fn wait(&self, deadline: Option<Instant>) {
        let ended: Vec<_> = self
            .workers
            .iter()
            .filter_map(|worker| worker.life.as_ref())
            .collect();
        let ended: Vec<_> = ended.iter().map(|life| &life.ended).collect();
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let tick = self.plan.watch.progress.as_ref().map(|_| TICK);
        let timeout = [left, tick]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(Duration::MAX);
        self.bell.wait(&ended, timeout);
    }

    fn report(mut self, outcome: Outcome) -> Report {
        self.end_all();
        let plan = self.plan;
        let expected = plan.expected().unwrap_or(i64::MAX);
        let total = self.contender.total();
        let elapsed = self.elapsed.or(self.opened.map(|opened| opened.elapsed()));
        let elapsed = elapsed.unwrap_or_default();
        let adds = plan.seats() as f64 * plan.adds as f64;
        Report {
            procs: plan.procs,
            threads: plan.threads,
            adds: plan.adds,
            by: (0..plan.procs as usize)
                .map(|worker| plan.by_of(worker))
                .collect(),
            lock: plan.lock,
            start: plan.start,
            expected,
            r#final: total,
            lost: i128::from(expected) - i128::from(total),
            verified: outcome == Outcome::Finished && total == expected,
            kills: self.kills_done,
            recoveries: self.contender.recoveries(),
            elapsed_ns: elapsed.as_nanos() as u64,
            ns_per_add: elapsed.as_nanos() as f64 / adds,
            workers: (0..self.workers.len())
                .map(|worker| self.worker_report(worker))
                .collect(),
            outcome,
        }
    }

    fn worker_report(&self, index: usize) -> WorkerReport {
        let first = self.first_seat(index);
        let seats = first..first + self.plan.threads as usize;
        let worker = &self.workers[index];
        WorkerReport {
            index,
            pid: worker.pid,
            adds: seats
                .map(|seat| self.contender.tally(self.seats.seat(seat)))
                .sum(),
            status: match &worker.end {
                Some(End::Finished) => "finished".to_owned(),
                Some(End::Failed(reason)) => reason.clone(),
                None => "stopped".to_owned(),
            },
        }
    }

    fn end_all(&mut self) {
        for worker in &mut self.workers {
            if let Some(life) = &mut worker.life {
                life.kill();
            }
            worker.life = None;
        }
    }
}

impl Drop for Coordinator<'_> {
    fn drop(&mut self) {
        self.end_all();
        drop(Remove::new(self.segment.clone(), self.plan.keep));
    }
}

/// Removes a segment when dropped, unless it is to be kept.
struct Remove {
    segment: Segment,
    keep: bool,
}

impl Remove {
    fn new(segment: Segment, keep: bool) -> Self {
        Self { segment, keep }
    }

    fn disarm(mut self) -> Segment {
        self.keep = true;
        self.segment.clone()
    }
}

impl Drop for Remove {
    fn drop(&mut self) {
        if !self.keep {
            // It was ours and mapped; if it cannot be unlinked now, nobody could say more.
            let _ = self.segment.remove();
        }
    }
}

/// Bytes for a seat, and for the few other objects of a run.
const SEAT: usize = 128;
const OTHERS: usize = 4096;

fn make_segment(plan: &Plan) -> Result<Segment, Error> {
    let mut options = SegmentOptions::new().capacity(plan.seats() as usize * SEAT + OTHERS);
    if !plan.keep {
        options = options.temporary();
    }
    if let Some(release) = plan.release {
        options = options.release(release);
    }
    match &plan.name {
        Some(name) => Ok(options.create(name)?),
        None => Ok(options.create(&format!(
            "run-{}-{:08x}",
            std::process::id(),
            fastrand::u32(..)
        ))?),
    }
}
