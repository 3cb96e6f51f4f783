//! Those who wait.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{self, TryRecvError};
use std::time::{Duration, Instant};

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use shmcount::{LockError, Segment, Spin};

use crate::stage::{Parent, Process, Scratch};

pub fn a_stopped_holder_is_never_robbed_and_the_waiter_learns_its_pid() {
    let scratch = Scratch::new("stopped");
    let segment = Segment::create(scratch.name()).expect("the name is new");
    let value = segment.value("value", 1i64).expect("there is room");
    let mut holder = Process::start("death::hold", &[scratch.name()]);
    holder.expect("ready");
    holder.stop();
    let timeout = Duration::from_millis(300);
    for _ in 0..3 {
        let begin = Instant::now();
        match value.lock_timeout(timeout) {
            Err(LockError::TimedOut { holder: found, .. }) => {
                assert_eq!(found.pid, Some(holder.id()));
                assert_eq!(found.tid, holder.id());
            }
            other => panic!("{other:?}"),
        }
        assert!(begin.elapsed() >= timeout);
        match value.try_lock() {
            Err(LockError::WouldBlock(found)) => assert_eq!(found.pid, Some(holder.id())),
            other => panic!("{other:?}"),
        }
    }
    // It goes on as if nothing had been, and what it changed while it held is committed.
    holder.signal(Signal::SIGCONT);
    holder.tell("release");
    holder.succeed();
    assert_eq!(value.load(), 2);
    assert_eq!(value.recoveries(), 0);
}

static HANDLED: AtomicU64 = AtomicU64::new(0);

extern "C" fn count(_: libc::c_int) {
    HANDLED.fetch_add(1, Relaxed);
}

pub fn a_storm_of_signals_shortens_no_wait_and_loses_no_lock() {
    let scratch = Scratch::new("signals");
    let segment = Segment::create(scratch.name()).expect("the name is new");
    let value = segment.value("value", 1i64).expect("there is room");
    let guard = value.lock().expect("it is free");
    let mut waiter = Process::start("waits::wait_under_signals", &[scratch.name()]);
    waiter.expect("ready");
    // It waits in vain three times, then until it gets the lock.
    let mut guard = Some(guard);
    std::thread::scope(|scope| {
        // In here, so that it ends with a panic, too.
        let (_until_dropped, dropped) = mpsc::channel::<()>();
        let target = &waiter;
        scope.spawn(move || {
            while dropped.try_recv() == Err(TryRecvError::Empty) {
                target.signal(Signal::SIGUSR1);
                std::thread::yield_now();
            }
        });
        // The number goes up with each wait that is over, without its lock.
        let waits = segment.value("waits", 0i64).expect("there is room");
        let patience = Some(Duration::from_secs(60));
        waits
            .wait_until(|waits| *waits == 3, patience)
            .expect("three waits end");
        guard.take();
        waits
            .wait_until(|waits| *waits == 4, patience)
            .expect("it gets the lock");
    });
    waiter.tell("end");
    let handled: u64 = waiter.hear().parse().expect("a number");
    assert!(handled > 100, "{handled} signals interrupted it");
    waiter.succeed();
    assert_eq!(value.load(), 2);
}

/// Argument 0 names the segment.
pub fn wait_under_signals(parent: Parent) {
    // No SA_RESTART: system calls end with EINTR.
    let action = SigAction::new(
        SigHandler::Handler(count),
        SaFlags::empty(),
        SigSet::empty(),
    );
    // SAFETY: the handler adds to an atomic, which it may do at any moment.
    unsafe { sigaction(Signal::SIGUSR1, &action) }.expect("the signal can be handled");
    let options = Segment::options().spin(Spin::Never);
    let segment = options.open(parent.argument(0)).expect("it is there");
    let value = segment.open_value::<i64>("value").expect("it is there");
    let waits = segment.value("waits", 0i64).expect("there is room");
    parent.tell("ready");
    let timeout = Duration::from_millis(200);
    for _ in 0..3 {
        let begin = Instant::now();
        let refused = value.lock_timeout(timeout).expect_err("it is held");
        assert!(matches!(refused, LockError::TimedOut { .. }), "{refused:?}");
        assert!(begin.elapsed() >= timeout, "{:?}", begin.elapsed());
        let never = waits.wait_until(|waits| *waits < 0, Some(timeout));
        never.expect_err("it never is");
        assert!(begin.elapsed() >= 2 * timeout, "{:?}", begin.elapsed());
        waits.fetch_add(1).expect("it is free");
    }
    *value.lock().expect("it becomes free") += 1;
    waits.fetch_add(1).expect("it is free");
    parent.hear();
    parent.tell(&HANDLED.load(Relaxed).to_string());
}
