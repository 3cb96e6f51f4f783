//! Events, while who sets one or waits for one is killed: whoever waits wakes once it can be seen to be
//! set.

use std::cell::RefCell;

use shmcount::{Event, Release};

use super::process::Child;
use super::run::{Fate, Run, kill_everywhere};
use super::scenario::Scenario;
use super::subject::Stage;

/// Returns the scenarios.
pub fn scenarios() -> Vec<Scenario> {
    type Scene = fn(Release, &mut Run) -> Fate;
    let scenes: [(&str, &str, Scene); 3] = [
        ("set an event", "two wait", setting),
        ("clear an event", "alone", clearing),
        ("wait for an event", "woken, another waits", waiting),
    ];
    let releases = [(Release::Exchange, "exchange"), (Release::Plain, "plain")];
    let all = releases.into_iter().flat_map(|(release, name)| {
        scenes.map(|(operation, situation, scene)| {
            Scenario::new(operation, situation, name, move || {
                kill_everywhere(|run| scene(release, run))
            })
        })
    });
    all.collect()
}

fn setting(release: Release, run: &mut Run) -> Fate {
    let (stage, event) = staged(release);
    let waiters = [waiter(&event), waiter(&event)];
    let mut victim = run.start(|| event.set().expect("not held"), || stage.digest());
    victim.go_on(|| ());
    victim.kill();
    verdict(&event, waiters)
}

fn clearing(release: Release, run: &mut Run) -> Fate {
    let (stage, event) = staged(release);
    event.set().expect("not held");
    let mut victim = run.start(|| event.clear().expect("not held"), || stage.digest());
    victim.go_on(|| ());
    let seen = event.is_set();
    victim.kill();
    if event.is_set() != seen {
        return Fate::Torn(format!("it was seen to be {seen}, and is not"));
    }
    event.clear().expect("not held");
    let waiter = waiter(&event);
    match verdict(&event, [waiter]) {
        Fate::Before if seen => Fate::Before,
        Fate::Before => Fate::After,
        other => other,
    }
}

fn waiting(release: Release, run: &mut Run) -> Fate {
    let (stage, event) = staged(release);
    let other = RefCell::new(None);
    let mut victim = run.start(|| event.wait().expect("not held"), || stage.digest());
    victim.go_on(|| {
        other.borrow_mut().get_or_insert_with(|| waiter(&event));
        event.set().expect("not held");
    });
    let other = other.take().unwrap_or_else(|| waiter(&event));
    victim.kill();
    verdict(&event, [other])
}

fn staged(release: Release) -> (Stage, Event) {
    let stage = Stage::new(release);
    let event = stage.segment.event("main").expect("there is room");
    (stage, event)
}

fn waiter(event: &Event) -> Child {
    let child = Child::start(|| event.wait().expect("not held"));
    child.wait_until_asleep();
    child
}

/// If it is set, those who wait must wake though nobody else comes; else when it is set now.
fn verdict(event: &Event, waiters: impl IntoIterator<Item = Child>) -> Fate {
    let fate = match event.is_set() {
        true => Fate::After,
        false => Fate::Before,
    };
    if fate == Fate::Before && event.set().is_err() {
        return Fate::Torn("it cannot be set".to_owned());
    }
    match waiters.into_iter().all(Child::ends) {
        true => fate,
        false => Fate::Hung("a waiter slept on beside a set event".to_owned()),
    }
}
