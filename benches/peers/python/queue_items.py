"""Python's multiprocessing: `queues.py KIND PAIRS ITEMS`, with KIND `queue`, a Queue, or `simple`, a
SimpleQueue. That many forked producers and as many consumers, each on one processor, pass so many numbers
each; prints the nanoseconds from the first push to the last pop, by all items.
"""

import multiprocessing
import os
import sys
import time


def work(queue, process, pairs, items, popped, barrier, start, end):
    processors = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {processors[process % len(processors)]})
    barrier.wait()
    start[process] = time.monotonic_ns()
    if process < pairs:
        for item in range(items):
            queue.put(item)
    else:
        for _ in range(items):
            queue.get()
        popped[process] = items
    end[process] = time.monotonic_ns()


def main():
    kind, pairs, items = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    context = multiprocessing.get_context("fork")
    queue = context.Queue(4096) if kind == "queue" else context.SimpleQueue()
    procs = 2 * pairs
    barrier = context.Barrier(procs)
    start, end = context.RawArray("q", procs), context.RawArray("q", procs)
    popped = context.RawArray("q", procs)
    workers = [
        context.Process(target=work, args=(queue, i, pairs, items, popped, barrier, start, end))
        for i in range(procs)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if sum(popped) != pairs * items:
        sys.exit(f"error: popped {sum(popped)}, expected {pairs * items}")
    print(f"{(max(end) - min(start)) / (pairs * items):.2f}")


if __name__ == "__main__":
    main()
