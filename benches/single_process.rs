//! What one process pays when nobody else is there: `cargo bench --bench single_process`.
//!
//! `shmcount bench` says what several pay, and `scripts/instructions.sh` whether a change made it more.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use divan::Bencher;
use divan::counter::ItemsCount;
use shmcount::{CounterWriter, Release, Segment, Shareable};

fn main() {
    divan::main();
}

/// Looks at the clock cost more than an add; so many go between two.
const BATCH: u64 = 1_000;

const RELEASES: [Release; 2] = [Release::Plain, Release::Exchange];

/// A segment for one benchmark, whose name is gone already.
fn segment(release: Release) -> Segment {
    let name = format!("divan-{}", std::process::id());
    let segment = Segment::options().release(release).create(&name);
    let segment = segment.expect("a segment, released as asked for");
    segment.remove().expect("its own segment");
    segment
}

#[divan::bench(args = RELEASES)]
fn add_built_in(bencher: Bencher, release: Release) {
    let value = segment(release).value("main", 0i64).expect("a number");
    bencher.counter(ItemsCount::new(BATCH)).bench_local(|| {
        for _ in 0..BATCH {
            value.fetch_add(1).expect("an add");
        }
    });
}

#[divan::bench(args = RELEASES)]
fn add_through_a_guard(bencher: Bencher, release: Release) {
    let value = segment(release).value("main", 0i64).expect("a number");
    bencher.counter(ItemsCount::new(BATCH)).bench_local(|| {
        for _ in 0..BATCH {
            *value.lock().expect("a lock") += 1;
        }
    });
}

/// What the counter is compared with: the same load and store, and nothing around them.
#[divan::bench]
fn add_to_plain_memory(bencher: Bencher) {
    #[inline(never)]
    fn batch(number: &AtomicU64) {
        for _ in 0..BATCH {
            number.store(number.load(Relaxed).wrapping_add(1), Relaxed);
        }
    }
    let number = AtomicU64::new(0);
    let counted = bencher.counter(ItemsCount::new(BATCH));
    counted.bench_local(|| batch(&number));
}

#[divan::bench]
fn add_by_a_counters_writer(bencher: Bencher) {
    let segment = segment(Release::Exchange);
    let counter = segment.counter("main").expect("a counter");
    #[inline(never)]
    fn batch(writer: &CounterWriter<'_>) {
        for _ in 0..BATCH {
            writer.add(1);
        }
    }
    let writer = counter.writer();
    let counted = bencher.counter(ItemsCount::new(BATCH));
    counted.bench_local(|| batch(&writer));
}

#[divan::bench]
fn add_to_a_counter(bencher: Bencher) {
    let segment = segment(Release::Exchange);
    let counter = segment.counter("main").expect("a counter");
    bencher.counter(ItemsCount::new(BATCH)).bench_local(|| {
        for _ in 0..BATCH {
            counter.add(1);
        }
    });
}

#[divan::bench]
fn sum_of_64_cells(bencher: Bencher) {
    let segment = segment(Release::Exchange);
    let counter = segment.counter("main").expect("a counter");
    bencher.bench_local(|| counter.sum());
}

#[divan::bench(args = RELEASES)]
fn take_turns(bencher: Bencher, release: Release) {
    let lock = segment(release).fifo_lock("main").expect("a lock");
    bencher.counter(ItemsCount::new(BATCH)).bench_local(|| {
        for _ in 0..BATCH {
            drop(lock.lock().expect("a turn"));
        }
    });
}

#[divan::bench]
fn load_small(bencher: Bencher) {
    let value = segment(Release::Exchange)
        .value("main", 0i64)
        .expect("a number");
    bencher.counter(ItemsCount::new(BATCH)).bench_local(|| {
        for _ in 0..BATCH {
            divan::black_box(value.load());
        }
    });
}

#[divan::bench(types = [[i64; 4], [i64; 32], [i64; 512]])]
fn load_large<T: Shareable>(bencher: Bencher) {
    let value = segment(Release::Exchange)
        .value("main", T::zeroed())
        .expect("numbers");
    bencher.bench_local(|| value.load());
}

#[divan::bench(types = [[i64; 4], [i64; 32], [i64; 512]])]
fn update_large<T: Shareable + AsMut<[i64]>>(bencher: Bencher) {
    let value = segment(Release::Exchange)
        .value("main", T::zeroed())
        .expect("numbers");
    bencher.bench_local(|| value.update(|numbers| numbers.as_mut()[1] += 1));
}

#[divan::bench]
fn open_add_and_close(bencher: Bencher) {
    let name = format!("divan-open-{}", std::process::id());
    let made = Segment::create(&name).expect("a segment");
    made.value("main", 0i64).expect("a number");
    bencher.bench_local(|| {
        let segment = Segment::open(&name).expect("it is there");
        let value = segment.open_value::<i64>("main").expect("it is there");
        value.fetch_add(1).expect("an add")
    });
    made.remove().expect("its own segment");
}
