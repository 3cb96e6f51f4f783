"""Python's multiprocessing: `toolkit_array_map.py KIND PROCS ADDS`, with KIND `array`, an Array and the
lock it brings, or `dict`, the dict of a Manager and a Lock. Forked processes, each on one processor, add 1
so often each, to one of 100 elements or keys after the other; prints the nanoseconds from the first add
to the last, by all adds.
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
    else:
        for add in range(adds):
            with lock:
                totals[keys[add % PLACES]] += 1
    end[process] = time.monotonic_ns()


def main():
    kind, procs, adds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    context = multiprocessing.get_context("fork")
    lock = context.Lock()
    if kind == "array":
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
    total = sum(totals[:] if kind == "array" else totals.values())
    if total != procs * adds:
        sys.exit(f"error: counted {total}, expected {procs * adds}")
    print(f"{(max(end) - min(start)) / total:.2f}")


if __name__ == "__main__":
    main()
