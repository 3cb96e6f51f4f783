//! `lock`, `sem` and what they run, killed at any moment.
//!
//! Each of some threads starts one after the other; a witness notices two at once. Some commands have a
//! child that does the work, so that it outlives the command. `SHMCOUNT_LOCKING_KILLS` says how
//! many are killed.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use crate::stage::Scratch;
use crate::tool::{SHMCOUNT, command, end_of};
use crate::witness;

const KILLS: u32 = 100;
/// More than there are permits, and than processors of a small machine.
const THREADS: u64 = 6;
const PERMITS: &str = "3";
/// How long one is inside, at most, so that others come and knock meanwhile. Nothing hangs on it.
const STAY: u64 = 2_000;
/// From start to end takes about so long: a moment within this may be any.
const LIFE: u64 = 4_000;

struct Storm {
    lock: Scratch,
    sem: Scratch,
    directory: tempfile::TempDir,
    kills: u32,
    killed: [AtomicU32; 3],
    completed: AtomicU32,
}

/// Who is killed.
#[derive(Clone, Copy)]
enum Victim {
    /// The program, at a moment that is nobody's choice, from its start on.
    Early,
    /// The program, while its command is inside.
    Inside,
    /// The command.
    Command,
}

pub fn killed_at_any_moment_no_two_run_at_once_and_nothing_stays_taken() {
    let kills = std::env::var("SHMCOUNT_LOCKING_KILLS").map_or(KILLS, |kills| {
        kills.parse().expect("SHMCOUNT_LOCKING_KILLS is a number")
    });
    let storm = Storm {
        lock: Scratch::new("storm-lock"),
        sem: Scratch::new("storm-sem"),
        directory: tempfile::tempdir().unwrap(),
        kills,
        killed: Default::default(),
        completed: AtomicU32::new(0),
    };
    for file in ["lock", "sem", "overlaps"] {
        fs::write(storm.path(file), "").unwrap();
    }
    thread::scope(|scope| {
        for seed in 0..THREADS {
            let storm = &storm;
            scope.spawn(move || storm.rage(fastrand::Rng::with_seed(seed)));
        }
    });
    // All who are left end, and then everything can be had.
    assert_eq!(storm.all_are_had(), "0");
    let overlaps = fs::read_to_string(storm.path("overlaps")).unwrap();
    assert_eq!(overlaps, "");
    let killed = storm.killed.each_ref().map(|count| count.load(Relaxed));
    let completed = storm.completed.load(Relaxed);
    println!("killed early, inside, command: {killed:?}; {completed} ran to their end");
    assert!(killed.iter().all(|count| *count > 0) && completed > 0);
}

impl Storm {
    fn path(&self, file: &str) -> String {
        self.directory.path().join(file).display().to_string()
    }

    fn is_over(&self) -> bool {
        let killed = self.killed.iter().map(|count| count.load(Relaxed));
        killed.sum::<u32>() >= self.kills
    }

    fn rage(&self, mut random: fastrand::Rng) {
        while !self.is_over() {
            let mut child = self.start(&mut random);
            let victim = [Victim::Early, Victim::Inside, Victim::Command];
            match random.usize(0..8) {
                n @ 0..3 => self.strike(&mut child, victim[n], &mut random),
                _ => {
                    let end = end_of(child.wait().unwrap());
                    assert!(matches!(&*end, "0"), "{end}");
                    self.completed.fetch_add(1, Relaxed);
                }
            }
            drop(child.stdout.take());
        }
    }

    /// Starts a program whose command, or a child of that, is the witness.
    fn start(&self, random: &mut fastrand::Rng) -> Child {
        let is_sem = random.bool();
        let (words, file) = match is_sem {
            true => (
                vec![SHMCOUNT, "sem", self.sem.name(), "--permits", PERMITS],
                "sem",
            ),
            false => (vec![SHMCOUNT, "lock", self.lock.name()], "lock"),
        };
        let words: Vec<String> = words.into_iter().map(str::to_owned).collect();
        let stay = random.u64(0..STAY);
        let mut what = witness::words(&self.path(file), &self.path("overlaps"), stay);
        if random.bool() {
            let twice = ["sh", "-c", "\"$@\" && \"$@\"", "sh"].map(str::to_owned);
            what = [twice.to_vec(), what].concat();
        } else if !is_sem && random.bool() {
            what.insert(0, "-F".to_owned());
        }
        let mut command: Command = command(&words, &what);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap()
    }

    fn strike(&self, child: &mut Child, victim: Victim, random: &mut fastrand::Rng) {
        let program = Pid::from_raw(child.id() as i32);
        let mut inside = String::new();
        match victim {
            Victim::Early => thread::sleep(Duration::from_micros(random.u64(0..LIFE))),
            _ => {
                let mut output = BufReader::new(child.stdout.as_mut().unwrap());
                output.read_line(&mut inside).unwrap();
            }
        }
        // It has not been waited for. The command may have ended; its id is then nobody's so soon.
        let killed = match (victim, inside.trim().parse()) {
            (Victim::Command, Ok(command)) => kill(Pid::from_raw(command), Signal::SIGKILL).is_ok(),
            (Victim::Command, Err(_)) => false,
            _ => kill(program, Signal::SIGKILL).is_ok(),
        };
        self.killed[victim as usize].fetch_add(u32::from(killed), Relaxed);
        child.wait().unwrap();
        // What outlived it goes on, or ends with its group, as chance will have it.
        if random.u8(0..4) == 0 {
            let _ = killpg(program, Signal::SIGKILL);
        }
    }

    /// Has the lock, and then all permits at once.
    fn all_are_had(&self) -> String {
        let words = [SHMCOUNT, "lock", self.lock.name(), "-w", "60", "true"].map(str::to_owned);
        let status = command(&words, &[""; 0]).status().unwrap();
        let words = [
            SHMCOUNT,
            "sem",
            self.sem.name(),
            "--permits",
            PERMITS,
            "-w",
            "60",
        ];
        let words: Vec<String> = words.map(str::to_owned).to_vec();
        let what = ["sh", "-c", "echo $$; exec cat"];
        let mut all: Vec<_> = (0..PERMITS.parse().unwrap())
            .map(|_| crate::running::Running::start(command(&words, &what)))
            .collect();
        assert!(all.iter_mut().all(|running| running.end() == "0"));
        end_of(status)
    }
}
