//! What a semaphore promises.

use std::mem::forget;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork};
use shmcount::{AcquireError, Error, Segment, Semaphore};

use crate::semaphore;
use crate::stage::{Act, Parent, Process, Scratch, Test, acts, tests};

pub const TESTS: &[Test] = tests![
    semaphore::every_permit_is_given_out_once_and_comes_back,
    semaphore::a_semaphore_is_opened_as_what_it_was_made,
    semaphore::waiting_for_a_permit_that_one_holds_oneself_is_an_error,
    semaphore::acquire_timeout_waits_that_long_and_a_stopped_holder_is_not_robbed,
    semaphore::a_waiter_gets_the_permit_that_is_given_back,
    semaphore::a_killed_holders_permit_goes_to_the_waiter_who_is_told,
    semaphore::deaths_beyond_the_words_one_can_sleep_on_are_noticed,
    semaphore::permits_beyond_the_words_one_can_sleep_on_are_passed_on,
    semaphore::a_permit_that_a_fork_copied_does_nothing_in_the_child,
    semaphore::a_forgotten_permit_comes_back_with_the_end_of_its_thread,
    semaphore::a_forgotten_permit_outlives_its_handle,
    semaphore::two_handles_of_a_process_share_the_permits,
    semaphore::the_permit_too_many_for_a_thread_is_refused,
];

pub const ACTS: &[Act] = acts![
    semaphore::hold_permits,
    semaphore::acquire_and_tell,
    semaphore::fork_with_permit,
    semaphore::forget_permit,
];

/// Longer than anything here takes, shorter than the watchdog.
const PATIENCE: Duration = Duration::from_secs(60);

fn made(scratch: &Scratch, permits: u32) -> (Segment, Semaphore) {
    let options = Segment::options().capacity(64 * 1024);
    let segment = options.create(scratch.name()).expect("the name is new");
    let semaphore = segment.semaphore("permits", permits);
    (segment, semaphore.expect("there is room"))
}

/// Argument 0 names the segment, argument 1 is how many permits there are.
fn opened(parent: &Parent) -> Semaphore {
    let segment = Segment::open(parent.argument(0)).expect("it is there");
    let permits = parent.argument(1).parse().expect("a number");
    segment.semaphore("permits", permits).expect("it is there")
}

pub fn every_permit_is_given_out_once_and_comes_back() {
    let scratch = Scratch::new("permits");
    let (_segment, semaphore) = made(&scratch, 3);
    let mut permits: Vec<_> = (0..3).map(|_| semaphore.acquire().expect("free")).collect();
    assert_eq!((semaphore.permits(), semaphore.available()), (3, 0));
    let own = std::process::id();
    let pids: Vec<_> = semaphore
        .holders()
        .iter()
        .map(|holder| holder.pid)
        .collect();
    assert_eq!(pids, [Some(own); 3]);
    assert_eq!(
        semaphore.try_acquire().map(|_| ()),
        Err(AcquireError::NoPermit)
    );
    permits.pop();
    assert_eq!(semaphore.available(), 1);
    let again = semaphore.try_acquire().expect("one came back");
    assert!(!again.previous_holder_died());
    drop((permits, again));
    assert_eq!(semaphore.available(), 3);
}

pub fn a_semaphore_is_opened_as_what_it_was_made() {
    let scratch = Scratch::new("shape");
    let (segment, _semaphore) = made(&scratch, 3);
    assert!(segment.semaphore("permits", 3).is_ok());
    for (object, permits) in [("permits", 4), ("permits", 2)] {
        let refused = segment.semaphore(object, permits).expect_err("other shape");
        assert!(matches!(refused, Error::OtherShape { .. }), "{refused}");
    }
    let refused = segment
        .value("permits", 1i64)
        .map(|_| ())
        .expect_err("no value");
    assert!(matches!(refused, Error::OtherShape { .. }), "{refused}");
    let refused = segment.semaphore("none", 0).expect_err("of no use");
    assert!(matches!(refused, Error::OutOfRange { .. }), "{refused}");
    let refused = segment
        .semaphore("huge", u32::MAX)
        .expect_err("no room for it");
    assert!(matches!(refused, Error::Full { .. }), "{refused}");
}

pub fn waiting_for_a_permit_that_one_holds_oneself_is_an_error() {
    let scratch = Scratch::new("own");
    let (_segment, semaphore) = made(&scratch, 2);
    let _permits = [semaphore.acquire(), semaphore.acquire()];
    for refused in [semaphore.acquire(), semaphore.acquire_timeout(PATIENCE)] {
        assert_eq!(refused.map(|_| ()), Err(AcquireError::AllHeldByCaller));
    }
    // For another thread of the process it is none.
    let short = Duration::from_millis(5);
    let other = thread::scope(|scope| {
        let waited = scope.spawn(|| semaphore.acquire_timeout(short).map(|_| ()));
        waited.join().expect("it does not panic")
    });
    let expected = AcquireError::TimedOut {
        permits: 2,
        timeout: short,
    };
    assert_eq!(other, Err(expected));
}

/// Arguments 0 and 1 are the semaphore, argument 2 says how many permits to hold.
pub fn hold_permits(parent: Parent) {
    let semaphore = opened(&parent);
    let held = parent.argument(2).parse().expect("a number");
    let permits = (0..held).map(|_| semaphore.acquire().expect("it is free"));
    let mut permits: Vec<_> = permits.collect();
    loop {
        parent.tell("held");
        if parent.hear() == "give one back" {
            permits.pop();
        }
    }
}

fn holder(scratch: &Scratch, permits: u32, held: u32) -> Process {
    let (permits, held) = (permits.to_string(), held.to_string());
    let arguments = [scratch.name(), &permits, &held];
    let mut holder = Process::start("semaphore::hold_permits", &arguments);
    holder.expect("held");
    holder
}

pub fn acquire_timeout_waits_that_long_and_a_stopped_holder_is_not_robbed() {
    let scratch = Scratch::new("timeout");
    let (_segment, semaphore) = made(&scratch, 1);
    let mut holder = holder(&scratch, 1, 1);
    holder.stop();
    // Longer and shorter than the second look of those who wait.
    for timeout in [Duration::from_millis(120), Duration::from_millis(7)] {
        let start = Instant::now();
        let refused = semaphore.acquire_timeout(timeout).map(|_| ());
        let permits = 1;
        assert_eq!(refused, Err(AcquireError::TimedOut { permits, timeout }));
        assert!(start.elapsed() >= timeout);
    }
    let pids = semaphore
        .holders()
        .iter()
        .map(|holder| holder.pid)
        .collect::<Vec<_>>();
    assert_eq!(pids, [Some(holder.id())]);
    holder.signal(Signal::SIGCONT);
    holder.tell("give one back");
    let permit = semaphore
        .acquire_timeout(PATIENCE)
        .expect("it was given back");
    assert!(!permit.previous_holder_died());
    holder.expect("held");
}

/// Arguments 0 and 1 are the semaphore. Tells whether the last holder died.
pub fn acquire_and_tell(parent: Parent) {
    let semaphore = opened(&parent);
    parent.tell("waiting");
    let permit = semaphore.acquire().expect("it comes free");
    parent.tell(match permit.previous_holder_died() {
        true => "of a dead one",
        false => "given back",
    });
    drop(permit);
    parent.hear();
}

/// Starts a process that waits, and returns when it sleeps.
fn waiter(scratch: &Scratch, permits: u32) -> Process {
    let permits = permits.to_string();
    let arguments = [scratch.name(), &permits];
    let mut waiter = Process::start("semaphore::acquire_and_tell", &arguments);
    waiter.expect("waiting");
    until_asleep(&waiter);
    waiter
}

/// Waits until the kernel says that a process sleeps for words.
pub fn until_asleep(process: &Process) {
    let path = format!("/proc/{}/syscall", process.id());
    let waitv = libc::SYS_futex_waitv.to_string();
    let is_asleep = || {
        let call = std::fs::read_to_string(&path).expect("it is a child");
        call.split(' ').next() == Some(&waitv)
    };
    while !is_asleep() {
        thread::yield_now();
    }
}

pub fn a_waiter_gets_the_permit_that_is_given_back() {
    let scratch = Scratch::new("given-back");
    let (_segment, semaphore) = made(&scratch, 2);
    let permits = [semaphore.acquire(), semaphore.acquire()];
    let mut waiters = [waiter(&scratch, 2), waiter(&scratch, 2)];
    drop(permits);
    for waiter in &mut waiters {
        waiter.expect("given back");
    }
}

pub fn a_killed_holders_permit_goes_to_the_waiter_who_is_told() {
    let scratch = Scratch::new("killed");
    let (_segment, semaphore) = made(&scratch, 2);
    let holder = holder(&scratch, 2, 2);
    let mut waiters = [waiter(&scratch, 2), waiter(&scratch, 2)];
    holder.kill();
    // One may take the permit that the other has given back.
    let told = waiters.each_mut().map(|waiter| waiter.hear());
    assert!(told.contains(&"of a dead one".to_owned()), "{told:?}");
    for mut waiter in waiters {
        waiter.tell("end");
        waiter.succeed();
    }
    assert_eq!(semaphore.available(), 2);
}

/// More than can be slept on at once.
const MANY: u32 = 200;

pub fn deaths_beyond_the_words_one_can_sleep_on_are_noticed() {
    let scratch = Scratch::new("many-killed");
    let (_segment, semaphore) = made(&scratch, MANY);
    let most = holder(&scratch, MANY, MANY - 1);
    let last = holder(&scratch, MANY, 1);
    let mut waiter = waiter(&scratch, MANY);
    last.kill();
    waiter.expect("of a dead one");
    // It tells first and gives back then.
    waiter.tell("end");
    waiter.succeed();
    assert_eq!(semaphore.available(), 1);
    most.kill();
    assert_eq!(semaphore.available(), MANY as usize);
}

pub fn permits_beyond_the_words_one_can_sleep_on_are_passed_on() {
    let scratch = Scratch::new("many");
    let (_segment, semaphore) = made(&scratch, MANY);
    let mut permits: Vec<_> = (0..MANY)
        .map(|_| semaphore.acquire().expect("free"))
        .collect();
    // Whichever of them it is.
    for _ in 0..MANY / 20 {
        let mut waiter = waiter(&scratch, MANY);
        drop(permits.swap_remove(permits.len() / 2));
        waiter.expect("given back");
        waiter.tell("end");
        waiter.succeed();
        permits.push(semaphore.acquire().expect("it is free again"));
        permits.rotate_left(7);
    }
}

pub fn a_permit_that_a_fork_copied_does_nothing_in_the_child() {
    let scratch = Scratch::new("fork");
    let (_segment, semaphore) = made(&scratch, 2);
    Process::perform("semaphore::fork_with_permit", &[scratch.name(), "2"]);
    assert_eq!(semaphore.available(), 2);
}

/// Arguments 0 and 1 are the semaphore.
pub fn fork_with_permit(parent: Parent) {
    let semaphore = opened(&parent);
    let mut permit = Some(semaphore.acquire().expect("it is free"));
    let own = std::process::id();
    let is_held = || semaphore.holders().iter().any(|one| one.pid == Some(own));
    in_child(|| {
        drop(permit.take());
        assert!(is_held(), "the child gave its parent's permit back");
        let other = semaphore.try_acquire().expect("the other one is free");
        assert_eq!(semaphore.available(), 0);
        drop(other);
        // Dies with one.
        forget(semaphore.try_acquire());
    });
    assert!(is_held() && semaphore.available() == 1);
    drop(permit);
    assert_eq!(semaphore.available(), 2);
}

/// Runs `work` in a forked child of this process, which must have one thread; it must not panic.
pub fn in_child(work: impl FnOnce()) {
    // SAFETY: an act has one thread, so nothing is half done in the child.
    match unsafe { fork() }.expect("a process can be made") {
        ForkResult::Parent { child } => {
            let ended = waitpid(child, None).expect("it is a child");
            assert!(matches!(ended, WaitStatus::Exited(_, 0)), "{ended:?}");
        }
        ForkResult::Child => {
            let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
            // SAFETY: ends the child at once, and runs nothing that belongs to its parent.
            unsafe { libc::_exit(i32::from(done.is_err())) }
        }
    }
}

pub fn a_forgotten_permit_comes_back_with_the_end_of_its_thread() {
    let scratch = Scratch::new("thread");
    let (_segment, semaphore) = made(&scratch, 1);
    thread::scope(|scope| {
        scope.spawn(|| forget(semaphore.acquire().expect("it is free")));
    });
    // The thread's end in the kernel comes behind its join.
    let permit = semaphore.acquire_timeout(PATIENCE).expect("it comes back");
    assert!(permit.previous_holder_died());
}

pub fn a_forgotten_permit_outlives_its_handle() {
    let scratch = Scratch::new("forgotten");
    let (_segment, semaphore) = made(&scratch, 1);
    let mut holder = Process::start("semaphore::forget_permit", &[scratch.name(), "1"]);
    holder.expect("ready");
    assert_eq!(semaphore.available(), 0);
    holder.tell("end");
    holder.succeed();
    let permit = semaphore.acquire_timeout(PATIENCE).expect("it comes back");
    assert!(permit.previous_holder_died());
}

/// Arguments 0 and 1 are the semaphore.
pub fn forget_permit(parent: Parent) {
    let semaphore = opened(&parent);
    forget(semaphore.acquire());
    // The last of what keeps the segment mapped, one would think.
    drop(semaphore);
    // The next lock is linked before the forgotten slot, and writes into it.
    let scratch = Scratch::new("forgetful");
    let other = Segment::create(scratch.name()).expect("the name is new");
    let other = other.value("value", 1i64).expect("there is room");
    for _ in 0..10 {
        *other.lock().expect("it is free") += 1;
    }
    parent.ready();
}

pub fn two_handles_of_a_process_share_the_permits() {
    let scratch = Scratch::new("handles");
    let (_segment, first) = made(&scratch, 2);
    // Through another mapping.
    let segment = Segment::open(scratch.name()).expect("it is there");
    let second = segment.semaphore("permits", 2).expect("it is there");
    let one = first.acquire().expect("it is free");
    let other = second.acquire().expect("it is free");
    assert_eq!((first.available(), second.available()), (0, 0));
    for handle in [&first, &second] {
        let refused = handle.acquire().map(|_| ());
        assert_eq!(refused, Err(AcquireError::AllHeldByCaller));
    }
    drop(one);
    drop(second.try_acquire().expect("it was given back"));
    drop((first, other));
    assert_eq!(second.available(), 2);
}

pub fn the_permit_too_many_for_a_thread_is_refused() {
    /// The kernel follows 2,048 links of a dead thread; some are left to the program's own mutexes.
    const MOST: u32 = 2_000;
    let scratch = Scratch::new("too-many");
    let options = Segment::options().capacity(256 * 1024);
    let segment = options.create(scratch.name()).expect("the name is new");
    let semaphore = segment
        .semaphore("permits", MOST + 1)
        .expect("there is room");
    let permits: Result<Vec<_>, _> = (0..MOST).map(|_| semaphore.acquire()).collect();
    let permits = permits.expect("they are free");
    for refused in [
        semaphore.acquire(),
        semaphore.try_acquire(),
        semaphore.acquire_timeout(PATIENCE),
    ] {
        assert!(
            matches!(refused, Err(AcquireError::TooManyHeld(_))),
            "{refused:?}"
        );
    }
    assert_eq!(semaphore.available(), 1);
    drop(permits);
    assert_eq!(semaphore.available(), MOST as usize + 1);
}
