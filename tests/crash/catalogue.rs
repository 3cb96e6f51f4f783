//! Every scenario there is. An object joins with a line: how it is made, what is done to it, and
//! what that makes of its state.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use shmcount::{Release, Value};

use super::condvar_storm;
use super::death_notice;
use super::event_storm;
use super::making;
use super::of_array;
use super::of_barrier;
use super::of_bytes_queue;
use super::of_condvar;
use super::of_event;
use super::of_map;
use super::of_queue;
use super::of_semaphore;
use super::of_wait_group;
use super::of_waiting;
use super::peers::{Maker, Peer};
use super::queue_storm;
use super::run::{Fate, Run, kill_everywhere};
use super::scenario::{
    Expected, SAY, Scenario, Test, alone, lock_scenarios, value_cast, watch_scenarios,
};
use super::situations::Cast;
use super::small_storm;
use super::storm::{kills, kills_or, seed, storm};
use super::twins::{Fault, Twin};
use super::watching;
use super::{of_counter, of_fifo_lock};

type Large = [u64; 16];

const EXCHANGE: Release = Release::Exchange;
const PLAIN: Release = Release::Plain;

macro_rules! for_both_releases {
    ($scenarios:ident, $of:ident, $operation:literal, $initial:expr, $act:expr, $next:expr) => {
        $scenarios.extend($of($operation, "exchange", || {
            value_cast(EXCHANGE, $initial, $act, $next)
        }));
        $scenarios.extend($of($operation, "plain", || {
            value_cast(PLAIN, $initial, $act, $next)
        }));
    };
}

/// Returns all tests.
pub fn tests() -> Vec<Test> {
    let scenarios = scenarios().into_iter().map(Scenario::into_test);
    let storms = [("exchange", EXCHANGE), ("plain", PLAIN)].map(|(name, release)| Test {
        name: format!("a_storm_loses_nothing_and_stops_nobody::{name}"),
        is_ignored: false,
        play: Box::new(move || {
            let report = storm(release, kills(), seed())?;
            println!("{SAY}storm, {name} release: {report}");
            Ok(())
        }),
    });
    let watchers = [("exchange", EXCHANGE), ("plain", PLAIN)]
        .into_iter()
        .flat_map(|(name, release)| {
            type Watch = fn(Release) -> Result<(), String>;
            let tests: [(&str, Watch); 2] = [
                (
                    "a_watcher_returns_though_commits_never_pause",
                    watching::a_watcher_returns_though_commits_never_pause,
                ),
                (
                    "a_watcher_gives_up_in_time_though_commits_never_pause",
                    watching::a_watcher_gives_up_in_time_though_commits_never_pause,
                ),
            ];
            tests.map(|(claim, watch)| Test {
                name: format!("{claim}::{name}"),
                is_ignored: false,
                play: Box::new(move || watch(release)),
            })
        });
    let object_storms = [("exchange", EXCHANGE), ("plain", PLAIN)]
        .into_iter()
        .flat_map(|(name, release)| object_storms(name, release));
    scenarios
        .chain(storms)
        .chain(object_storms)
        .chain(watchers)
        .chain(small_storm::tests())
        .chain(of_semaphore::tests())
        .chain(of_barrier::tests())
        .chain(of_wait_group::tests())
        .collect()
}

fn object_storms(name: &'static str, release: Release) -> [Test; 3] {
    let test = |claim: &str, play: Box<dyn Fn() -> Result<(), String>>| Test {
        name: format!("{claim}::{name}"),
        is_ignored: false,
        play,
    };
    [
        test(
            "a_storm_loses_no_item_but_what_killed_consumers_had_taken",
            Box::new(move || {
                let report = queue_storm::storm(release, kills_or(100), seed())?;
                println!("{SAY}queue storm, {name} release: {report}");
                Ok(())
            }),
        ),
        test(
            "a_storm_of_killed_waiters_takes_no_wake_up_with_it",
            Box::new(move || {
                let report = condvar_storm::storm(release, kills_or(500), seed())?;
                println!("{SAY}condvar storm, {name} release: {report}");
                Ok(())
            }),
        ),
        test(
            "a_storm_leaves_nobody_asleep_beside_a_set_event",
            Box::new(move || {
                let report = event_storm::storm(release, kills_or(1_000), seed())?;
                println!("{SAY}event storm, {name} release: {report}");
                Ok(())
            }),
        ),
    ]
}

fn scenarios() -> Vec<Scenario> {
    let mut all = Vec::new();
    for_both_releases!(all, lock_scenarios, "fetch_add", 7i64, add, |n| n + 5);
    for_both_releases!(
        all,
        lock_scenarios,
        "guard of a small value",
        7i64,
        add_by_guard,
        |n| n + 5
    );
    for_both_releases!(
        all,
        lock_scenarios,
        "guard of a large value",
        [1; 16],
        add_to_all,
        next_of_all
    );
    for_both_releases!(
        all,
        lock_scenarios,
        "store of a large value",
        [1; 16],
        store,
        |_| [2; 16]
    );
    for_both_releases!(
        all,
        lock_scenarios,
        "guard dropped by a panic",
        7i64,
        panic_inside,
        |n| n
    );
    for_both_releases!(all, watch_scenarios, "fetch_add", 7i64, add, |n| n + 5);
    for_both_releases!(
        all,
        watch_scenarios,
        "guard of a large value",
        [1; 16],
        add_to_all,
        next_of_all
    );
    for (release, name) in [(EXCHANGE, "exchange"), (PLAIN, "plain")] {
        all.extend([
            alone("lock, and tell of its holder", name, move |run| {
                death_notice::of_a_killed_holder(release, run)
            }),
            alone("open or create a segment", name, move |run| {
                making::creating_a_segment(release, run)
            }),
            alone("open or create an object", name, move |run| {
                making::creating_an_object(release, run)
            }),
            alone("remove a segment", name, move |run| {
                making::removing_a_segment(release, run)
            }),
        ]);
    }
    all.extend(of_array::scenarios());
    all.extend(of_map::scenarios());
    all.extend(of_queue::all_scenarios());
    all.extend(of_bytes_queue::all_scenarios());
    all.extend(of_event::scenarios());
    all.extend(of_condvar::scenarios());
    all.extend(of_counter::scenarios());
    all.extend(of_fifo_lock::scenarios());
    all.extend(of_semaphore::scenarios());
    all.extend(of_barrier::scenarios());
    all.extend(of_wait_group::scenarios());
    all.extend(lock_scenarios("twin without a fault", "-", || {
        twin_cast(Fault::None)
    }));
    all.extend(broken_twins());
    all.extend(of_waiting::scenarios());
    for (name, maker) in [
        ("peer: pthread robust", peer_cast::<true> as fn() -> _),
        ("peer: raw_sync", peer_cast::<false>),
    ] {
        let scenarios = lock_scenarios(name, "-", maker).into_iter();
        all.extend(scenarios.map(|scenario| scenario.expect(Expected::Measured)));
    }
    all
}

/// One scenario for each broken twin: the one that must catch it.
fn broken_twins() -> Vec<Scenario> {
    let twin = |name, situation, cast: fn() -> Cast<Twin>, scene: Scene| {
        Scenario::new(name, situation, "-", move || {
            let cast = cast();
            kill_everywhere(|run| scene(&cast, run))
        })
        .expect(Expected::Caught)
    };
    vec![
        twin(
            "twin: WAITERS only when contended",
            "one sleeps, a third takes it",
            || twin_cast(Fault::WaitersOnlyWhenContended),
            Cast::with_a_sleeper_and_a_third,
        ),
        twin(
            "twin: nothing pending",
            "alone",
            || twin_cast(Fault::NothingPending),
            Cast::uncontended,
        ),
        twin(
            "twin: nothing pending",
            "woken by a release",
            || twin_cast(Fault::NothingPending),
            Cast::woken_by_a_release,
        ),
        twin(
            "twin: commit in two stores",
            "alone",
            || twin_cast(Fault::TwoStores),
            Cast::uncontended,
        ),
        twin(
            "twin: copy without a check",
            "two commits pass a stopped reader",
            || twin_cast(Fault::UncheckedCopy),
            Cast::overtaken_while_reading,
        ),
        twin(
            "twin: does not lock",
            "another tries while one is stopped",
            || twin_cast(Fault::DoesNotLock),
            Cast::excluding,
        ),
    ]
}

type Scene = fn(&Cast<Twin>, &mut Run) -> Fate;

fn peer_cast<const IS_PTHREAD: bool>() -> Cast<Peer> {
    let maker = match IS_PTHREAD {
        true => Maker::PthreadRobust,
        false => Maker::RawSync,
    };
    Cast {
        make: Box::new(move || Peer::new(maker)),
        initial: [0, 0],
        next: |pair| pair.map(|number| number + 1),
    }
}

fn twin_cast(fault: Fault) -> Cast<Twin> {
    Cast {
        make: Box::new(move || Twin::new(fault)),
        initial: [0, 0],
        next: |pair| pair.map(|number| number + 1),
    }
}

fn add(value: &Value<i64>) {
    value.fetch_add(5).expect("no overflow, not held");
}

fn add_by_guard(value: &Value<i64>) {
    *value.lock().expect("not held") += 5;
}

fn add_to_all(value: &Value<Large>) {
    let mut guard = value.lock().expect("not held");
    guard.iter_mut().for_each(|word| *word += 1);
}

fn next_of_all(all: Large) -> Large {
    all.map(|word| word + 1)
}

fn store(value: &Value<Large>) {
    value.store([2; 16]).expect("not held");
}

fn panic_inside(value: &Value<i64>) {
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let mut guard = value.lock().expect("not held");
        *guard = 99;
        // Without the panic hook, whose message is not part of what is killed.
        resume_unwind(Box::new(()));
    }));
    assert!(outcome.is_err());
}
