//! Maps.

use std::collections::{BTreeMap, HashMap};
use std::os::unix::fs::FileExt;
use std::time::Duration;

use fastrand::Rng;
use shmcount::{Error, LockError, Map, MapError, Segment};

use crate::array::{kill_at_random, must_panic};
use crate::stage::{Parent, Process, Scratch};

const ACCOUNTS: usize = 16;
const DEPOSIT: i64 = 1_000;
/// The number that moves, in `move_for_ever`.
const TREASURE: i64 = 77;

fn segment(scratch: &Scratch) -> Segment {
    Segment::create(scratch.name()).expect("the name is new")
}

fn map_of(parent: &Parent) -> Map<i64> {
    let segment = Segment::open(parent.argument(0)).expect("it is there");
    segment.open_map("map").expect("it is there")
}

fn sorted(map: &Map<i64>) -> BTreeMap<Vec<u8>, i64> {
    let pairs = map.snapshot();
    let count = pairs.len();
    let sorted: BTreeMap<_, _> = pairs.into_iter().collect();
    assert_eq!(sorted.len(), count, "a key is there twice");
    sorted
}

pub fn it_does_what_a_hash_map_does() {
    let scratch = Scratch::new("map-model");
    let options = Segment::options().capacity(1 << 20);
    let segment = options.create(scratch.name()).expect("the name is new");
    for seed in 0..40 {
        let mut random = Rng::with_seed(seed);
        let capacity = random.usize(1..40);
        let map = segment.map(&format!("{seed}"), capacity, 10).expect("room");
        let mut model = HashMap::new();
        for step in 0..500 {
            act_on_both(&map, &mut model, &mut random);
            assert_eq!(map.len(), model.len(), "seed {seed}, step {step}");
            if step % 25 == 0 {
                let expected: BTreeMap<_, _> = model.clone().into_iter().collect();
                assert_eq!(sorted(&map), expected, "seed {seed}, step {step}");
                let all_found = model
                    .iter()
                    .all(|(key, value)| map.get(key) == Some(*value));
                assert!(all_found, "seed {seed}, step {step}");
            }
        }
    }
}

type Model = HashMap<Vec<u8>, i64>;

fn act_on_both(map: &Map<i64>, model: &mut Model, random: &mut Rng) {
    // Few more than there is room for.
    let number = random.usize(..map.capacity() + 3);
    let key = "0123456789"[..number % 11].to_owned().into_bytes();
    let key = [key, number.to_string().into_bytes()].concat();
    let key = &key[key.len().saturating_sub(10)..];
    let is_full = !model.contains_key(key) && model.len() == map.capacity();
    let full = Err(MapError::Full {
        capacity: map.capacity(),
    });
    let value = random.i64(-99..99);
    match random.u8(..20) {
        0..5 if is_full => assert_eq!(map.insert(key, value), full.map(|_: ()| None)),
        0..5 => assert_eq!(
            map.insert(key, value),
            Ok(model.insert(key.to_vec(), value))
        ),
        5..11 => assert_eq!(map.remove(key), Ok(model.remove(key))),
        11..13 if is_full => assert_eq!(map.get_or_insert(key, value), full.map(|_: ()| 0)),
        11..13 => {
            let expected = *model.entry(key.to_vec()).or_insert(value);
            assert_eq!(map.get_or_insert(key, value), Ok(expected));
        }
        13..15 if is_full => assert_eq!(map.fetch_add(key, value), full.map(|_: ()| 0)),
        13..15 => {
            let expected = model.entry(key.to_vec()).or_insert(0);
            assert_eq!(map.fetch_add(key, value), Ok(*expected));
            *expected += value;
        }
        15 => {
            let double = |value: &mut i64| {
                *value *= 2;
                *value
            };
            assert_eq!(map.update(key, double), Ok(model.get_mut(key).map(double)));
        }
        16..18 => change_several(map, model, key, random),
        18 if random.u8(..10) == 0 => {
            map.clear().expect("not held");
            model.clear();
        }
        _ => {
            assert_eq!(map.get(key), model.get(key).copied());
            assert_eq!(map.contains(key), model.contains_key(key));
        }
    }
}

fn change_several(map: &Map<i64>, model: &mut Model, key: &[u8], random: &mut Rng) {
    let before = sorted(map);
    let mut changed = model.clone();
    let mut guard = map.lock().expect("not held");
    let others: Vec<Vec<u8>> = changed.keys().take(random.usize(..9)).cloned().collect();
    for other in others {
        assert_eq!(guard.remove(&other), changed.remove(&other));
    }
    assert_eq!(
        guard.update(key, |value| *value -= 1).is_some(),
        changed.contains_key(key)
    );
    changed.entry(key.to_vec()).and_modify(|value| *value -= 1);
    if guard.insert(key, 5).is_ok() {
        changed.insert(key.to_vec(), 5);
    }
    let seen: BTreeMap<_, _> = guard.to_vec().into_iter().collect();
    assert!(seen.iter().eq(changed.iter().collect::<BTreeMap<_, _>>()));
    assert_eq!(sorted(map), before, "uncommitted");
    match random.bool() {
        true => guard.discard(),
        false => {
            drop(guard);
            *model = changed;
        }
    }
}

pub fn what_it_was_made_for_is_checked() {
    let scratch = Scratch::new("map-shape");
    let segment = segment(&scratch);
    let map = segment.map::<i64>("map", 10, 20).expect("room");
    assert_eq!((map.capacity(), map.max_key_bytes()), (10, 24));
    map.insert("key", 1).expect("there is room");
    let again = segment.map::<i64>("map", 10, 24).expect("the same");
    assert_eq!(again.get("key"), Some(1));
    let refused = [
        segment.map::<i64>("map", 11, 20).map(drop),
        segment.map::<i64>("map", 10, 25).map(drop),
        segment.map::<u64>("map", 10, 20).map(drop),
        segment.array("map", 10, 0i64).map(drop),
        segment.open_map::<[i64; 2]>("map").map(drop),
        segment.open_array::<i64>("map").map(drop),
    ];
    for refused in refused {
        assert!(
            matches!(refused, Err(Error::OtherShape { .. })),
            "{refused:?}"
        );
    }
    for (capacity, bytes) in [(0, 8), (usize::MAX, 8), (1 << 32, 8), (1, 70_000)] {
        let refused = segment.map::<i64>("other", capacity, bytes);
        assert!(
            matches!(refused, Err(Error::OutOfRange { .. })),
            "{capacity}, {bytes}: {refused:?}"
        );
    }
}

pub fn it_is_opened_without_knowing_its_size() {
    let scratch = Scratch::new("map-open");
    let segment = segment(&scratch);
    assert!(matches!(
        segment.open_map::<i64>("map"),
        Err(Error::NoSuchObject { .. })
    ));
    for (capacity, bytes) in [(1, 0), (7, 1), (100, 40)] {
        let name = format!("{capacity}");
        let made = segment
            .map::<[u8; 9]>(&name, capacity, bytes)
            .expect("room");
        let key = "k".repeat(bytes);
        made.insert(&key, [3; 9]).expect("there is room");
        let map = segment.open_map::<[u8; 9]>(&name).expect("it is there");
        assert_eq!(map.capacity(), capacity);
        assert_eq!(map.max_key_bytes(), made.max_key_bytes());
        assert_eq!(map.get(&key), Some([3; 9]));
    }
}

pub fn a_full_map_refuses_new_keys_and_changes_nothing() {
    let scratch = Scratch::new("map-full");
    let map = segment(&scratch).map("map", 3, 8).expect("there is room");
    for (value, key) in ["a", "b", "c"].into_iter().enumerate() {
        assert_eq!(map.insert(key, value as i64), Ok(None));
    }
    let before = sorted(&map);
    let full = MapError::Full { capacity: 3 };
    assert_eq!(map.insert("d", 1), Err(full.clone()));
    assert_eq!(map.get_or_insert("d", 1), Err(full.clone()));
    assert_eq!(map.fetch_add("d", 1), Err(full.clone()));
    let too_long = MapError::KeyTooLong { length: 9, most: 8 };
    assert_eq!(map.insert("123456789", 1), Err(too_long.clone()));
    assert_eq!(map.fetch_add("123456789", 1), Err(too_long.clone()));
    assert_eq!(map.get("123456789"), None);
    assert_eq!(map.remove("123456789"), Ok(None));
    assert_eq!(map.update("d", |_| ()), Ok(None));
    assert_eq!(sorted(&map), before);
    assert_eq!(map.insert("c", 9), Ok(Some(2)));
    assert_eq!(map.remove("a"), Ok(Some(0)));
    assert_eq!(map.insert("d", 1), Ok(None));
}

pub fn keys_of_every_length_are_kept_apart() {
    let scratch = Scratch::new("map-keys");
    let map = segment(&scratch).map("map", 70, 64).expect("room");
    // Zeros, which fill up the last word of a shorter key.
    let keys: Vec<Vec<u8>> = (0..=64).map(|length| vec![0; length]).collect();
    for (value, key) in keys.iter().enumerate() {
        assert_eq!(map.insert(key, value as i64), Ok(None));
    }
    for (value, key) in keys.iter().enumerate() {
        assert_eq!(map.get(key), Some(value as i64));
    }
    assert!(sorted(&map).keys().eq(&keys));
    for key in keys.iter().rev() {
        assert!(map.remove(key).is_ok_and(|value| value.is_some()));
    }
    assert!(map.is_empty() && map.snapshot().is_empty());
}

pub fn a_sum_too_large_changes_nothing() {
    let scratch = Scratch::new("map-overflow");
    let map = segment(&scratch).map::<i8>("map", 3, 8).expect("room");
    assert_eq!(map.fetch_add("key", 100), Ok(0));
    let overflow = MapError::Overflow { value: 100, by: 28 };
    assert_eq!(map.fetch_add("key", 28), Err(overflow));
    assert_eq!(map.get("key"), Some(100));
}

pub fn adds_of_two_processes_are_all_counted() {
    const ADDS: i64 = 20_000;
    let scratch = Scratch::new("map-adds");
    let map = segment(&scratch).map::<i64>("map", 10, 8).expect("room");
    let workers: [_; 2] = std::array::from_fn(|_| {
        Process::start("map::add_to_both", &[scratch.name(), &ADDS.to_string()])
    });
    workers.into_iter().for_each(Process::succeed);
    assert_eq!(
        (map.get("even"), map.get("odd")),
        (Some(2 * ADDS), Some(2 * ADDS))
    );
    assert_eq!(map.len(), 2);
}

/// Argument 0 names the segment, argument 1 says how often.
pub fn add_to_both(parent: Parent) {
    let map = map_of(&parent);
    let adds: usize = parent.argument(1).parse().expect("a number");
    for add in 0..2 * adds {
        map.fetch_add(["even", "odd"][add % 2], 1)
            .expect("there is room");
    }
}

pub fn a_snapshot_is_whole_while_a_writer_runs() {
    let scratch = Scratch::new("map-snapshot");
    let map = segment(&scratch).map::<i64>("map", 20, 8).expect("room");
    map.insert("0", TREASURE).expect("there is room");
    let mut writer = Process::start("map::move_for_ever", &[scratch.name()]);
    writer.expect("ready");
    writer.tell("go");
    let mut seen_at = std::collections::BTreeSet::new();
    while seen_at.len() < 30 {
        let seen = sorted(&map);
        assert_eq!(seen.values().sum::<i64>(), TREASURE, "torn: {seen:?}");
        seen_at.extend(seen.into_keys());
        // Somebody else is always there, and never with another value.
        assert!(matches!(map.get("stays"), None | Some(0)), "torn");
        assert!(map.len() <= 20);
    }
    writer.kill();
    assert!(map.lock_timeout(Duration::from_secs(5)).is_ok());
}

/// Argument 0 names the segment. Moves the number from key to key, among others that come and go.
pub fn move_for_ever(parent: Parent) {
    let map = map_of(&parent);
    let mut random = Rng::new();
    parent.ready();
    let mut at = "0".to_owned();
    map.insert("stays", 0).expect("there is room");
    loop {
        let to = random.u8(..30).to_string();
        let mut guard = map.lock().expect("not held");
        let value = guard.remove(&at).expect("it was put there");
        guard.insert(&to, value).expect("there is room");
        at = to;
        for other in 0..30 {
            let other = other.to_string();
            if other != at && random.u8(..4) == 0 {
                guard.remove(&other);
                if random.bool() && guard.len() < 20 {
                    guard.insert(&other, 0).expect("there is room");
                }
            }
        }
    }
}

fn half_done(scratch: &Scratch) -> (Map<i64>, BTreeMap<Vec<u8>, i64>, Process) {
    let map = segment(scratch).map::<i64>("map", 50, 8).expect("room");
    for number in 0..40 {
        map.insert(number.to_string(), number).expect("room");
    }
    let before = sorted(&map);
    let mut writer = Process::start("map::change_and_wait", &[scratch.name()]);
    writer.expect("ready");
    (map, before, writer)
}

/// Argument 0 names the segment.
pub fn change_and_wait(parent: Parent) {
    let map = map_of(&parent);
    let mut guard = map.lock().expect("not held");
    for number in 0..60 {
        match number % 3 {
            0 => drop(guard.remove(number.to_string())),
            _ => drop(guard.insert(number.to_string(), -number)),
        }
    }
    parent.tell("ready");
    // Until the test ends it, or says that nothing more comes.
    parent.hear_or_end();
}

pub fn a_stopped_writer_does_not_hold_up_readers() {
    let scratch = Scratch::new("map-stopped");
    let (map, before, writer) = half_done(&scratch);
    writer.stop();
    for _ in 0..100 {
        assert_eq!(sorted(&map), before);
        assert_eq!(
            (map.get("7"), map.get("50"), map.len()),
            (Some(7), None, 40)
        );
        assert!((0..40).all(|number| map.get(number.to_string()) == Some(number)));
    }
    let refused = map.fetch_add_timeout("7", 1, Duration::from_millis(20));
    match refused {
        Err(MapError::Lock(LockError::TimedOut { holder, .. })) => {
            assert_eq!(holder.pid, Some(writer.id()));
        }
        other => panic!("{other:?}"),
    }
}

pub fn a_killed_writer_leaves_the_last_commit() {
    let scratch = Scratch::new("map-killed");
    let (map, before, writer) = half_done(&scratch);
    writer.kill();
    assert_eq!(sorted(&map), before);
    assert_eq!(map.get("7"), Some(7));
    let guard = map.lock().expect("it is free");
    assert!(guard.owner_died());
    assert_eq!(guard.len(), 40);
    drop(guard);
    assert_eq!(map.recoveries(), 1);
    assert_eq!(sorted(&map), before);
    assert_eq!(map.insert("7", 8), Ok(Some(7)));
}

pub fn a_panic_and_a_discard_change_nothing() {
    let scratch = Scratch::new("map-panic");
    let map = segment(&scratch).map::<i64>("map", 9, 8).expect("room");
    map.insert("key", 1).expect("there is room");
    must_panic(|| {
        let mut guard = map.lock().expect("not held");
        guard.clear();
        guard.insert("other", 2).expect("there is room");
        panic!("with the lock in hand");
    });
    let fail = |value: &mut i64| -> () {
        *value = 2;
        panic!("with the lock in hand")
    };
    must_panic(|| map.update("key", fail));
    let mut guard = map.lock().expect("it is free");
    guard.insert("key", 3).expect("there is room");
    guard.discard();
    assert_eq!(map.snapshot(), [(b"key".to_vec(), 1)]);
    assert!(map.try_lock().is_ok());
}

/// Whatever stands in the words: no panic, no walk without end, and the lock stays free.
pub fn damage_makes_no_crash() {
    let scratch = Scratch::new("map-damage");
    let segment = segment(&scratch);
    let map = segment.map::<i64>("map", 20, 16).expect("room");
    let array = segment.array("array", 20, 1i64).expect("room");
    let file = std::fs::OpenOptions::new().write(true).open(segment.path());
    let file = file.expect("it is this user's");
    let mut random = Rng::with_seed(7);
    // Behind header, directory, the map's entry and its line: the journal and the table; and the array's.
    let map_words = 8 * (2 + 3 * (1 + 27 * 4));
    let array_start = (640u64 + map_words).next_multiple_of(64) + 128 + 64;
    for _ in 0..2_000 {
        let mut bytes = [0; 8];
        random.fill(&mut bytes);
        if random.bool() {
            bytes = [u8::MAX, 0, 1, 7][random.usize(..4)]
                .to_ne_bytes()
                .repeat(8)[..8]
                .try_into()
                .expect("eight");
        }
        let starts = [
            512 + random.u64(..map_words / 8) * 8,
            array_start + random.u64(..62) * 8,
        ];
        file.write_all_at(&bytes, starts[random.usize(..2)])
            .expect("it is long enough");
        let key = random.u8(..40).to_string();
        let _ = map.get(&key);
        let _ = map.insert(&key, 1);
        let _ = map.remove(&key);
        let _ = map.fetch_add(&key, 1);
        let _ = map.update(&key, |value| *value = 1);
        drop(map.snapshot());
        array.lock().expect("it is free").swap(0, 19);
        let _ = array.fetch_add(3, 1);
        drop(array.snapshot());
        drop((
            segment.open_map::<i64>("map"),
            segment.open_array::<i64>("array"),
        ));
    }
    map.clear().expect("it is free");
    assert_eq!(map.insert("key", 1), Ok(None));
    assert_eq!(map.get("key"), Some(1));
}

pub fn transfers_keep_their_sum_under_random_kills() {
    let scratch = Scratch::new("map-bank");
    let map = segment(&scratch).map("map", ACCOUNTS, 16).expect("room");
    map.insert("0", ACCOUNTS as i64 * DEPOSIT).expect("room");
    kill_at_random("map::transfer_for_ever", &scratch, || {
        let sum: i64 = sorted(&map).values().sum();
        assert_eq!(sum, ACCOUNTS as i64 * DEPOSIT);
    });
    assert!(map.recoveries() > 0, "nobody was killed inside");
    assert!(map.len() > 1);
}

/// Argument 0 names the segment. Accounts are opened when money comes and closed when it goes.
pub fn transfer_for_ever(parent: Parent) {
    let map = map_of(&parent);
    let mut random = Rng::new();
    parent.ready();
    loop {
        let mut guard = map.lock().expect("not held");
        let sum: i64 = guard.to_vec().iter().map(|(_, money)| money).sum();
        assert_eq!(sum, ACCOUNTS as i64 * DEPOSIT);
        for _ in 0..random.usize(1..15) {
            let [from, to] = [(); 2].map(|()| random.usize(..ACCOUNTS).to_string());
            let amount = random.i64(1..500);
            match guard.get(&from) {
                Some(money) if money <= amount => {
                    guard.remove(&from);
                    guard.fetch_add(&to, money).expect("there is room");
                }
                Some(_) => {
                    guard.fetch_add(&from, -amount).expect("it is there");
                    guard.fetch_add(&to, amount).expect("there is room");
                }
                None => {}
            }
        }
    }
}
