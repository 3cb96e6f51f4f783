//! A process in some sandbox that does what it is told, one thing after the other.

use std::thread;

use nix::sys::signal::Signal;
use shmcount::raw::watching::SECOND_LOOK_MS;
use shmcount::{FifoLockGuard, Release, Segment, Spin, ValueGuard};

use super::{Entering, Sandbox};
use crate::stage::{Parent, Process, Scratch};

/// Starts a process in a sandbox, which has opened the segment, or made it, when this returns.
pub fn player(scratch: &Scratch, sandbox: Sandbox, entering: Entering) -> Process {
    let arguments = [scratch.name(), sandbox.name, entering.name()];
    let mut player = Process::start("sandbox::player::play", &arguments);
    player.expect("ready");
    player
}

/// Has a player begin something that lasts, and returns when it sleeps.
pub fn begin(player: &mut Process, what: &str) {
    player.tell(what);
    player.expect("begins");
    until_asleep(player);
}

/// Has a player do something, and requires that this comes of it.
pub fn ask(player: &mut Process, what: &str, answer: &str) {
    player.tell(what);
    player.expect("begins");
    player.expect(answer);
}

/// Waits until the kernel says that a process sleeps for words, or for one.
fn until_asleep(process: &Process) {
    let path = format!("/proc/{}/syscall", process.id());
    let sleeps = [libc::SYS_futex, libc::SYS_futex_waitv].map(|call| call.to_string());
    let is_asleep = || {
        let call = std::fs::read_to_string(&path).expect("it is a child");
        let number = call.split(' ').next().unwrap_or_default();
        sleeps.iter().any(|sleep| sleep == number)
    };
    while !is_asleep() {
        thread::yield_now();
    }
}

/// Kills a process that sleeps, while it does.
pub fn kill_asleep(process: Process) {
    until_asleep(&process);
    process.signal(Signal::SIGKILL);
    process.end();
}

/// Argument 0 names the segment, argument 1 the sandbox, argument 2 is when it is entered. Does what it is
/// told, and tells that it begins, and what came of it.
///
/// What looks again by itself is put off: who is not woken here stays asleep, unless it is the sandbox that has it
/// look again.
pub fn play(parent: Parent) {
    SECOND_LOOK_MS.store(3_600_000, std::sync::atomic::Ordering::Relaxed);
    let sandbox = Sandbox::named(parent.argument(1));
    let enter = |now: Entering| {
        if now.name() == parent.argument(2) {
            sandbox.enter();
        }
    };
    enter(Entering::Before);
    let options = Segment::options();
    let options = options.spin(Spin::Never).look_for_deadlocks_after(None);
    let segment = options.open_or_create(parent.argument(0)).expect("it fits");
    let value = segment.value("value", 0i64).expect("there is room");
    let line = segment.fifo_lock("line").expect("there is room");
    let semaphore = segment.semaphore("permit", 1).expect("there is room");
    let barrier = segment.barrier("meeting", 2).expect("there is room");
    let queue = segment.queue::<i64>("queue", 1).expect("there is room");
    enter(Entering::After);
    let (mut guard, mut turn, mut permit, mut party) = (None, None, None, None);
    let of = |died| if died { "of a dead one" } else { "clean" };
    parent.tell("ready");
    loop {
        let told = parent.hear();
        let (verb, number) = told.rsplit_once(' ').unwrap_or((&told, ""));
        let (verb, number) = match number.parse::<i64>() {
            Ok(number) => (verb, number),
            Err(_) => (&*told, 0),
        };
        parent.tell("begins");
        let answer = match verb {
            "lock" => {
                let locked = guard.insert(value.lock().expect("it becomes free"));
                of(ValueGuard::owner_died(locked)).to_owned()
            }
            "commit" => {
                *guard.take().expect("it is locked") += 1;
                "committed".to_owned()
            }
            "add" => value.fetch_add(number).expect("it is free").to_string(),
            "await" => {
                let seen = value.wait_until(|value| *value == number, None);
                seen.expect("it comes").to_string()
            }
            "turn" => {
                let began = turn.insert(line.lock().expect("it comes"));
                of(FifoLockGuard::owner_died(began)).to_owned()
            }
            "end" => {
                (turn, permit) = (None, None);
                "ended".to_owned()
            }
            "acquire" => {
                let acquired = permit.insert(semaphore.acquire().expect("it comes free"));
                of(acquired.previous_holder_died()).to_owned()
            }
            "join" => {
                party = Some(barrier.join().expect("there is a seat"));
                "joined".to_owned()
            }
            "meet" => {
                let met = party.as_ref().expect("it has joined").wait();
                met.map_or_else(|error| error.to_string(), |_| "met".to_owned())
            }
            "push" => {
                queue.push(number).expect("there comes room");
                "pushed".to_owned()
            }
            "pop" => queue.pop().expect("there comes one").to_string(),
            "release" => format!("{:?}", segment.release()),
            "make a plain one" => {
                let name = format!("{}-plain", parent.argument(0));
                match Segment::options().release(Release::Plain).create(&name) {
                    Ok(made) => made.remove().expect("it is ours").to_string(),
                    Err(error) => format!("{error:?}"),
                }
            }
            other => panic!("nobody knows how to {other}"),
        };
        parent.tell(&answer);
    }
}
