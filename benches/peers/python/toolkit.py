"""Python's multiprocessing: `toolkit.py KIND PROCS ADDS`, with KIND `array`, an Array and the lock it
brings, `dict`, the dict of a Manager and a Lock, or `semaphore`, one of three permits taken in a `with` and
given back. Forked processes, each on one processor, do it so often each, by turns on 100 elements or keys;
prints the nanoseconds from the first to the last, by all of them.
"""

import multiprocessing
import os
import sys
import time

PLACES = 100


def work(kind, process, adds, lock, totals, barrier, start, end):
    processors = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {processors[process % len(processors)]})
    keys = [f"key-{place}" for place in range(PLACES)]
    barrier.wait()
    start[process] = time.monotonic_ns()
    if kind == "array":
        for add in range(adds):
            with totals.get_lock():
                totals[add % PLACES] += 1
    elif kind == "semaphore":
        for _ in range(adds):
            with lock:
                pass
        totals[process] = adds
    else:
        for add in range(adds):
            with lock:
                totals[keys[add % PLACES]] += 1
    end[process] = time.monotonic_ns()


def main():
    kind, procs, adds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    context = multiprocessing.get_context("fork")
    lock = context.Semaphore(3) if kind == "semaphore" else context.Lock()
    if kind != "dict":
        totals = context.Array("q", PLACES)
    else:
        manager = context.Manager()
        totals = manager.dict({f"key-{place}": 0 for place in range(PLACES)})
    barrier = context.Barrier(procs)
    start, end = context.RawArray("q", procs), context.RawArray("q", procs)
    workers = [
        context.Process(target=work, args=(kind, i, adds, lock, totals, barrier, start, end))
        for i in range(procs)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    total = sum(totals.values() if kind == "dict" else totals[:])
    if total != procs * adds:
        sys.exit(f"error: counted {total}, expected {procs * adds}")
    print(f"{(max(end) - min(start)) / total:.2f}")


if __name__ == "__main__":
    main()
