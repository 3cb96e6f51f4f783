"""Python's multiprocessing: `adds.py KIND PROCS ADDS`, with KIND `value`, a Value and the lock it brings,
or `lock`, a Lock and a raw Value. Forked processes, each on one processor, add 1 so often each; prints
the nanoseconds from the first add to the last, by all adds.
"""

import multiprocessing
import os
import sys
import time


def work(kind, process, adds, lock, total, barrier, start, end):
    processors = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {processors[process % len(processors)]})
    barrier.wait()
    start[process] = time.monotonic_ns()
    if kind == "value":
        for _ in range(adds):
            with total.get_lock():
                total.value += 1
    else:
        for _ in range(adds):
            with lock:
                total.value += 1
    end[process] = time.monotonic_ns()


def main():
    kind, procs, adds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    context = multiprocessing.get_context("fork")
    lock = context.Lock()
    total = context.Value("q", 0) if kind == "value" else context.RawValue("q", 0)
    barrier = context.Barrier(procs)
    start, end = context.RawArray("q", procs), context.RawArray("q", procs)
    workers = [
        context.Process(target=work, args=(kind, i, adds, lock, total, barrier, start, end))
        for i in range(procs)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if total.value != procs * adds:
        sys.exit(f"error: counted {total.value}, expected {procs * adds}")
    print(f"{(max(end) - min(start)) / total.value:.2f}")


if __name__ == "__main__":
    main()
