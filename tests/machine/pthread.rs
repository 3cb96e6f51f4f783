//! Our locks on one list with robust mutexes of the C library.

use std::fs::File;
use std::mem::MaybeUninit;
use std::num::NonZeroUsize;
use std::ptr::NonNull;

use nix::sys::mman::{MapFlags, ProtFlags, mmap};
use shmcount::{Segment, ValueGuard};

use crate::stage::{Parent, Process, Scratch};

/// Of each kind.
const LOCKS: usize = 16;
const OPERATIONS: u32 = 300_000;

type Mutex = libc::pthread_mutex_t;

/// Mutexes in a file that two processes map. Never unmapped: some are held to the end.
struct Mutexes(NonNull<Mutex>);

impl Mutexes {
    fn map(scratch: &str) -> Self {
        let file = File::options().read(true).write(true).open(scratch);
        let length = NonZeroUsize::new(LOCKS * size_of::<Mutex>()).expect("more than none");
        let protection = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        let file = file.expect("it is there");
        // SAFETY: the kernel chooses a place that nothing else uses.
        let start = unsafe { mmap(None, length, protection, MapFlags::MAP_SHARED, file, 0) };
        Self(start.expect("there is room").cast())
    }

    fn initialize(&self) {
        let mut attributes = MaybeUninit::uninit();
        // SAFETY: the place is writable and large enough.
        let made = unsafe { libc::pthread_mutexattr_init(attributes.as_mut_ptr()) };
        assert_eq!(made, 0);
        let attributes = attributes.as_mut_ptr();
        // SAFETY: the attributes were initialised above.
        let robust =
            unsafe { libc::pthread_mutexattr_setrobust(attributes, libc::PTHREAD_MUTEX_ROBUST) };
        // SAFETY: as above.
        let shared =
            unsafe { libc::pthread_mutexattr_setpshared(attributes, libc::PTHREAD_PROCESS_SHARED) };
        assert_eq!((robust, shared), (0, 0));
        for i in 0..LOCKS {
            // The lowest bit of a link says which of them inherit priority.
            let protocol = match i % 2 {
                0 => libc::PTHREAD_PRIO_INHERIT,
                _ => libc::PTHREAD_PRIO_NONE,
            };
            // SAFETY: the attributes were initialised above.
            let set = unsafe { libc::pthread_mutexattr_setprotocol(attributes, protocol) };
            assert_eq!(set, 0);
            // SAFETY: the mutex lies in the mapping, and nobody uses it yet.
            let made = unsafe { libc::pthread_mutex_init(self.at(i), attributes) };
            assert_eq!(made, 0);
        }
    }

    fn try_lock(&self, i: usize) -> i32 {
        // SAFETY: it was initialised by the test before the act began, and is never moved.
        unsafe { libc::pthread_mutex_trylock(self.at(i)) }
    }

    fn unlock(&self, i: usize) {
        // SAFETY: as above, and this thread holds it.
        let unlocked = unsafe { libc::pthread_mutex_unlock(self.at(i)) };
        assert_eq!(unlocked, 0);
    }

    fn at(&self, i: usize) -> *mut Mutex {
        assert!(i < LOCKS);
        // SAFETY: the mapping holds this many.
        unsafe { self.0.add(i) }.as_ptr()
    }
}

/// Follows this thread's robust list both ways and returns how many locks are on it. Nobody needs the
/// head's own way back.
fn length_of_list() -> usize {
    let mut head: *const usize = std::ptr::null();
    let mut size = 0usize;
    // SAFETY: the kernel writes a pointer and a length, both on this stack.
    let found =
        unsafe { libc::syscall(libc::SYS_get_robust_list, 0, &raw mut head, &raw mut size) };
    assert_eq!(found, 0);
    let mut length = 0;
    let mut entry = head;
    loop {
        // SAFETY: the head, or a link of a lock that this thread holds and that stays mapped.
        let next = (unsafe { entry.read() } & !1) as *const usize;
        if next == head {
            return length;
        }
        // SAFETY: the word before the link of each lock is the link back.
        let back = (unsafe { next.wrapping_sub(1).read() } & !1) as *const usize;
        assert_eq!(back, entry, "the list is the same both ways");
        length += 1;
        assert!(length <= 2 * LOCKS, "it leads in a circle");
        entry = next;
    }
}

pub fn our_locks_and_robust_mutexes_share_a_list_and_death_frees_both() {
    let (scratch, mutexes_scratch) = (Scratch::new("mix"), Scratch::new("mutexes"));
    let path = mutexes_scratch.path();
    let file = File::create_new(&path).expect("the name is new");
    file.set_len((LOCKS * size_of::<Mutex>()) as u64)
        .expect("there is room");
    let path = path.to_str().expect("made of ASCII");
    let mutexes = Mutexes::map(path);
    mutexes.initialize();
    let segment = Segment::create(scratch.name()).expect("the name is new");
    let mut process = Process::start("pthread::mix", &[scratch.name(), path]);
    let held: Vec<bool> = process.hear().chars().map(|sign| sign == '1').collect();
    let (ours_held, theirs_held) = held.split_at(LOCKS);
    assert!(
        ours_held.contains(&true) && theirs_held.contains(&true),
        "{held:?}"
    );
    process.kill();
    for (i, held) in ours_held.iter().enumerate() {
        let value = segment.open_value::<i64>(&format!("value-{i}"));
        let value = value.expect("it is there");
        let guard = value.try_lock().expect("it is free");
        assert_eq!(ValueGuard::owner_died(&guard), *held, "ours {i}");
    }
    for (i, held) in theirs_held.iter().enumerate() {
        let expected = if *held { libc::EOWNERDEAD } else { 0 };
        assert_eq!(mutexes.try_lock(i), expected, "theirs {i}");
    }
    // Still held, and on this thread's list: let them go before the file does.
    (0..LOCKS).for_each(|i| mutexes.unlock(i));
}

/// Argument 0 names the segment, argument 1 is the path of the mutexes.
pub fn mix(parent: Parent) {
    let segment = Segment::open(parent.argument(0)).expect("it is there");
    let mutexes = Mutexes::map(parent.argument(1));
    let values: Vec<_> = (0..LOCKS)
        .map(|i| segment.value(&format!("value-{i}"), 0i64))
        .collect::<Result<_, _>>()
        .expect("there is room");
    let mut ours: Vec<Option<ValueGuard<'_, i64>>> = (0..LOCKS).map(|_| None).collect();
    let mut theirs = [false; LOCKS];
    let mut commits = [0i64; LOCKS];
    // xorshift32: always the same order.
    let mut number = 0x9e37_79b9_u32;
    for operation in 0..OPERATIONS {
        if operation % 100 == 0 {
            // The first ones and the last are alone on the list.
            ours.iter_mut().for_each(|guard| drop(guard.take()));
            let held = (0..LOCKS).filter(|i| std::mem::take(&mut theirs[*i]));
            held.for_each(|i| mutexes.unlock(i));
            assert_eq!(length_of_list(), 0);
        }
        number ^= number << 13;
        number ^= number >> 17;
        number ^= number << 5;
        let i = (number >> 8) as usize % LOCKS;
        match number % 5 {
            0 | 1 => match ours[i].take() {
                Some(guard) => drop(guard),
                None => {
                    let mut guard = values[i].lock().expect("it is free");
                    *guard += 1;
                    commits[i] += 1;
                    ours[i] = Some(guard);
                }
            },
            // Pending only: never on the list.
            2 if ours[i].is_none() => {
                values[i].fetch_add(1).expect("it is free");
                commits[i] += 1;
            }
            2 => {}
            _ if theirs[i] => {
                mutexes.unlock(i);
                theirs[i] = false;
            }
            _ => {
                assert_eq!(mutexes.try_lock(i), 0);
                theirs[i] = true;
            }
        }
        let held = ours.iter().flatten().count() + theirs.iter().filter(|held| **held).count();
        assert_eq!(length_of_list(), held);
    }
    for (i, value) in values.iter().enumerate() {
        let uncommitted = i64::from(ours[i].is_some());
        assert_eq!(value.load(), commits[i] - uncommitted);
    }
    let ours = ours.iter().map(Option::is_some);
    let held = ours.chain(theirs).map(|held| if held { '1' } else { '0' });
    parent.tell(&held.collect::<String>());
    parent.hear();
}
