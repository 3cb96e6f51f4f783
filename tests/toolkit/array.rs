//! Arrays.

use std::os::unix::process::ExitStatusExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::Duration;

use fastrand::Rng;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork};
use shmcount::{AddError, Array, Error, LockError, Segment, Shareable};

use crate::stage::{Parent, Process, Scratch};

const ACCOUNTS: usize = 16;
const DEPOSIT: i64 = 1_000;

/// Runs what must panic.
pub fn must_panic<R>(work: impl FnOnce() -> R) {
    let outcome = catch_unwind(AssertUnwindSafe(work));
    assert!(outcome.is_err(), "it did not panic");
}

fn segment(scratch: &Scratch) -> Segment {
    Segment::create(scratch.name()).expect("the name is new")
}

fn array_of<T: Shareable>(parent: &Parent) -> Array<T> {
    let segment = Segment::open(parent.argument(0)).expect("it is there");
    segment.open_array("array").expect("it is there")
}

pub fn it_does_what_a_vec_does() {
    let scratch = Scratch::new("array-model");
    let segment = segment(&scratch);
    for seed in 0..50 {
        let mut random = Rng::with_seed(seed);
        let len = random.usize(1..60);
        let mut model: Vec<i64> = (0..len as i64).collect();
        let array = segment
            .array_from(&format!("{seed}"), &model)
            .expect("there is room");
        for _ in 0..200 {
            act_on_both(&array, &mut model, &mut random);
            let index = random.usize(..len);
            assert_eq!(array.load(index), model[index], "seed {seed}");
        }
        assert_eq!(array.snapshot(), model, "seed {seed}");
    }
}

fn act_on_both(array: &Array<i64>, model: &mut Vec<i64>, random: &mut Rng) {
    let (one, other) = (random.usize(..model.len()), random.usize(..model.len()));
    let number = random.i64(-9..9);
    match random.u8(..6) {
        0 => {
            assert_eq!(array.fetch_add(one, number), Ok(model[one]));
            model[one] += number;
        }
        1 => {
            array.store(one, number).expect("not held");
            model[one] = number;
        }
        2 => {
            let double = |element: &mut i64| *element *= 2;
            array.update(one, double).expect("not held");
            double(&mut model[one]);
        }
        kind => {
            let before = array.snapshot();
            let mut guard = array.lock().expect("not held");
            let mut changed = model.clone();
            for at in 0..random.usize(..model.len()) {
                guard.swap(one, at);
                changed.swap(one, at);
                assert_eq!(guard.replace(other, number), changed[other]);
                changed[other] = number;
                guard.update(at, |element| *element += 1);
                changed[at] += 1;
            }
            assert!(guard.iter().eq(changed.iter().copied()));
            assert_eq!(array.snapshot(), before, "uncommitted");
            if kind == 3 {
                guard.discard();
            } else {
                drop(guard);
                *model = changed;
            }
        }
    }
}

pub fn elements_of_every_size_are_kept_apart() {
    let scratch = Scratch::new("array-sizes");
    let segment = segment(&scratch);
    fn check<const N: usize>(segment: &Segment) {
        let array = segment.array(&format!("{N}"), 5, [7u8; N]).expect("room");
        for index in 0..5 {
            array.store(index, [index as u8; N]).expect("not held");
        }
        let expected: Vec<_> = (0..5).map(|index| [index as u8; N]).collect();
        assert_eq!(array.snapshot(), expected);
        assert_eq!(array.load(4), [4; N]);
    }
    check::<1>(&segment);
    check::<3>(&segment);
    check::<8>(&segment);
    check::<9>(&segment);
    check::<200>(&segment);
    let array = segment.array("u8", 2, 250u8).expect("there is room");
    assert_eq!(array.fetch_add(1, 5), Ok(250));
    let overflow = AddError::Overflow { value: 255, by: 1 };
    assert_eq!(array.fetch_add(1, 1), Err(overflow));
    assert_eq!(array.snapshot(), [250, 255]);
}

pub fn what_it_was_made_for_is_checked() {
    let scratch = Scratch::new("array-shape");
    let segment = segment(&scratch);
    segment.array("array", 4, 1i64).expect("there is room");
    let again = segment.array("array", 4, 2i64).expect("it is there");
    assert_eq!(again.snapshot(), [1; 4], "it was made before");
    let refused = [
        segment.array("array", 5, 1i64).map(drop),
        segment.array("array", 4, 1u64).map(drop),
        segment.array("array", 4, [1i64; 2]).map(drop),
        segment.value("array", 1i64).map(drop),
        segment.open_array::<u64>("array").map(drop),
        segment.open_map::<i64>("array").map(drop),
    ];
    for refused in refused {
        assert!(
            matches!(refused, Err(Error::OtherShape { .. })),
            "{refused:?}"
        );
    }
    for len in [0, usize::MAX, usize::MAX / 24, 1 << 33] {
        let refused = segment.array("other", len, 1i64);
        assert!(
            matches!(refused, Err(Error::OutOfRange { .. })),
            "{len}: {refused:?}"
        );
    }
    let refused = segment.array("other", 1 << 24, 1i64);
    assert!(matches!(refused, Err(Error::Full { .. })), "{refused:?}");
}

pub fn it_is_opened_without_knowing_its_length() {
    let scratch = Scratch::new("array-open");
    let segment = segment(&scratch);
    assert!(matches!(
        segment.open_array::<i64>("array"),
        Err(Error::NoSuchObject { .. })
    ));
    segment.array("array", 37, [1u16; 5]).expect("room");
    let array = segment.open_array::<[u16; 5]>("array").expect("there");
    assert_eq!((array.len(), array.load(36)), (37, [1; 5]));
}

pub fn an_index_out_of_range_panics_and_holds_nothing() {
    let scratch = Scratch::new("array-index");
    let array = segment(&scratch).array("array", 3, 0i64).expect("room");
    must_panic(|| array.load(3));
    must_panic(|| array.store(usize::MAX, 1));
    must_panic(|| array.fetch_add(3, 1));
    must_panic(|| array.update(3, |_| ()));
    must_panic(|| {
        let mut guard = array.lock().expect("not held");
        guard.set(0, 1);
        guard.set(3, 1);
    });
    assert_eq!(array.try_lock().expect("it is free").get(0), 0);
}

pub fn adds_of_two_processes_are_all_counted() {
    const ADDS: i64 = 50_000;
    let scratch = Scratch::new("array-adds");
    let array = segment(&scratch).array("array", 2, 0i64).expect("room");
    let workers: [_; 2] = std::array::from_fn(|_| {
        Process::start("array::add_to_both", &[scratch.name(), &ADDS.to_string()])
    });
    workers.into_iter().for_each(Process::succeed);
    assert_eq!(array.snapshot(), [2 * ADDS; 2]);
}

/// Argument 0 names the segment, argument 1 says how often.
pub fn add_to_both(parent: Parent) {
    let array = array_of::<i64>(&parent);
    let adds: usize = parent.argument(1).parse().expect("a number");
    for add in 0..2 * adds {
        array.fetch_add(add % 2, 1).expect("no overflow");
    }
}

pub fn a_snapshot_is_whole_while_a_writer_runs() {
    let scratch = Scratch::new("array-snapshot");
    let segment = segment(&scratch);
    let numbers: Vec<i64> = (0..40).collect();
    let array = segment.array_from("array", &numbers).expect("room");
    let mut writer = Process::start("array::rotate_for_ever", &[scratch.name()]);
    writer.expect("ready");
    writer.tell("go");
    let mut firsts = std::collections::BTreeSet::new();
    while firsts.len() < numbers.len() {
        let seen = array.snapshot();
        let first = seen[0];
        firsts.insert(first);
        let expected = (0..40).map(|index| (first + index) % 40);
        assert!(expected.eq(seen.iter().copied()), "torn: {seen:?}");
    }
    writer.kill();
    assert!(array.lock_timeout(Duration::from_secs(5)).is_ok());
}

/// Argument 0 names the segment. Every second change is given up.
pub fn rotate_for_ever(parent: Parent) {
    let array = array_of::<i64>(&parent);
    parent.ready();
    for round in 0u64.. {
        let mut guard = array.lock().expect("not held");
        for index in 1..guard.len() {
            guard.swap(index - 1, index);
        }
        if round % 2 == 0 {
            guard.discard();
        }
    }
}

pub fn a_long_array_is_copied_though_commits_never_pause() {
    // Copying takes thousands of times as long as a commit.
    const LEN: usize = 200_000;
    let scratch = Scratch::new("array-long");
    let options = Segment::options().capacity(LEN * 24 + 4096);
    let segment = options.create(scratch.name()).expect("the name is new");
    let array = segment.array("array", LEN, 0i64).expect("room");
    let mut writer = Process::start("array::add_to_all_for_ever", &[scratch.name()]);
    writer.expect("ready");
    writer.tell("go");
    while array.load(LEN - 1) == 0 {
        thread::yield_now();
    }
    for _ in 0..5 {
        let seen = array.snapshot();
        let after = array.snapshot();
        assert!(seen.iter().zip(&after).all(|(one, other)| one <= other));
        // The writer goes round and round: whoever is ahead has one more than who is behind.
        assert!(seen.is_sorted_by(|one, other| one >= other), "torn");
        assert!(seen[0] - seen[LEN - 1] <= 1, "torn");
    }
    writer.kill();
}

/// Argument 0 names the segment.
pub fn add_to_all_for_ever(parent: Parent) {
    let array = array_of::<i64>(&parent);
    parent.ready();
    loop {
        for index in 0..array.len() {
            array.fetch_add(index, 1).expect("no overflow");
        }
    }
}

/// Starts a process that has changed what it holds, and neither committed nor given it up.
fn half_done(act: &str, scratch: &Scratch) -> Process {
    let mut process = Process::start(act, &[scratch.name()]);
    process.expect("ready");
    process
}

pub fn a_stopped_writer_does_not_hold_up_readers() {
    let scratch = Scratch::new("array-stopped");
    let array = segment(&scratch).array("array", 100, 1i64).expect("room");
    let writer = half_done("array::change_and_wait", &scratch);
    writer.stop();
    for _ in 0..1_000 {
        assert_eq!(array.snapshot(), [1; 100]);
        assert_eq!((array.load(0), array.load(99)), (1, 1));
    }
    let refused = array.lock_timeout(Duration::from_millis(20));
    match refused {
        Err(LockError::TimedOut { holder, .. }) => assert_eq!(holder.pid, Some(writer.id())),
        other => panic!("{other:?}"),
    }
    assert_eq!(array.holder().and_then(|it| it.pid), Some(writer.id()));
    writer.signal(Signal::SIGCONT);
    writer.succeed();
    assert_eq!(array.snapshot(), [2; 100]);
}

/// Argument 0 names the segment.
pub fn change_and_wait(parent: Parent) {
    let array = array_of::<i64>(&parent);
    let mut guard = array.lock().expect("not held");
    (0..guard.len()).for_each(|index| guard.update(index, |element| *element += 1));
    parent.tell("ready");
    // Until the test ends it, or says that nothing more comes.
    parent.hear_or_end();
}

pub fn a_killed_writer_leaves_the_last_commit() {
    let scratch = Scratch::new("array-killed");
    let array = segment(&scratch).array("array", 100, 1i64).expect("room");
    half_done("array::change_and_wait", &scratch).kill();
    assert_eq!(array.snapshot(), [1; 100]);
    assert_eq!(array.load(50), 1);
    let guard = array.lock().expect("it is free");
    assert!(guard.owner_died());
    assert!(guard.iter().eq([1; 100]));
    drop(guard);
    assert_eq!(array.recoveries(), 1);
    assert_eq!(array.fetch_add(0, 1), Ok(1));
    assert!(!array.lock().expect("it is free").owner_died());
}

pub fn a_panic_and_a_discard_change_nothing() {
    let scratch = Scratch::new("array-panic");
    let array = segment(&scratch).array("array", 30, 1i64).expect("room");
    must_panic(|| {
        let mut guard = array.lock().expect("not held");
        guard.fill(2);
        panic!("with the lock in hand");
    });
    must_panic(|| {
        let fail = |element: &mut i64| {
            *element = 2;
            panic!("with the lock in hand")
        };
        array.update(3, fail).expect("not held")
    });
    let mut guard = array.lock().expect("it is free");
    assert!(!guard.owner_died());
    guard.fill(3);
    guard.discard();
    assert_eq!(array.snapshot(), [1; 30]);
    assert!(array.try_lock().is_ok());
    let twice = array.lock().expect("it is free");
    assert_eq!(array.fetch_add(0, 1), Err(LockError::HeldByCaller.into()));
    drop(twice);
}

pub fn a_guard_that_a_fork_copied_changes_nothing() {
    let scratch = Scratch::new("array-fork");
    Process::perform("array::fork_with_guard", &[scratch.name()]);
}

/// Argument 0 names the segment to make.
pub fn fork_with_guard(parent: Parent) {
    let segment = Segment::create(parent.argument(0)).expect("the name is new");
    let array = segment.array("array", 3, 1i64).expect("there is room");
    let map = segment.map::<i64>("map", 3, 8).expect("there is room");
    let mut guard = array.lock().expect("not held");
    let mut map_guard = map.lock().expect("not held");
    guard.set(0, 2);
    map_guard.insert("own", 2).expect("there is room");
    // SAFETY: an act has one thread, so nothing is half done in the child.
    match unsafe { fork() }.expect("a process can be made") {
        ForkResult::Child => {
            guard.set(1, 9);
            guard.fill(9);
            let _ = map_guard.insert("child", 9);
            map_guard.clear();
            drop((guard, map_guard));
            // SAFETY: ends the child at once, and runs nothing that belongs to its parent.
            unsafe { libc::_exit(0) }
        }
        ForkResult::Parent { child } => {
            let status = waitpid(child, None).expect("it is a child");
            assert!(matches!(status, WaitStatus::Exited(_, 0)), "{status:?}");
        }
    }
    assert!(guard.iter().eq([2, 1, 1]));
    assert_eq!(array.snapshot(), [1; 3]);
    drop((guard, map_guard));
    assert_eq!(array.snapshot(), [2, 1, 1]);
    assert_eq!(map.snapshot(), [(b"own".to_vec(), 2)]);
}

pub fn transfers_keep_their_sum_under_random_kills() {
    let scratch = Scratch::new("array-bank");
    let array = segment(&scratch).array("array", ACCOUNTS, DEPOSIT);
    let array = array.expect("there is room");
    kill_at_random("array::transfer_for_ever", &scratch, || {
        let accounts = array.snapshot();
        assert_eq!(accounts.iter().sum::<i64>(), ACCOUNTS as i64 * DEPOSIT);
    });
    assert!(array.recoveries() > 0, "nobody was killed inside");
    assert!(array.snapshot().iter().any(|account| *account != DEPOSIT));
}

/// Kills three hundred of three processes that do this for ever, and looks after each.
pub fn kill_at_random(act: &str, scratch: &Scratch, look: impl Fn()) {
    const KILLS: usize = 300;
    let mut random = Rng::new();
    let start = || {
        let mut worker = Process::start(act, &[scratch.name()]);
        worker.expect("ready");
        worker.tell("go");
        worker
    };
    let mut workers: Vec<Process> = (0..3).map(|_| start()).collect();
    for _ in 0..KILLS {
        // Not to wait for anything: any moment is as good as another.
        thread::sleep(Duration::from_micros(random.u64(..1_000)));
        look();
        let killed = workers.swap_remove(random.usize(..workers.len()));
        assert_eq!(
            killed.kill().signal(),
            Some(libc::SIGKILL),
            "it failed before"
        );
        look();
        workers.push(start());
    }
}

/// Argument 0 names the segment.
pub fn transfer_for_ever(parent: Parent) {
    let array = array_of::<i64>(&parent);
    let mut random = Rng::new();
    parent.ready();
    loop {
        let mut guard = array.lock().expect("not held");
        assert_eq!(guard.iter().sum::<i64>(), ACCOUNTS as i64 * DEPOSIT);
        // Many at once, so that most who are killed are killed in the middle.
        for _ in 0..random.usize(1..30) {
            let amount = random.i64(1..100);
            guard.update(random.usize(..ACCOUNTS), |from| *from -= amount);
            guard.update(random.usize(..ACCOUNTS), |to| *to += amount);
        }
    }
}
