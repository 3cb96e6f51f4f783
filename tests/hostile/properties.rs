//! Any damage at all, before opening.
//!
//! One process opens case after case and answers each; when it dies or keeps silent, the case
//! at hand is the one that proptest then makes smaller.

use std::cell::RefCell;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::exercise::exercise;
use crate::image::{
    DIRECTORY_WORD, FIRST_ENTRY, Image, USED, WAITERS, entry, line::MISSES, line::SEQUENCE,
};
use crate::stage::{Parent, Process, Scratch};

/// Some 3 s on two busy cores.
const CASES: u32 = 3_000;

/// One thing done to the file.
#[derive(Clone, Debug)]
enum Damage {
    Flip {
        bit: usize,
    },
    Word {
        place: usize,
        value: u64,
    },
    Half {
        place: usize,
        value: u32,
    },
    Fill {
        start: usize,
        length: usize,
        byte: u8,
    },
    Swap {
        one: usize,
        other: usize,
    },
    Resize {
        length: usize,
    },
}

/// Numbers that have broken such code before.
fn odd_number() -> impl Strategy<Value = u64> {
    prop_oneof![
        any::<u64>(),
        0..200u64,
        (0..8192u64).prop_map(|n| n * 8),
        (0..64u32).prop_map(|bit| 1 << bit),
        (0..64u32, 0..3u64).prop_map(|(bit, less)| (1u64 << bit).wrapping_sub(less)),
        Just(u64::MAX),
        Just(u64::from(std::process::id())),
    ]
}

fn damage(size: usize) -> impl Strategy<Value = Damage> {
    let place = prop_oneof![
        1 => 0..DIRECTORY_WORD / 8,
        4 => DIRECTORY_WORD / 8..(WAITERS + 128) / 8,
        4 => FIRST_ENTRY / 8..(FIRST_ENTRY + 128) / 8,
        4 => FIRST_ENTRY / 8..size / 8,
    ]
    .boxed();
    prop_oneof![
        4 => (0..size * 8).prop_map(|bit| Damage::Flip { bit }),
        8 => (place.clone(), odd_number())
            .prop_map(|(place, value)| Damage::Word { place: place * 8, value }),
        4 => (place.clone(), any::<bool>(), odd_number()).prop_map(|(place, high, value)| {
            Damage::Half { place: place * 8 + 4 * usize::from(high), value: value as u32 }
        }),
        2 => (0..size, 1..300usize, any::<u8>())
            .prop_map(|(start, length, byte)| Damage::Fill { start, length, byte }),
        2 => (place.clone(), place)
            .prop_map(|(one, other)| Damage::Swap { one: one * 8, other: other * 8 }),
        1 => (0..2 * size).prop_map(|length| Damage::Resize { length }),
    ]
}

impl Damage {
    fn apply(&self, image: &mut Image) {
        let size = image.bytes.len();
        match *self {
            Self::Flip { bit } if bit / 8 < size => image.bytes[bit / 8] ^= 1 << (bit % 8),
            Self::Flip { .. } => {}
            Self::Word { place, value } => image.put(place, &value.to_ne_bytes()),
            Self::Half { place, value } => image.put(place, &value.to_ne_bytes()),
            Self::Fill {
                start,
                length,
                byte,
            } => image.put(start, &vec![byte; length]),
            Self::Swap { one, other } if one.max(other) + 8 <= size => {
                let values = (image.u64_at(one), image.u64_at(other));
                image.put(one, &values.1.to_ne_bytes());
                image.put(other, &values.0.to_ne_bytes());
            }
            Self::Swap { .. } => {}
            Self::Resize { length } => image.bytes.resize(length, 0),
        }
    }
}

/// Leaves out what has a test of its own or cannot come to be.
fn tame(image: &mut Image, template: &Image) {
    // A directory that somebody seems to hold is waited for, ten seconds long.
    image.put(DIRECTORY_WORD, &0u32.to_ne_bytes());
    // Counters that are about to overflow: 2^64 commits take centuries, and misses are reset at
    // 64. A build with overflow checks panics there.
    let objects = template
        .entries()
        .into_iter()
        .map(|offset| offset + entry::SIZE);
    for line in objects.chain([DIRECTORY_WORD]) {
        for highest in [line + MISSES + 3, line + SEQUENCE + 7] {
            if let Some(highest) = image.bytes.get_mut(highest) {
                *highest &= 0x7f;
            }
        }
    }
}

pub fn no_damage_before_opening_crashes_or_hangs_who_opens() {
    let template = Image::new();
    let scratch = Scratch::new("damage");
    let victim = RefCell::new(Process::start(
        "properties::exercise_each",
        &[scratch.name()],
    ));
    let opened = RefCell::new(0);
    let mut runner = TestRunner::new(Config {
        cases: CASES,
        failure_persistence: None,
        ..Config::default()
    });
    let strategy = prop::collection::vec(damage(template.bytes.len()), 1..6);
    let outcome = runner.run(&strategy, |all_damage| {
        template.write_to(&scratch, |image| {
            all_damage.iter().for_each(|damage| damage.apply(image));
            tame(image, &template);
        });
        let mut process = victim.borrow_mut();
        process.tell("open");
        match process.hear_or_end().as_deref() {
            Some("opened") => *opened.borrow_mut() += 1,
            Some(_) => {}
            None => {
                let fresh = Process::start("properties::exercise_each", &[scratch.name()]);
                let status = std::mem::replace(&mut *process, fresh).end();
                prop_assert!(false, "who opened ended: {status}");
            }
        }
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
    // Or else the damage would hardly ever get past the header.
    let opened = opened.into_inner();
    assert!(
        opened >= CASES / 4,
        "only {opened} of {CASES} could be opened"
    );
    assert!(template.u64_at(USED) < template.bytes.len() as u64);
}

/// Argument 0 names the file, which is another one with every line that comes in.
pub fn exercise_each(parent: Parent) {
    while parent.hear_or_end().is_some() {
        match exercise(parent.argument(0)) {
            Ok(()) => parent.tell("opened"),
            Err(_) => parent.tell("refused"),
        }
    }
}
