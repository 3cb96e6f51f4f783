//! Many processes at one number, some free and some in a sandbox, while some are killed.

use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;
use shmcount::{Segment, Spin, Value, ValueGuard};

use super::player::kill_asleep;
use super::{Entering, FREE, Failing, SANDBOXES, Sandbox, needs_sandboxes};
use crate::stage::{Parent, Process, Scratch, Skipped};

const WORKERS: usize = 4;
/// Every other one while it holds the lock, the others in their sleep, each worker once.
const KILLS: usize = 2 * WORKERS;
/// What each worker adds between two kills, at least.
const PROGRESS: i64 = 20;
/// Longer than anything here takes, shorter than the watchdog.
const PATIENCE: Duration = Duration::from_secs(60);

/// The sum, and what each worker has added to it.
type Tally = [i64; 1 + WORKERS];

/// The objects of a crowd's segment.
struct Objects {
    tally: Value<Tally>,
    /// Raised once for each rise of the tally, a little later and by an operation that needs no guard.
    count: Value<i64>,
    /// Raised and brought back inside the tally's lock.
    witness: Value<i64>,
    stop: Value<i64>,
    /// What each worker knows to have added.
    ledgers: Vec<Value<i64>>,
}

impl Objects {
    fn open(name: &str) -> Self {
        let options = Segment::options().spin(Spin::Never);
        let segment = options.open_or_create(name).expect("it fits");
        let number = |object: &str| segment.value(object, 0i64).expect("there is room");
        Self {
            tally: segment.value("tally", [0; _]).expect("there is room"),
            count: number("count"),
            witness: number("witness"),
            stop: number("stop"),
            ledgers: (0..WORKERS)
                .map(|worker| number(&format!("ledger-{worker}")))
                .collect(),
        }
    }

    fn shares(&self) -> [i64; WORKERS] {
        let [sum, shares @ ..] = self.tally.load();
        assert_eq!(sum, shares.iter().sum::<i64>(), "the tally is torn");
        shares
    }

    /// Adds one for a worker.
    fn add(&self, worker: usize) {
        let mut tally = self.tally.lock().expect("it becomes free");
        if ValueGuard::owner_died(&tally) {
            self.witness.store(0).expect("it is free");
        }
        for raised in 0..10 {
            assert_eq!(self.witness.load(), raised, "two are inside");
            self.witness.store(raised + 1).expect("it is free");
        }
        self.witness.store(0).expect("it is free");
        tally[0] += 1;
        tally[1 + worker] += 1;
        drop(tally);
        self.ledgers[worker].fetch_add(1).expect("it is free");
        self.count.fetch_add(1).expect("it becomes free");
    }
}

/// Argument 0 names the segment, argument 1 the sandbox, argument 2 is when it is entered, argument 3 is
/// which worker this is. Adds until it is told to stop.
pub fn work(parent: Parent) {
    let sandbox = Sandbox::named(parent.argument(1));
    let worker: usize = parent.argument(3).parse().expect("a number");
    if parent.argument(2) == Entering::Before.name() {
        sandbox.enter();
    }
    let objects = Objects::open(parent.argument(0));
    if parent.argument(2) == Entering::After.name() {
        sandbox.enter();
    }
    // It takes on what the one before it has left.
    let share = objects.shares()[worker];
    objects.ledgers[worker].store(share).expect("it is free");
    parent.ready();
    while objects.stop.load() == 0 {
        objects.add(worker);
    }
    parent.tell("stopped");
    parent.hear();
}

fn worker(scratch: &Scratch, sandbox: Sandbox, entering: Entering, number: usize) -> Process {
    let number = number.to_string();
    let arguments = [scratch.name(), sandbox.name, entering.name(), &number];
    let mut worker = Process::start("sandbox::crowd::work", &arguments);
    worker.expect("ready");
    worker
}

/// Returns a worker that holds the tally's lock, and is stopped there.
fn stop_inside(objects: &Objects, workers: &[Process]) -> usize {
    loop {
        let holder = objects.tally.holder().and_then(|holder| holder.pid);
        let inside = workers
            .iter()
            .position(|worker| Some(worker.id()) == holder);
        let Some(inside) = inside else {
            thread::yield_now();
            continue;
        };
        workers[inside].stop();
        // It may have gone on until then.
        let holder = objects.tally.holder().and_then(|holder| holder.pid);
        if holder == Some(workers[inside].id()) {
            return inside;
        }
        workers[inside].signal(Signal::SIGCONT);
    }
}

/// Lets workers contend, kills some of them, and checks that each add is there once.
fn contend(maker: Sandbox, places: [Sandbox; WORKERS]) {
    let _failing = Failing((maker, places));
    let scratch = Scratch::new("sandbox-crowd");
    // The first to open it makes it.
    drop(worker(&scratch, maker, Entering::Before, 0));
    let objects = Objects::open(scratch.name());
    let mut workers: Vec<Process> = (0..)
        .zip(places)
        .map(|(number, place)| worker(&scratch, place, Entering::Before, number))
        .collect();
    for worker in &mut workers {
        worker.tell("go");
    }
    for kill in 0..KILLS {
        all_progress(&objects);
        let number = match kill % 2 {
            0 => stop_inside(&objects, &workers),
            _ => kill / 2,
        };
        let killed = workers.remove(number);
        match kill % 2 {
            0 => drop(killed.kill()),
            _ => kill_asleep(killed),
        }
        let (share, known) = (objects.shares()[number], objects.ledgers[number].load());
        assert!(
            (known..=known + 1).contains(&share),
            "it has added {known}, and perhaps one more, and {share} are there"
        );
        let entering = Entering::BOTH[(kill / 2 + 1) % 2];
        let mut next = worker(&scratch, places[number], entering, number);
        next.tell("go");
        workers.insert(number, next);
    }
    all_progress(&objects);
    objects.stop.store(1).expect("it is free");
    for worker in &mut workers {
        worker.expect("stopped");
    }
    let shares = objects.shares();
    let known = objects.ledgers.iter().map(Value::load);
    assert!(known.eq(shares), "{shares:?} and not what each has added");
    let (sum, count) = (shares.iter().sum::<i64>(), objects.count.load());
    assert!(
        (sum - KILLS as i64..=sum).contains(&count),
        "{count} of {sum}, though {KILLS} were killed"
    );
    assert!(objects.tally.recoveries() >= KILLS as u32 / 2);
}

/// Waits until each worker has added some more.
///
/// Not on the tally: who waits for a value may take over from an owner that died, and the next one would not
/// be told to bring the witness back.
fn all_progress(objects: &Objects) {
    let wanted = objects.shares().map(|share| share + PROGRESS);
    let has_come = |_: &i64| {
        let mut shares = objects.shares().into_iter().zip(wanted);
        shares.all(|(share, due)| share >= due)
    };
    let waited = objects.count.wait_until(has_come, Some(PATIENCE));
    waited.expect("everybody gets the lock now and then");
}

pub fn sandboxed_processes_that_made_their_segment_count_exactly_under_kills() -> Result<(), Skipped>
{
    needs_sandboxes()?;
    for sandbox in SANDBOXES {
        contend(sandbox, [sandbox; WORKERS]);
    }
    Ok(())
}

pub fn sandboxed_and_free_processes_count_exactly_under_kills() -> Result<(), Skipped> {
    needs_sandboxes()?;
    for sandbox in SANDBOXES {
        for maker in [FREE, sandbox] {
            contend(maker, [sandbox, FREE, sandbox, FREE]);
        }
    }
    Ok(())
}

pub fn processes_of_all_sandboxes_at_once_count_exactly_under_kills() -> Result<(), Skipped> {
    needs_sandboxes()?;
    let [waitv, _, membarrier, _, _, both] = SANDBOXES;
    for maker in [FREE, waitv, membarrier, both] {
        contend(maker, [FREE, waitv, membarrier, both]);
    }
    Ok(())
}
