//! Maps: a key that comes or goes does so whole, with everybody who moves up for it.

use std::time::Duration;

use shmcount::{Map, MapGuard, Release};

use super::scenario::{Scenario, few_lock_scenarios, lock_scenarios};
use super::situations::Cast;
use super::subject::{Stage, Subject};

/// At home at the places 5, 5, 0 and 1 of six: each but the first is pushed on by the one before, and the
/// second over the end. When the first goes, all others move.
const KEYS: [&str; 4] = ["f", "m", "h", "e"];

type State = [Option<i64>; KEYS.len()];
type Operation = fn(&Map<i64>);

/// All but the last.
const INITIAL: State = [Some(1), Some(2), Some(3), None];

/// A map on a stage, and what is done to it.
pub struct StagedMap {
    map: Map<i64>,
    stage: Stage,
    operation: Operation,
}

impl Subject for StagedMap {
    type State = State;
    type Held<'a> = MapGuard<'a, i64>;

    fn operate(&self) {
        (self.operation)(&self.map);
    }

    fn load(&self) -> State {
        let pairs = self.map.snapshot();
        let state = KEYS.map(|key| {
            let mut found = pairs.iter().filter(|(own, _)| own == key.as_bytes());
            let value = found.next().map(|(_, value)| *value);
            assert_eq!(found.next(), None, "{key} is there twice");
            value
        });
        assert_eq!(state.iter().flatten().count(), pairs.len(), "{pairs:?}");
        state
    }

    fn hold(&self) -> MapGuard<'_, i64> {
        let guard = self.map.lock().expect("not held by this process");
        // Everybody is found from home, not only met on a walk.
        let found = KEYS.map(|key| guard.get(key));
        assert_eq!(found.iter().flatten().count(), guard.len(), "{found:?}");
        guard
    }

    fn try_hold(&self) -> Option<MapGuard<'_, i64>> {
        self.map.try_lock().ok()
    }

    fn is_held(&self) -> bool {
        self.map.holder().is_some()
    }

    fn hold_within(&self, timeout: Duration) -> Option<MapGuard<'_, i64>> {
        let guard = self.map.lock_timeout(timeout).ok()?;
        let found = KEYS.map(|key| guard.get(key));
        assert_eq!(found.iter().flatten().count(), guard.len(), "{found:?}");
        Some(guard)
    }

    fn digest(&self) -> u64 {
        self.stage.digest()
    }
}

fn cast(release: Release, operation: Operation, next: fn(State) -> State) -> Cast<StagedMap> {
    let make = move || {
        let stage = Stage::new(release);
        let map = stage.segment.map("main", KEYS.len(), 8);
        let map = map.expect("there is room");
        for (key, value) in KEYS.into_iter().zip(INITIAL) {
            if let Some(value) = value {
                map.insert(key, value).expect("there is room");
            }
        }
        StagedMap {
            map,
            stage,
            operation,
        }
    };
    Cast {
        make: Box::new(make),
        initial: INITIAL,
        next,
    }
}

/// Returns the scenarios of maps.
pub fn scenarios() -> Vec<Scenario> {
    let mut all = Vec::new();
    macro_rules! both_releases {
        ($scenarios_of:ident, $operation:literal, $act:expr, $next:expr) => {
            all.extend($scenarios_of($operation, "exchange", || {
                cast(Release::Exchange, $act, $next)
            }));
            all.extend($scenarios_of($operation, "plain", || {
                cast(Release::Plain, $act, $next)
            }));
        };
    }
    both_releases!(lock_scenarios, "map: insert", insert, |[f, m, h, _]| {
        [f, m, h, Some(9)]
    });
    both_releases!(lock_scenarios, "map: remove", remove, |[_, m, h, e]| {
        [None, m, h, e]
    });
    both_releases!(few_lock_scenarios, "map: update", update, |[f, m, h, e]| [
        f,
        m.map(|value| value + 1),
        h,
        e
    ]);
    both_releases!(few_lock_scenarios, "map: fetch_add", add, |[f, m, h, e]| [
        f,
        m,
        h,
        Some(e.unwrap_or(0) + 5)
    ]);
    both_releases!(
        few_lock_scenarios,
        "map: get_or_insert",
        get_or_insert,
        |[f, m, h, e]| [f, m, h, e.or(Some(7))]
    );
    both_releases!(few_lock_scenarios, "map: clear", clear, |_| [None; 4]);
    both_releases!(
        few_lock_scenarios,
        "map: guard of several keys",
        change_several,
        |[_, m, _, e]| [
            None,
            m.map(|value| value + 1),
            Some(8),
            Some(e.unwrap_or(0) + 5)
        ]
    );
    both_releases!(few_lock_scenarios, "map: guard discarded", discard, |all| {
        all
    });
    all
}

fn insert(map: &Map<i64>) {
    map.insert("e", 9).expect("there is room");
}

fn remove(map: &Map<i64>) {
    map.remove("f").expect("not held");
}

fn update(map: &Map<i64>) {
    map.update("m", |value| *value += 1).expect("not held");
}

fn add(map: &Map<i64>) {
    map.fetch_add("e", 5).expect("there is room");
}

fn get_or_insert(map: &Map<i64>) {
    map.get_or_insert("e", 7).expect("there is room");
}

fn clear(map: &Map<i64>) {
    map.clear().expect("not held");
}

fn change_several(map: &Map<i64>) {
    let mut guard = map.lock().expect("not held");
    guard.remove("f");
    guard.update("m", |value| *value += 1);
    guard.insert("h", 8).expect("there is room");
    guard.fetch_add("e", 5).expect("there is room");
}

fn discard(map: &Map<i64>) {
    let mut guard = map.lock().expect("not held");
    guard.remove("f");
    guard.insert("e", 5).expect("there is room");
    guard.discard();
}
