//! Supervises a run: starts the workers, opens the gate, kills and replaces, waits, verifies.
//!
//! One thread and one place to wait: the bell, which workers ring when there is something to look
//! at, together with the ends of all processes. Whatever happens, dropping it leaves no process and
//! no segment.

use std::thread;
use std::time::{Duration, Instant};

use super::error::Error;
use super::handshake::Complaints;
use super::kills::{Course, Kills};
use super::life::{End, Life};
use super::plan::{Plan, Start};
use super::report::{Killed, Outcome, Report, WorkerReport};
use super::site::Site;
use super::temporary::Temporary;
use super::worker::{Job, Trace};
use crate::contender::{Phase, Seat};
use crate::sys::bell::{self, Bell, Ringer};
use crate::sys::clock;

/// How often progress is shown.
const TICK: Duration = Duration::from_millis(100);

pub(super) struct Coordinator<'a> {
    plan: &'a Plan,
    /// Removes the segment, once `drop` has ended all workers.
    _temporary: Temporary,
    site: Site,
    bell: Bell,
    ringer: Ringer,
    complaints: Option<Complaints>,
    workers: Vec<Worker>,
    kills: Kills,
    kills_done: u64,
    /// With the total that stood then: where it has changed since, the lock is free again.
    killed_holding: Vec<(Killed, i64)>,
    /// Which worker each life was, by the number it rings with.
    lives: Vec<usize>,
    started_ns: u64,
}

struct Worker {
    job: Job,
    pid: u32,
    life: Option<Life>,
    end: Option<End>,
}

impl<'a> Coordinator<'a> {
    /// Makes the segment and all that lies in it.
    pub(super) fn prepare(plan: &'a Plan) -> Result<Self, Error> {
        let (bell, ringer) = bell::bell().map_err(Error::system("make a pipe"))?;
        let temporary = Temporary::new(plan)?;
        let site = Site::make(temporary.segment(), plan)?;
        let complaints = match plan.start {
            Start::Fork => Some(Complaints::new().map_err(Error::system("make a socket"))?),
            Start::Spawn => None,
        };
        let kills = Kills::spread(plan.kills, plan.procs, plan.adds, plan.seed);
        Ok(Self {
            plan,
            _temporary: temporary,
            site,
            bell,
            ringer,
            complaints,
            workers: Vec::with_capacity(plan.procs as usize),
            kills,
            kills_done: 0,
            killed_holding: Vec::new(),
            lives: Vec::new(),
            started_ns: clock::monotonic_ns(),
        })
    }

    /// Runs it to its end.
    pub(super) fn supervise(mut self) -> Result<Report, Error> {
        let deadline = self
            .plan
            .timeout
            .and_then(|timeout| Instant::now().checked_add(timeout));
        self.start_all()?;
        let outcome = loop {
            self.attend()?;
            if let Some(outcome) = self.outcome(deadline) {
                break outcome;
            }
            self.show_progress();
            self.wait(deadline);
        };
        Ok(self.report(outcome))
    }

    /// Starts all workers, or as many as there are until somebody interrupts.
    fn start_all(&mut self) -> Result<(), Error> {
        // All jobs first: each page that is written to between two forks is copied once more.
        let workers = 0..self.plan.procs as usize;
        let jobs: Vec<Job> = workers.map(|worker| self.job(worker)).collect();
        for job in jobs {
            if self.plan.watch.signal().is_some() {
                break;
            }
            self.set_course(job.worker);
            let life = self.start(&job)?;
            self.workers.push(Worker {
                job,
                pid: life.pid,
                life: Some(life),
                end: None,
            });
        }
        Ok(())
    }

    fn start(&self, job: &Job) -> Result<Life, Error> {
        let complaints = self.complaints.as_ref();
        Life::start(self.plan, job, &self.site, &self.ringer, complaints)
    }

    /// Returns the job of a worker's next life.
    fn job(&mut self, worker: usize) -> Job {
        let plan = self.plan;
        let number = self.lives.len() as u32;
        self.lives.push(worker);
        Job {
            number,
            segment: self.site.segment.name().to_owned(),
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

    fn set_course(&self, worker: usize) {
        let Course { mark, limit } = self.kills.course(worker);
        self.site.first_seat(worker).set_course(mark, limit);
    }

    /// Looks after whoever rang, was due to be killed, or has ended.
    fn attend(&mut self) -> Result<(), Error> {
        while let Some(number) = self.bell.take() {
            if let Some(&worker) = self.lives.get(number as usize) {
                self.hear(worker, number)?;
            }
        }
        for worker in 0..self.workers.len() {
            self.collect(worker);
        }
        Ok(())
    }

    /// Hears a worker, unless it rang in an earlier life and was killed since.
    fn hear(&mut self, index: usize, number: u32) -> Result<(), Error> {
        let seat = self.site.first_seat(index);
        let worker = &mut self.workers[index];
        let Some(life) = worker.life.as_mut().filter(|_| worker.job.number == number) else {
            return Ok(());
        };
        life.attend(&worker.job).map_err(|source| Error::Start {
            worker: index,
            source,
        })?;
        let is_due = || self.site.contender.tally(seat) >= seat.mark();
        if self.site.gate.opened_ns().is_some() && is_due() && !life.is_done() {
            self.kill(index)?;
        }
        Ok(())
    }

    fn collect(&mut self, index: usize) {
        let worker = &mut self.workers[index];
        if let Some(life) = &mut worker.life
            && let Some(end) = life.try_end(&worker.job, &self.site, self.complaints.as_mut())
        {
            if matches!(end, End::Failed(_)) {
                // Somebody else may have killed it.
                self.note_what_it_held(index);
            }
            self.workers[index].end = Some(end);
            self.workers[index].life = None;
        }
    }

    /// Notes whether a worker that has ended held the lock, as far as its seat can tell: it may have
    /// released it already.
    fn note_what_it_held(&mut self, index: usize) {
        for seat in self.site.seats_of(index) {
            if seat.phase() == Phase::Holding {
                let pid = self.workers[index].pid;
                let killed = Killed { worker: index, pid };
                self.killed_holding
                    .push((killed, self.site.contender.total()));
            }
            seat.set_phase(Phase::Away);
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
        self.note_what_it_held(index);
        self.set_course(index);
        let job = self.job(index);
        let life = self.start(&job)?;
        let worker = &mut self.workers[index];
        worker.job = job;
        worker.pid = life.pid;
        worker.life = Some(life);
        Ok(())
    }

    fn outcome(&self, deadline: Option<Instant>) -> Option<Outcome> {
        if let Some(signal) = self.plan.watch.signal() {
            return Some(Outcome::Interrupted { signal });
        }
        let failed = |worker: &Worker| matches!(worker.end, Some(End::Failed(_)));
        // Before the gate is open, the others wait for the one that failed. Programs have no gate.
        let has_begun = !self.plan.has_own_workers() || self.site.gate.opened_ns().is_some();
        let all_ended = self.workers.iter().all(|worker| worker.end.is_some());
        if self.workers.iter().any(failed) && (all_ended || !has_begun) {
            return Some(Outcome::WorkerFailed);
        }
        if all_ended {
            return Some(Outcome::Finished);
        }
        let after = self.plan.timeout?;
        let waiting = || {
            self.site
                .seats
                .iter()
                .filter(|seat| seat.phase() == Phase::Waiting)
                .count()
        };
        (Instant::now() >= deadline?).then(|| Outcome::TimedOut {
            after,
            killed_holding: self.still_holding(),
            waiting: waiting() as u64,
        })
    }

    /// Returns who was killed inside a lock that nobody has had since.
    fn still_holding(&self) -> Vec<Killed> {
        let total = self.site.contender.total();
        let still = |(killed, then): &(Killed, i64)| (*then == total).then_some(*killed);
        self.killed_holding.iter().filter_map(still).collect()
    }

    fn show_progress(&self) {
        if let Some(progress) = &self.plan.watch.progress {
            let done = match self.plan.has_own_workers() {
                true => self.site.seats.iter().map(|seat| seat.tally()).sum(),
                false => self.site.contender.total().unsigned_abs(),
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
        self.bell.wait(&ended, self.plan.watch.wake(), timeout);
        self.plan.watch.hush();
    }

    /// Returns how long it took from the gate's opening to the last add. Programs have no gate:
    /// theirs is the time from the first one's start to the last one's end.
    fn elapsed_ns(&self) -> u64 {
        let now = clock::monotonic_ns();
        if !self.plan.has_own_workers() {
            return now - self.started_ns;
        }
        let finished = |seat: Seat<'_>| match seat.finished_ns() {
            0 => now,
            finished => finished,
        };
        let last = self.site.seats.iter().map(finished).max().unwrap_or(now);
        let opened = self.site.gate.opened_ns();
        opened.map_or(0, |opened| last.saturating_sub(opened))
    }

    fn report(mut self, outcome: Outcome) -> Report {
        let elapsed_ns = self.elapsed_ns();
        self.end_all();
        let plan = self.plan;
        let expected = plan.expected().unwrap_or(i64::MAX);
        let total = self.site.contender.total();
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
            recoveries: self.site.contender.recoveries(),
            elapsed_ns,
            ns_per_add: elapsed_ns as f64 / adds,
            workers: (0..self.workers.len())
                .map(|worker| self.worker_report(worker))
                .collect(),
            outcome,
        }
    }

    fn worker_report(&self, index: usize) -> WorkerReport {
        let worker = &self.workers[index];
        WorkerReport {
            index,
            pid: worker.pid,
            adds: self
                .site
                .seats_of(index)
                .map(|seat| self.site.contender.tally(seat))
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
    }
}
