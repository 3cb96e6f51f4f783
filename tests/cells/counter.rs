//! The counter: exact whatever threads and processes come and go.

use std::cell::RefCell;
use std::os::unix::fs::MetadataExt;
use std::sync::Barrier;
use std::thread;

use shmcount::{Counter, Segment, SegmentOptions};

use crate::process::{Process, wait_to_be_killed};
use crate::signal::Signal;
use crate::stage::on_a_segment;

#[test]
fn adds_of_processes_and_threads_are_exact() {
    on_a_segment(|segment| {
        // More threads than cells, too.
        for cells in [64, 3, 1] {
            let counter = segment.counter_with_cells(&format!("cells-{cells}"), cells);
            let counter = counter.unwrap();
            let start = || {
                Process::start(|| {
                    thread::scope(|scope| {
                        for _ in 0..3 {
                            scope.spawn(|| (0..5000).for_each(|_| counter.add(3)));
                        }
                    });
                })
            };
            let processes = [start(), start(), start()];
            assert!(processes.into_iter().all(Process::succeeded));
            assert_eq!(counter.sum(), 3 * 3 * 3 * 5000, "{cells} cells");
            assert_eq!(counter.cells_in_use(), 0);
        }
    });
}

#[test]
fn it_goes_down_and_wraps() {
    on_a_segment(|segment| {
        let counter = segment.counter("main").unwrap();
        counter.add(-5);
        counter.increment();
        assert_eq!(counter.sum(), -4);
        counter.add(i64::MAX);
        counter.add(i64::MAX);
        assert_eq!(
            counter.sum(),
            (-4i64).wrapping_add(i64::MAX).wrapping_add(i64::MAX)
        );
        let other = segment.counter("main").unwrap();
        other.add(-counter.sum());
        assert_eq!(counter.sum(), 0);
    });
}

#[test]
fn a_sum_never_goes_back_while_nothing_negative_is_added() {
    on_a_segment(|segment| {
        let counter = segment.counter("main").unwrap();
        let start = || {
            Process::start(|| {
                let writer = counter.writer();
                (0..200_000).for_each(|_| writer.increment());
            })
        };
        let adders = [start(), start()];
        let mut last = 0;
        while last < 400_000 {
            let sum = counter.sum();
            assert!(last <= sum && sum <= 400_000, "{sum} after {last}");
            last = sum;
        }
        assert!(adders.into_iter().all(Process::succeeded));
    });
}

#[test]
fn a_killed_adders_cell_is_within_one_add_of_its_own_record() {
    on_a_segment(|segment| {
        let counter = segment.counter_with_cells("main", 2).unwrap();
        let record = segment.value("record", 0i64).unwrap();
        for kill in 0..300 {
            let (sum, recorded) = (counter.sum(), record.load());
            let adder = Process::start(|| {
                // Both ways to add, in turn.
                let writer = (kill % 2 == 0).then(|| counter.writer());
                for add in 1.. {
                    match &writer {
                        Some(writer) => writer.add(1),
                        None => counter.add(1),
                    }
                    record.store(recorded + add).unwrap();
                }
            });
            while record.load() < recorded + fastrand::i64(1..200) {
                thread::yield_now();
            }
            adder.kill();
            let (added, told) = (counter.sum() - sum, record.load() - recorded);
            assert!(
                added == told || added == told + 1,
                "{added}, and it told of {told}"
            );
        }
        assert_eq!(counter.cells_in_use(), 0);
    });
}

#[test]
fn two_thousand_processes_that_come_and_go_leave_every_cell_free_and_every_add_counted() {
    on_a_segment(|segment| {
        let counter = segment.counter_with_cells("main", 4).unwrap();
        let signal = Signal::new();
        for number in 0..2000 {
            let process = Process::start(|| {
                counter.add(1);
                assert!(counter.writer().has_own_cell(), "a cell was free");
                assert_eq!(counter.cells_in_use(), 1);
                if number % 2 == 0 {
                    signal.send(1);
                    wait_to_be_killed();
                }
            });
            // Every other one is killed, and leaves its cell to the kernel; `_exit` does as well.
            if number % 2 == 0 {
                signal.receive();
                process.kill();
            } else {
                assert!(process.succeeded());
            }
        }
        assert_eq!((counter.sum(), counter.cells()), (2000, 4));
        assert_eq!(counter.cells_in_use(), 0);
    });
}

#[test]
fn a_forked_child_adds_in_a_cell_of_its_own() {
    on_a_segment(|segment| {
        let counter = segment.counter("main").unwrap();
        let writer = counter.writer();
        writer.add(1);
        counter.add(1);
        // Both at once, long enough that they interrupt each other: in one cell they would undo each
        // other's adds.
        let add_both = || {
            for _ in 0..20_000_000 {
                counter.add(1);
                writer.add(1);
            }
        };
        let child = Process::start(|| {
            assert!(!writer.has_own_cell());
            add_both();
            assert_eq!(counter.cells_in_use(), 2);
            assert!(counter.writer().has_own_cell());
        });
        add_both();
        assert!(child.succeeded());
        assert_eq!(counter.sum(), 80_000_002);
        assert_eq!(counter.cells_in_use(), 1);
    });
}

#[test]
fn a_cell_is_left_when_its_thread_ends_and_when_the_last_handle_goes() {
    on_a_segment(|segment| {
        let counter = segment.counter("main").unwrap();
        thread::scope(|scope| {
            let added = scope.spawn(|| {
                counter.add(1);
                counter.cells_in_use()
            });
            assert_eq!(added.join().unwrap(), 1);
        });
        // `join` returns before the thread's destructors have run, perhaps.
        while counter.cells_in_use() > 0 {
            thread::yield_now();
        }
        let other = segment.counter("main").unwrap();
        let clone = other.clone();
        other.add(1);
        clone.add(1);
        assert_eq!(counter.cells_in_use(), 1, "clones share a thread's cell");
        drop(other);
        assert_eq!(counter.cells_in_use(), 1);
        drop(clone);
        assert_eq!((counter.cells_in_use(), counter.sum()), (0, 3));
    });
}

/// How often this process has mapped the segment. Its maker's mapping has another name.
fn mappings(segment: &Segment) -> usize {
    let inode = std::fs::metadata(segment.path()).unwrap().ino().to_string();
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let is_its = |line: &&str| line.split_whitespace().nth(4) == Some(&inode);
    maps.lines().filter(is_its).count()
}

#[test]
fn a_thread_whose_counter_another_dropped_keeps_the_segment_mapped_until_it_looks_for_a_cell() {
    on_a_segment(|segment| {
        let watching = segment.counter("main").unwrap();
        let opened = Segment::open(segment.name()).unwrap();
        let counter = opened.counter("main").unwrap();
        drop(opened);
        assert_eq!(mappings(segment), 2);
        let meet = Barrier::new(2);
        let handed = std::sync::Mutex::new(Some(counter));
        thread::scope(|scope| {
            let thread = scope.spawn(|| {
                let own = handed.lock().unwrap().as_ref().unwrap().clone();
                own.add(7);
                drop(own);
                meet.wait();
                meet.wait();
                assert_eq!((mappings(segment), watching.cells_in_use()), (2, 1));
                watching.add(1);
                assert_eq!((mappings(segment), watching.cells_in_use()), (1, 1));
            });
            meet.wait();
            drop(handed.lock().unwrap().take());
            meet.wait();
            thread.join().unwrap();
        });
        assert_eq!(watching.sum(), 8);
    });
}

#[test]
fn a_writer_that_is_forgotten_keeps_its_cell_until_its_thread_ends() {
    on_a_segment(|segment| {
        let counter = segment.counter_with_cells("main", 1).unwrap();
        thread::scope(|scope| {
            scope.spawn(|| {
                let own = Segment::open(segment.name()).unwrap();
                let own = own.counter("main").unwrap();
                std::mem::forget(own.writer());
                drop(own);
                assert_eq!(counter.cells_in_use(), 1);
            });
        });
        while counter.cells_in_use() > 0 {
            thread::yield_now();
        }
        assert!(counter.writer().has_own_cell());
    });
}

#[test]
fn a_thread_adds_to_more_counters_than_it_has_at_hand() {
    on_a_segment(|segment| {
        // A counter takes some 8 KiB by default.
        let counters: Vec<Counter> = (0..30)
            .map(|number| segment.counter_with_cells(&format!("{number}"), 2).unwrap())
            .collect();
        for round in 0..50 {
            for (number, counter) in counters.iter().enumerate() {
                counter.add((round * number) as i64);
            }
        }
        let rounds: usize = (0..50).sum();
        for (number, counter) in counters.iter().enumerate() {
            assert_eq!(counter.sum(), (rounds * number) as i64);
            assert_eq!(counter.cells_in_use(), 1);
        }
        drop(counters);
        assert_eq!(segment.counter("0").unwrap().cells_in_use(), 0);
    });
}

#[test]
fn a_thread_without_a_cell_gets_one_when_others_have_ended() {
    on_a_segment(|segment| {
        let counter = segment.counter_with_cells("main", 1).unwrap();
        let other = segment.counter_with_cells("main", 1).unwrap();
        let writer = counter.writer();
        assert!(!other.writer().has_own_cell());
        other.add(5);
        drop(writer);
        drop(counter);
        assert_eq!(other.cells_in_use(), 0);
        (0..2000).for_each(|_| other.add(1));
        assert_eq!((other.sum(), other.cells_in_use()), (2005, 1));
    });
}

/// Adds once more when its thread ends.
struct LastWord(Counter);

impl Drop for LastWord {
    fn drop(&mut self) {
        self.0.add(10);
        assert_eq!(self.0.writer().has_own_cell(), self.0.cells_in_use() > 0);
    }
}

thread_local! {
    static LAST_WORD: RefCell<Option<LastWord>> = const { RefCell::new(None) };
}

#[test]
fn adds_count_while_their_thread_ends() {
    on_a_segment(|segment| {
        let counter = segment.counter("main").unwrap();
        for is_used_before in [true, false] {
            let before = counter.sum();
            let ending = || {
                // The order of destructors is that of first use, or its reverse.
                if is_used_before {
                    counter.add(1);
                }
                LAST_WORD.set(Some(LastWord(counter.clone())));
                counter.add(1);
            };
            thread::scope(|scope| scope.spawn(ending).join().unwrap());
            while counter.cells_in_use() > 0 {
                thread::yield_now();
            }
            assert_eq!(counter.sum() - before, 11 + i64::from(is_used_before));
        }
    });
}

#[test]
fn a_counter_is_opened_with_as_many_cells_as_it_has() {
    on_a_segment(|segment| {
        segment.counter_with_cells("narrow", 5).unwrap().add(4);
        let counter = segment.counter("narrow").unwrap();
        assert_eq!((counter.cells(), counter.sum()), (5, 4));
        assert!(segment.counter_with_cells("narrow", 6).is_err());
        assert!(segment.counter_with_cells("none", 0).is_err());
        assert!(segment.fifo_lock("narrow").is_err());
        assert_eq!(segment.counter("wide").unwrap().cells(), 64);
        let full = SegmentOptions::DEFAULT_CAPACITY as u32;
        assert!(segment.counter_with_cells("huge", full).is_err());
    });
}
