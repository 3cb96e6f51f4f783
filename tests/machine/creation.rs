//! Making, finding and removing segments, by many at once and by those who do not finish.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::fd::BorrowedFd;
use std::os::unix::fs::{MetadataExt, symlink};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, Flock, FlockArg, fcntl};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use shmcount::sys::process::{Identity, pid_namespace};
use shmcount::sys::shm::{self, Mapping};
use shmcount::{Error, Segment};

use crate::stage::{Parent, Process, Scratch, Skipped, needs_own_shm, own_shm};

const CROWD: usize = 64;
const ADDS: i64 = 50;

fn names() -> BTreeSet<String> {
    shm::names().expect("/dev/shm can be read").collect()
}

pub fn of_64_processes_that_create_or_open_at_once_all_get_one_segment_and_one_object() {
    // They all wait for a lock on this file, which is given to all at once.
    let gate = tempfile::NamedTempFile::new().expect("there is room");
    let path = gate.path().to_str().expect("made of ASCII");
    for _ in 0..3 {
        let scratch = Scratch::new("crowd");
        let file = File::open(path).expect("it is there");
        let closed = Flock::lock(file, FlockArg::LockExclusive).expect("nobody has it");
        let mut crowd: Vec<Process> = (0..CROWD)
            .map(|_| Process::start("creation::meet", &[scratch.name(), path]))
            .collect();
        crowd.iter_mut().for_each(|process| process.expect("here"));
        drop(closed);
        let pids: Vec<u32> = crowd.iter().map(Process::id).collect();
        crowd.into_iter().for_each(Process::succeed);
        let segment = Segment::open(scratch.name()).expect("it was made");
        let main = segment.open_value::<i64>("main").expect("it was made");
        assert_eq!(main.load(), CROWD as i64 * ADDS);
        assert_eq!(segment.entries().expect("it is whole").len(), 1);
        assert!(pids.contains(&segment.creator().pid));
        let private = |name: &String| {
            let of = |pid| name.starts_with("shmcount~") && name.contains(&format!(".{pid}."));
            pids.iter().any(of)
        };
        assert_eq!(names().iter().find(|name| private(name)), None);
    }
}

/// Argument 0 names the segment, argument 1 the file to wait for.
pub fn meet(parent: Parent) {
    let gate = File::open(parent.argument(1)).expect("it is there");
    parent.tell("here");
    let open = Flock::lock(gate, FlockArg::LockShared).expect("it opens");
    let segment = Segment::open_or_create(parent.argument(0)).expect("one of both works");
    let main = segment.value("main", 0i64).expect("there is room");
    for _ in 0..ADDS {
        main.fetch_add(1).expect("it is never held for long");
    }
    drop(open);
}

pub fn a_builder_killed_half_way_leaves_nothing_that_blocks_and_is_reaped() -> Result<(), Skipped> {
    needs_own_shm()?;
    Process::perform("creation::reap", &[]);
    Ok(())
}

pub fn reap(_: Parent) {
    own_shm("size=1m");
    let mut builder = Process::start("creation::build_half", &["unfinished"]);
    builder.expect("ready");
    builder.stop();
    let private = names();
    assert_eq!(private.len(), 1);
    assert!(private.iter().all(|name| name.starts_with("shmcount~")));

    // It has no name yet, blocks nobody, and is left alone while its builder lives.
    let opened = Segment::open("unfinished");
    assert!(matches!(opened, Err(Error::NotFound { .. })), "{opened:?}");
    let first = Segment::create("unfinished").expect("the name is free");
    assert!(names().is_superset(&private));
    assert!(first.remove().expect("it is ours"));

    builder.kill();
    assert_eq!(names(), private, "a killed builder removes nothing");
    let second = Segment::open_or_create("unfinished").expect("the name is free");
    let left: Vec<_> = names().into_iter().collect();
    assert_eq!(left, ["shmcount.unfinished"]);
    assert!(second.remove().expect("it is ours"));
}

/// Argument 0 names the segment that is never finished.
pub fn build_half(parent: Parent) {
    let file = format!("shmcount.{}", parent.argument(0));
    let built = Mapping::publish(&file, 1 << 16, |_, _| {
        parent.ready();
        Ok::<_, std::io::Error>(())
    });
    drop(built);
}

pub fn only_private_files_of_the_dead_are_reaped() -> Result<(), Skipped> {
    needs_own_shm()?;
    Process::perform("creation::reap_selectively", &[]);
    Ok(())
}

pub fn reap_selectively(_: Parent) {
    own_shm("size=1m");
    let namespace = pid_namespace().expect("/proc is mounted");
    let own = Identity::own().expect("/proc is mounted");
    let private =
        |namespace: u64, pid: u32, start: u64| format!("shmcount~{namespace}.{pid}.{start}.1000");
    let (pid, start) = (own.pid, own.start);
    // A pid that this process waited for, and that of one that has ended and is waited for later.
    let mut sleeper = Process::start("death::sit", &[]);
    sleeper.expect("here");
    let zombie = sleeper.id();
    let zombie_start = shmcount::sys::process::start_time(zombie).expect("it lives");
    sleeper.signal(nix::sys::signal::Signal::SIGKILL);
    assert_eq!(sleeper.hear_or_end(), None);
    let flags = nix::sys::wait::WaitPidFlag::WEXITED | nix::sys::wait::WaitPidFlag::WNOWAIT;
    let ended = nix::sys::wait::Id::Pid(nix::unistd::Pid::from_raw(zombie as i32));
    nix::sys::wait::waitid(ended, flags).expect("it is a child");

    let reaped = [
        // The pid lives again, as another process.
        private(namespace, pid, start + 1),
        private(namespace, pid, start - 1),
        private(namespace, zombie, zombie_start),
        // The highest pid there can be is 2^22.
        private(namespace, 1 << 23, start),
    ];
    let kept = [
        private(namespace, pid, start),
        // Who knows what lives there?
        private(namespace + 1, pid, start + 1),
        private(namespace + 1, 1 << 23, start),
        "shmcount~".to_owned(),
        "shmcount~1.2".to_owned(),
        "shmcount~a.b.c.d".to_owned(),
        format!("shmcount~{namespace}.-1.{start}.0"),
        format!("shmcount~{namespace}.99999999999.{start}.0"),
        "shmcount.unrelated".to_owned(),
        "unrelated".to_owned(),
    ];
    for name in reaped.iter().chain(&kept) {
        File::create(shm::path_of(name)).expect("there is room");
    }
    let directory = private(namespace, 1 << 23, 1);
    fs::create_dir(shm::path_of(&directory)).expect("the name is new");
    Segment::create("new").expect("none of these is in its way");
    let mut expected: BTreeSet<String> = kept.into();
    expected.extend([directory, "shmcount.new".to_owned()]);
    assert_eq!(names(), expected);
}

pub fn a_private_name_that_is_taken_is_passed_over() -> Result<(), Skipped> {
    needs_own_shm()?;
    Process::perform("creation::take_private_names", &[]);
    Ok(())
}

/// As if this process had been another program before, and that had not finished.
pub fn take_private_names(_: Parent) {
    own_shm("size=1m");
    let namespace = pid_namespace().expect("/proc is mounted");
    let own = Identity::own().expect("/proc is mounted");
    for number in 0..3 {
        let name = format!("shmcount~{namespace}.{}.{}.{number}", own.pid, own.start);
        match number {
            1 => fs::create_dir(shm::path_of(&name)).expect("the name is new"),
            _ => drop(File::create(shm::path_of(&name)).expect("the name is new")),
        }
    }
    Segment::create("new").expect("the name is new");
    Segment::open("new").expect("it was made");
}

pub fn closed_standard_descriptors_stay_closed_and_nothing_is_printed_into_a_segment() {
    let scratch = Scratch::new("closed");
    let act = "creation::create_without_standard_descriptors";
    Process::perform(act, &[scratch.name()]);
    assert!(!fs::exists(scratch.path()).expect("/dev/shm can be read"));
}

/// Argument 0 names the segment.
pub fn create_without_standard_descriptors(parent: Parent) {
    let standard = 0..3;
    for descriptor in standard.clone() {
        // SAFETY: nothing here uses the three any more; a panic message is lost, its exit code not.
        let _ = unsafe { libc::close(descriptor) };
    }
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Relaxed) {
                for descriptor in standard.clone() {
                    // Whatever it is by now. Mostly it is closed.
                    // SAFETY: the bytes are static, and as many as is said.
                    let _ = unsafe { libc::write(descriptor, b"printed".as_ptr().cast(), 7) };
                }
            }
        });
        let outcome = std::panic::catch_unwind(|| {
            for _ in 0..2_000 {
                make_open_and_remove(parent.argument(0));
            }
        });
        over.store(true, Relaxed);
        if let Err(panic) = outcome {
            std::panic::resume_unwind(panic);
        }
    });
    for descriptor in standard {
        // SAFETY: borrowed for one question, whose answer is that it is no descriptor.
        let borrowed = unsafe { BorrowedFd::borrow_raw(descriptor) };
        assert!(
            fcntl(borrowed, FcntlArg::F_GETFD).is_err(),
            "{descriptor} is open"
        );
    }
}

fn make_open_and_remove(name: &str) {
    let made = Segment::create(name).expect("the name is free");
    let found = Segment::open(name).expect("nothing was printed into its header");
    found.value("value", 1i64).expect("nor into its directory");
    for descriptor in 0..3 {
        if let Ok(target) = fs::read_link(format!("/proc/self/fd/{descriptor}")) {
            assert!(
                !target.starts_with("/dev/shm"),
                "{descriptor} is {target:?}"
            );
        }
    }
    assert!(made.remove().expect("it is ours"));
}

/// What comes after a segment under its name, and how it is made.
type Successor = (&'static str, fn(&Scratch));

pub fn removing_never_takes_a_successors_name() {
    let successors: [Successor; 5] = [
        ("segment", |scratch| {
            drop(Segment::create(scratch.name()).expect("free"))
        }),
        ("directory", |scratch| {
            fs::create_dir(scratch.path()).expect("free")
        }),
        ("fifo", |scratch| {
            mkfifo(&scratch.path(), Mode::S_IRWXU).expect("free")
        }),
        ("link", |scratch| {
            symlink("nowhere", scratch.path()).expect("free")
        }),
        ("file", |scratch| {
            drop(File::create(scratch.path()).expect("free"))
        }),
    ];
    for (kind, make) in successors {
        let scratch = Scratch::new("successor");
        let segment = Segment::create(scratch.name()).expect("the name is new");
        let value = segment.value("value", 1i64).expect("there is room");
        Segment::remove_named(scratch.name()).expect("it is ours");
        make(&scratch);
        let inode = || {
            fs::symlink_metadata(scratch.path())
                .expect("it is there")
                .ino()
        };
        let before = inode();
        let watch = Inotify::init(InitFlags::IN_NONBLOCK).expect("the kernel has inotify");
        let flags = AddWatchFlags::IN_OPEN | AddWatchFlags::IN_DONT_FOLLOW;
        watch
            .add_watch(&scratch.path(), flags)
            .expect("it is there");
        assert!(!segment.remove().expect("there is nothing to do"), "{kind}");
        assert_eq!(inode(), before, "the {kind} is untouched");
        assert!(watch.read_events().is_err(), "the {kind} was opened");
        // Who has the old one open goes on with it.
        assert_eq!(value.fetch_add(1), Ok(1));
    }
}

pub fn a_remover_that_is_stopped_keeps_others_waiting_for_ten_seconds_only() {
    let scratch = Scratch::new("busy");
    let segment = Segment::create(scratch.name()).expect("the name is new");
    let file = File::open(scratch.path()).expect("it is there");
    let held = Flock::lock(file, FlockArg::LockExclusive).expect("nobody has it");
    let begin = Instant::now();
    match segment.remove() {
        Err(Error::System { source, .. }) => {
            assert_eq!(source.raw_os_error(), Some(libc::EBUSY));
        }
        other => panic!("{other:?}"),
    }
    assert!(begin.elapsed() >= Duration::from_secs(10));
    drop(held);
    assert!(segment.remove().expect("nobody is at it any more"));
}

pub fn removers_and_creators_that_race_lose_nothing() {
    let scratch = Scratch::new("race");
    let mut racers: Vec<Process> = (0..4)
        .map(|_| Process::start("creation::remove_and_create", &[scratch.name()]))
        .collect();
    let mut balance = 0;
    let mut made = 0;
    for racer in &mut racers {
        let counts = racer.hear();
        let (created, removed) = counts.split_once(' ').expect("two numbers");
        let number = |text: &str| text.parse::<i64>().expect("a number");
        made += number(created);
        balance += number(created) - number(removed);
    }
    racers.into_iter().for_each(Process::succeed);
    let is_there = fs::exists(scratch.path()).expect("/dev/shm can be read");
    assert_eq!(
        balance,
        i64::from(is_there),
        "every one was removed once, or is there"
    );
    assert!(made > 100, "{made} were made");
}

/// Argument 0 names the segment. Tells how many it made and how many it removed.
pub fn remove_and_create(parent: Parent) {
    let (mut created, mut removed) = (0, 0);
    for _ in 0..1_000 {
        let segment = match Segment::create(parent.argument(0)) {
            Ok(segment) => {
                created += 1;
                segment
            }
            Err(Error::AlreadyExists { .. }) => match Segment::open(parent.argument(0)) {
                Ok(segment) => segment,
                Err(Error::NotFound { .. }) => continue,
                Err(other) => panic!("{other:?}"),
            },
            Err(other) => panic!("{other:?}"),
        };
        let value = segment.value("value", 0i64).expect("it is whole");
        value.fetch_add(1).expect("it is never held for long");
        removed += i64::from(segment.remove().expect("it is ours"));
    }
    parent.tell(&format!("{created} {removed}"));
}
