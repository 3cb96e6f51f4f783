"""The whole program that `shmcount run` replaces: `program.py METHOD PROCS ADDS`, with METHOD `fork` or
`spawn`. Processes add to a Value under its lock; the total is verified.
"""

import multiprocessing
import sys


def work(total, adds):
    for _ in range(adds):
        with total.get_lock():
            total.value += 1


def main():
    method, procs, adds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    context = multiprocessing.get_context(method)
    total = context.Value("q", 0)
    workers = [context.Process(target=work, args=(total, adds)) for _ in range(procs)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if total.value != procs * adds:
        sys.exit(f"error: counted {total.value}, expected {procs * adds}")
    print(total.value)


if __name__ == "__main__":
    main()
