//! Somebody writes over header and directory while others use the segment.
//!
//! Not over the objects: who may write a segment is trusted with its locks, as with those of a
//! `pthread_mutex_t`. Nor is the directory's end set back to that of an older entry: the next
//! object would be laid over those behind it, which is to scribble over objects.

use shmcount::{Segment, Spin};

use crate::exercise::use_objects;
use crate::files::{file_of, overwrite};
use crate::image::{DIRECTORY_SEQUENCE, DIRECTORY_WORD, FIRST_ENTRY, Image, USED, entry, field};
use crate::stage::{Parent, Process, Scratch};

/// A few seconds on two busy cores.
const ROUNDS: u32 = 150_000;

/// Numbers in an order that is always the same (xorshift64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
}

pub fn no_scribbling_over_header_and_directory_crashes_who_uses_them() {
    let scratch = Scratch::new("scribble");
    let template = Image::new();
    template.write_to(&scratch, |_| {});
    let users: Vec<Process> = (0..2)
        .map(|_| {
            let mut user = Process::start("scribble::use_until_told", &[scratch.name()]);
            user.expect("ready");
            user
        })
        .collect();
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let entries = template.entries();
    for round in 0..ROUNDS {
        let words = match round % 4 {
            0 => 0..DIRECTORY_WORD / 8,
            1 => USED / 8..USED / 8 + 1,
            // An entry, but not its object.
            _ => {
                let start = entries[numbers.below(entries.len())] / 8;
                start..start + entry::SIZE / 8
            }
        };
        let place = (words.start + numbers.below(words.len())) * 8;
        let good = template.bytes[place..place + 8]
            .try_into()
            .expect("eight bytes");
        let value = match numbers.below(4) {
            0 => numbers.next(),
            1 => u64::from_ne_bytes(good) ^ 1 << numbers.below(64),
            2 => numbers.below(template.bytes.len()) as u64 & !63,
            _ => u64::MAX,
        };
        // No entry ends at an odd byte.
        let value = if place == USED { value | 1 } else { value };
        overwrite(&scratch, place, &value.to_ne_bytes());
        // So that there is something good to find now and then.
        if place != field::INODE && numbers.below(2) == 0 {
            overwrite(&scratch, place, &good);
        }
    }
    finish(users);
}

/// Each time that the lock seems taken costs a user ten seconds, so there are few rounds.
pub fn no_scribbling_over_the_directorys_lock_hangs_who_uses_it() {
    let scratch = Scratch::new("scribble-lock");
    Image::new().write_to(&scratch, |_| {});
    let mut user = Process::start("scribble::use_until_told", &[scratch.name()]);
    user.expect("ready");
    let mut numbers = Numbers(0x2545_f491_4f6c_dd1d);
    for _ in 0..20_000 {
        for place in (DIRECTORY_WORD..USED)
            .step_by(8)
            .chain([DIRECTORY_SEQUENCE + 8])
        {
            overwrite(&scratch, place, &numbers.next().to_ne_bytes());
        }
    }
    overwrite(&scratch, DIRECTORY_WORD, &[0; 40]);
    finish(vec![user]);
}

fn finish(users: Vec<Process>) {
    for mut user in users {
        user.tell("enough");
        let rounds: u64 = user.hear().parse().expect("a number of rounds");
        assert!(rounds > 0);
        user.succeed();
    }
}

/// Argument 0 names the segment. Uses one mapping for long and opens others in between.
pub fn use_until_told(parent: Parent) {
    let open = || {
        Segment::options()
            .spin(Spin::Never)
            .open(parent.argument(0))
    };
    let segment = open().expect("nobody has damaged it yet");
    let number = segment.open_value::<i64>("number").expect("as above");
    parent.tell("ready");
    let told = std::thread::spawn({
        move || {
            let mut line = String::new();
            std::io::stdin()
                .read_line(&mut line)
                .expect("a pipe can be read");
        }
    });
    let mut rounds = 0u64;
    let mut sum = number.load();
    while !told.is_finished() {
        use_objects(&segment);
        let object = format!("new-{}", rounds % 4);
        let _ = segment.value(&object, rounds).map(|value| value.load());
        if let Ok(another) = open() {
            use_objects(&another);
        }
        // What was found before the damage goes on as if nothing were.
        let before = number.fetch_add(1).expect("its lock was not damaged");
        assert!(before >= sum, "{before} after {sum}");
        sum = before + 1;
        rounds += 1;
    }
    parent.tell(&rounds.to_string());
}

pub fn a_file_that_grows_changes_nothing_for_who_has_it_open() {
    let scratch = Scratch::new("grown");
    let segment = Segment::create(scratch.name()).expect("the name is new");
    let number = segment.value("number", 1i64).expect("there is room");
    let size = segment.size();
    file_of(&scratch)
        .set_len(1 << 30)
        .expect("holes take no room");
    assert_eq!(number.fetch_add(1).expect("the lock is free"), 1);
    assert_eq!(segment.size(), size);
    segment.value("another", 1i64).expect("there is room");
    assert!(segment.entries().expect("it is whole").len() == 2 && size > FIRST_ENTRY);
    assert!(segment.remove().expect("it is ours"));
}
