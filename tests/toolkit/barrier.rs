//! What a barrier promises.

use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use shmcount::{Barrier, BarrierError, BrokenBy, Error, Segment, Value};

use crate::barrier;
use crate::semaphore::{in_child, until_asleep};
use crate::stage::{Act, Parent, Process, Scratch, Test, acts, tests};

pub const TESTS: &[Test] = tests![
    barrier::a_barrier_is_opened_as_what_it_was_made,
    barrier::one_party_alone_waits_for_nobody,
    barrier::of_four_that_meet_a_thousand_times_none_is_ahead_and_one_leads,
    barrier::visitors_that_meet_are_none_ahead_and_one_leads,
    barrier::one_killed_while_it_waits_breaks_the_barrier_for_all_until_it_is_reset,
    barrier::one_killed_between_two_meetings_breaks_the_next_one,
    barrier::a_visitor_killed_between_two_meetings_is_not_missed,
    barrier::one_that_gives_up_breaks_the_barrier_for_all,
    barrier::a_reset_breaks_out_who_waits,
    barrier::leaving_breaks_the_barrier_for_who_waits,
    barrier::a_seat_that_was_left_is_missed_until_it_is_taken,
    barrier::parties_that_leave_one_after_the_other_leave_a_new_barrier,
    barrier::one_party_too_many_is_an_error,
    barrier::a_stopped_party_is_waited_for,
    barrier::a_party_that_a_fork_copied_does_nothing_in_the_child,
];

pub const ACTS: &[Act] = acts![
    barrier::meet_often,
    barrier::join_and_wait,
    barrier::visit,
    barrier::fork_with_party,
];

/// Longer than anything here takes, shorter than the watchdog.
const PATIENCE: Duration = Duration::from_secs(60);

fn made(scratch: &Scratch, parties: u32) -> (Segment, Barrier) {
    let segment = Segment::create(scratch.name()).expect("the name is new");
    let barrier = segment.barrier("meeting", parties).expect("there is room");
    (segment, barrier)
}

/// Argument 0 names the segment, argument 1 is how many parties there are.
fn opened(parent: &Parent) -> (Segment, Barrier) {
    let segment = Segment::open(parent.argument(0)).expect("it is there");
    let parties = parent.argument(1).parse().expect("a number");
    let barrier = segment.barrier("meeting", parties).expect("it is there");
    (segment, barrier)
}

fn start(act: &str, scratch: &Scratch, parties: u32) -> Process {
    let mut process = Process::start(act, &[scratch.name(), &parties.to_string()]);
    process.expect("ready");
    process
}

/// Starts a process that joins, and waits when it is told.
fn party(scratch: &Scratch, parties: u32) -> Process {
    start("barrier::join_and_wait", scratch, parties)
}

/// Has a party wait, and returns when it sleeps.
pub fn have_wait(process: &mut Process) {
    process.tell("wait");
    process.expect("waiting");
    until_asleep(process);
}

fn broken(by: BrokenBy) -> String {
    BarrierError::Broken(by).to_string()
}

/// Arguments 0 and 1 are the barrier. Waits each time that it is told, until it is told to leave.
pub fn join_and_wait(parent: Parent) {
    let (_segment, barrier) = opened(&parent);
    let party = barrier.join().expect("there is a seat");
    parent.tell("ready");
    while parent.hear() == "wait" {
        parent.tell("waiting");
        let met = party.wait().map(|met| met.generation());
        parent.tell(&met.map_or_else(|error| error.to_string(), |n| format!("met {n}")));
    }
    drop(party);
    parent.ready();
}

/// As above, without joining.
pub fn visit(parent: Parent) {
    let (_segment, barrier) = opened(&parent);
    parent.tell("ready");
    while parent.hear() == "wait" {
        parent.tell("waiting");
        let met = barrier.wait().map(|met| met.generation());
        parent.tell(&met.map_or_else(|error| error.to_string(), |n| format!("met {n}")));
    }
}

pub fn a_barrier_is_opened_as_what_it_was_made() {
    let scratch = Scratch::new("shape");
    let (segment, barrier) = made(&scratch, 3);
    assert_eq!((barrier.parties(), barrier.waiting()), (3, 0));
    assert_eq!((barrier.generation(), barrier.broken_by()), (0, None));
    assert!(segment.barrier("meeting", 3).is_ok());
    let refused = segment.barrier("meeting", 4).expect_err("other parties");
    assert!(matches!(refused, Error::OtherShape { .. }), "{refused}");
    let refused = segment.barrier("none", 0).expect_err("of no use");
    assert!(matches!(refused, Error::OutOfRange { .. }), "{refused}");
    let refused = segment.barrier("huge", u32::MAX).expect_err("no room");
    assert!(matches!(refused, Error::Full { .. }), "{refused}");
}

pub fn one_party_alone_waits_for_nobody() {
    let scratch = Scratch::new("alone");
    let (_segment, barrier) = made(&scratch, 1);
    for generation in 0..3 {
        let met = barrier.wait().expect("nobody to wait for");
        assert!(met.is_leader());
        assert_eq!(met.generation(), generation);
    }
}

const MEETINGS: u64 = 1_000;
const PARTIES: usize = 4;

/// How often each party came, and how many led each meeting.
struct Minutes {
    came: Vec<Value<u64>>,
    led: Value<u64>,
}

impl Minutes {
    fn of(segment: &Segment) -> Self {
        let value = |name: &str| segment.value(name, 0u64).expect("there is room");
        Self {
            came: (0..PARTIES).map(|i| value(&format!("came-{i}"))).collect(),
            led: value("led"),
        }
    }
}

pub fn of_four_that_meet_a_thousand_times_none_is_ahead_and_one_leads() {
    meet("party", MEETINGS);
}

pub fn visitors_that_meet_are_none_ahead_and_one_leads() {
    meet("visitor", MEETINGS / 5);
}

fn meet(as_what: &str, meetings: u64) {
    let scratch = Scratch::new("often");
    let (segment, barrier) = made(&scratch, PARTIES as u32);
    let minutes = Minutes::of(&segment);
    let all: Vec<Process> = (0..PARTIES)
        .map(|i| {
            let (i, meetings) = (i.to_string(), meetings.to_string());
            let parties = PARTIES.to_string();
            let arguments = [scratch.name(), &parties, &i, as_what, &meetings];
            Process::start("barrier::meet_often", &arguments)
        })
        .collect();
    for mut process in all {
        process.expect("met");
        process.succeed();
    }
    assert_eq!(minutes.led.load(), meetings);
    assert_eq!(barrier.generation(), meetings);
    assert_eq!((barrier.waiting(), barrier.broken_by()), (0, None));
}

/// Arguments 0 and 1 are the barrier, argument 2 is which of the parties this is, argument 3 as what
/// it takes part, and argument 4 how often.
pub fn meet_often(parent: Parent) {
    let (segment, barrier) = opened(&parent);
    let minutes = Minutes::of(&segment);
    let own: usize = parent.argument(2).parse().expect("a number");
    let meetings: u64 = parent.argument(4).parse().expect("a number");
    let party = (parent.argument(3) == "party").then(|| barrier.join().expect("there is a seat"));
    for meeting in 0..meetings {
        minutes.came[own].store(meeting + 1).expect("not held");
        let met = match &party {
            Some(party) => party.wait(),
            None => barrier.wait(),
        };
        let met = met.expect("nobody leaves before the end");
        assert_eq!(met.generation(), meeting);
        for came in &minutes.came {
            let came = came.load();
            // All have come, and none of them gets past the next meeting without this one.
            assert!((meeting + 1..=meeting + 2).contains(&came), "{came}");
        }
        let led = minutes.led.fetch_add(u64::from(met.is_leader()));
        assert!(led.expect("no overflow") <= meeting + 1);
    }
    drop(party);
    parent.tell("met");
}

pub fn one_killed_while_it_waits_breaks_the_barrier_for_all_until_it_is_reset() {
    for act in ["barrier::join_and_wait", "barrier::visit"] {
        let scratch = Scratch::new("killed-waiting");
        let (_segment, barrier) = made(&scratch, 4);
        let mut others = [(); 2].map(|()| start(act, &scratch, 4));
        others.iter_mut().for_each(have_wait);
        let mut victim = start(act, &scratch, 4);
        have_wait(&mut victim);
        assert_eq!(barrier.waiting(), 3);
        let by = BrokenBy::Death(victim.id());
        victim.kill();
        for other in &mut others {
            other.expect(&broken(by));
        }
        assert_eq!(barrier.broken_by(), Some(by));
        assert_eq!(barrier.wait(), Err(BarrierError::Broken(by)));
        others[0].tell("wait");
        others[0].expect("waiting");
        others[0].expect(&broken(by));
        barrier.reset().expect("not held");
        assert_eq!((barrier.broken_by(), barrier.generation()), (None, 1));
        let mut newcomer = start(act, &scratch, 4);
        have_wait(&mut newcomer);
        others.iter_mut().for_each(have_wait);
        let met = match act {
            "barrier::visit" => barrier.wait(),
            _ => barrier.join().expect("there is a seat").wait(),
        };
        assert!(met.expect("all are there").is_leader());
        for process in others.iter_mut().chain([&mut newcomer]) {
            process.expect("met 1");
        }
    }
}

pub fn one_killed_between_two_meetings_breaks_the_next_one() {
    let scratch = Scratch::new("killed-between");
    let (_segment, barrier) = made(&scratch, 3);
    let mut all = [(); 3].map(|()| party(&scratch, 3));
    for process in &mut all {
        process.tell("wait");
        process.expect("waiting");
    }
    for process in &mut all {
        process.expect("met 0");
    }
    let [mut first, mut second, victim] = all;
    have_wait(&mut first);
    let by = BrokenBy::Death(victim.id());
    victim.kill();
    first.expect(&broken(by));
    second.tell("wait");
    second.expect("waiting");
    second.expect(&broken(by));
    // A newcomer may take the seat, and then somebody resets.
    let newcomer = barrier.join().expect("the dead one's seat");
    assert_eq!(newcomer.wait(), Err(BarrierError::Broken(by)));
    barrier.reset().expect("not held");
    have_wait(&mut first);
    have_wait(&mut second);
    assert!(newcomer.wait().is_ok());
    first.expect("met 2");
    second.expect("met 2");
}

pub fn a_visitor_killed_between_two_meetings_is_not_missed() {
    let scratch = Scratch::new("killed-visitor");
    let (_segment, barrier) = made(&scratch, 2);
    let mut first = start("barrier::visit", &scratch, 2);
    let mut victim = start("barrier::visit", &scratch, 2);
    have_wait(&mut victim);
    first.tell("wait");
    first.expect("waiting");
    first.expect("met 0");
    victim.expect("met 0");
    victim.kill();
    have_wait(&mut first);
    assert_eq!(barrier.wait().map(|met| met.generation()), Ok(1));
    first.expect("met 1");
}

pub fn one_that_gives_up_breaks_the_barrier_for_all() {
    let scratch = Scratch::new("timeout");
    let (_segment, barrier) = made(&scratch, 3);
    let mut other = start("barrier::visit", &scratch, 3);
    have_wait(&mut other);
    let timeout = Duration::from_millis(80);
    let begin = Instant::now();
    let refused = barrier.wait_timeout(timeout);
    let expected = BarrierError::TimedOut {
        arrived: 2,
        parties: 3,
        timeout,
    };
    assert_eq!(refused, Err(expected));
    assert!(begin.elapsed() >= timeout);
    let by = BrokenBy::Timeout(std::process::id());
    other.expect(&broken(by));
    assert_eq!(barrier.wait(), Err(BarrierError::Broken(by)));
    barrier.reset().expect("not held");
    let refused = barrier.wait_timeout(Duration::ZERO);
    assert!(
        matches!(refused, Err(BarrierError::TimedOut { arrived: 1, .. })),
        "{refused:?}"
    );
}

pub fn a_reset_breaks_out_who_waits() {
    let scratch = Scratch::new("reset");
    let (_segment, barrier) = made(&scratch, 2);
    barrier.reset().expect("nothing to reset");
    assert_eq!(barrier.generation(), 0);
    let mut visitor = start("barrier::visit", &scratch, 2);
    let mut joined = party(&scratch, 2);
    for process in [&mut visitor, &mut joined] {
        have_wait(process);
        barrier.reset().expect("not held");
        process.expect(&broken(BrokenBy::Reset));
    }
    have_wait(&mut visitor);
    joined.tell("wait");
    joined.expect("waiting");
    for process in [&mut visitor, &mut joined] {
        process.expect("met 2");
    }
}

pub fn leaving_breaks_the_barrier_for_who_waits() {
    let scratch = Scratch::new("leaving");
    let (_segment, barrier) = made(&scratch, 3);
    let mut joined = party(&scratch, 3);
    let mut visitor = start("barrier::visit", &scratch, 3);
    let own = barrier.join().expect("there is a seat");
    have_wait(&mut joined);
    have_wait(&mut visitor);
    drop(own);
    let by = BrokenBy::Leaving(std::process::id());
    joined.expect(&broken(by));
    visitor.expect(&broken(by));
    assert_eq!(barrier.broken_by(), Some(by));
}

pub fn a_seat_that_was_left_is_missed_until_it_is_taken() {
    let scratch = Scratch::new("left");
    let (_segment, barrier) = made(&scratch, 3);
    let by = BrokenBy::Leaving(std::process::id());
    // Parties of one thread, which come one after the other.
    let first = barrier.join().expect("there is a seat");
    let second = barrier.join().expect("there is a seat");
    drop(first);
    assert_eq!(barrier.broken_by(), Some(by));
    // This one takes the seat that nobody had.
    let third = barrier.join().expect("there is a seat");
    assert_eq!(barrier.broken_by(), Some(by));
    // And this one that which was left.
    let fourth = barrier.join().expect("there is a seat");
    assert_eq!(barrier.broken_by(), None);
    let short = Duration::from_millis(1);
    assert!(matches!(
        fourth.wait_timeout(short),
        Err(BarrierError::TimedOut { .. })
    ));
    barrier.reset().expect("not held");
    drop(third);
    assert_eq!(second.wait(), Err(BarrierError::Broken(by)));
    assert_eq!(fourth.wait(), Err(BarrierError::Broken(by)));
}

pub fn parties_that_leave_one_after_the_other_leave_a_new_barrier() {
    let scratch = Scratch::new("all-left");
    let (_segment, barrier) = made(&scratch, 3);
    for round in 0..3 {
        let mut all = [(); 3].map(|()| party(&scratch, 3));
        for process in &mut all {
            process.tell("wait");
            process.expect("waiting");
        }
        // Each leaves as soon as it has met, perhaps before the others have woken.
        for process in &mut all {
            process.tell("leave");
        }
        for mut process in all {
            process.expect(&format!("met {round}"));
            process.expect("ready");
            process.tell("end");
            process.succeed();
        }
        assert_eq!((barrier.waiting(), barrier.broken_by()), (0, None));
    }
}

pub fn one_party_too_many_is_an_error() {
    let scratch = Scratch::new("too-many");
    let (_segment, barrier) = made(&scratch, 2);
    let mut visitor = start("barrier::visit", &scratch, 2);
    have_wait(&mut visitor);
    let party = barrier.join().expect("there is a seat");
    let too_many = BarrierError::TooManyParties { parties: 2 };
    assert_eq!(barrier.join().map(|_| ()), Err(too_many.clone()));
    assert_eq!(barrier.wait(), Err(too_many.clone()));
    assert!(party.wait().is_ok());
    visitor.expect("met 0");
    let _other = barrier.join().expect("the visitor has no seat");
    assert_eq!(barrier.join().map(|_| ()), Err(too_many.clone()));
    visitor.tell("wait");
    visitor.expect("waiting");
    visitor.expect(&too_many.to_string());
}

pub fn a_stopped_party_is_waited_for() {
    let scratch = Scratch::new("stopped");
    let (_segment, barrier) = made(&scratch, 3);
    let mut stopped = start("barrier::visit", &scratch, 3);
    have_wait(&mut stopped);
    stopped.stop();
    let mut others = [(); 2].map(|()| start("barrier::visit", &scratch, 3));
    for other in &mut others {
        other.tell("wait");
        other.expect("waiting");
    }
    // It had come, so they go on without it, and a fourth takes part in the next.
    for other in &mut others {
        other.expect("met 0");
        have_wait(other);
    }
    assert_eq!(
        barrier.wait_timeout(PATIENCE).map(|met| met.generation()),
        Ok(1)
    );
    others[0].expect("met 1");
    others[1].expect("met 1");
    stopped.signal(Signal::SIGCONT);
    stopped.expect("met 0");
}

pub fn a_party_that_a_fork_copied_does_nothing_in_the_child() {
    let scratch = Scratch::new("fork");
    let (_segment, barrier) = made(&scratch, 2);
    Process::perform("barrier::fork_with_party", &[scratch.name(), "2"]);
    assert_eq!(barrier.broken_by(), None);
}

/// Arguments 0 and 1 are the barrier.
pub fn fork_with_party(parent: Parent) {
    let (_segment, barrier) = opened(&parent);
    let mut party = Some(barrier.join().expect("there is a seat"));
    in_child(|| {
        let copy = party.take().expect("it was copied");
        assert_eq!(copy.wait(), Err(BarrierError::CopiedByFork));
        drop(copy);
        assert_eq!(barrier.broken_by(), None);
    });
    let other = thread::scope(|scope| {
        let other = scope.spawn(|| barrier.wait().map(|met| met.generation()));
        let own = party.take().expect("it is here").wait();
        assert_eq!(own.map(|met| met.generation()), Ok(0));
        other.join().expect("it does not panic")
    });
    assert_eq!(other, Ok(0));
}
