#!/usr/bin/python3 -I
"""The row offload of sley-bench in Python's pools: concurrent.futures or multiprocessing.

One source for two peers: the name by which the program is started says which. Both have a pool of
threads and one of processes with the same interface, so each does the whole row.

A round trip is a job submitted and waited for, again and again; in the pool of processes there is one
process. For jobs per second a thousand jobs are submitted one by one, then their results are taken,
and so on: as many in flight as our thousand tasks have. No chunks, which multiprocessing has: they
are for those who have the whole list in advance, a server's requests are none.

The processes are forked, the quickest way there is, and as many as workers. Pools are warm before
the clock starts: each worker has begun. The interpreter's lock lets one thread run at a time.
"""
import concurrent.futures
import multiprocessing
import multiprocessing.pool
import os
import sys
import time

NAME = os.path.basename(sys.argv[0])
FAILED, USAGE, DECLINED = 1, 2, 3
IN_FLIGHT = 1000

now = time.monotonic_ns


def job():
    return 1


class Futures:
    """concurrent.futures"""

    def __init__(self, processes, workers):
        if processes:
            context = multiprocessing.get_context("fork")
            self.pool = concurrent.futures.ProcessPoolExecutor(workers, mp_context=context)
        else:
            self.pool = concurrent.futures.ThreadPoolExecutor(workers)

    def submit(self):
        return self.pool.submit(job)

    @staticmethod
    def result(future):
        return future.result()

    def close(self):
        self.pool.shutdown()


class Pool:
    """multiprocessing"""

    def __init__(self, processes, workers):
        if processes:
            self.pool = multiprocessing.get_context("fork").Pool(workers)
        else:
            self.pool = multiprocessing.pool.ThreadPool(workers)

    def submit(self):
        return self.pool.apply_async(job)

    @staticmethod
    def result(future):
        return future.get()

    def close(self):
        self.pool.close()
        self.pool.join()


OFFERED = {"concurrent-futures": Futures, "multiprocessing": Pool}


def round_trips(pool, calls):
    """ns for all, and how many have run."""
    done, begin = 0, now()
    for _ in range(calls):
        done += pool.result(pool.submit())
    return now() - begin, done


def crowd(pool, calls):
    done, begin = 0, now()
    for _ in range(calls):
        futures = [pool.submit() for _ in range(IN_FLIGHT)]
        done += sum(pool.result(future) for future in futures)
    return now() - begin, done


def measure(processes, workers, shape, count):
    pool = OFFERED[NAME](processes, workers)
    for future in [pool.submit() for _ in range(IN_FLIGHT)]:
        pool.result(future)
    ns, done = shape(pool, count)
    pool.close()
    return ns, done


def run_offload(workers, quick):
    total = 0
    for kind, processes, calls in (("process", True, 50_000), ("thread", False, 20_000)):
        trips = 2000 if quick else calls
        rounds = 20 if quick else 500
        trip, done = measure(processes, 1 if processes else workers, round_trips, trips)
        total += done
        ns, done = measure(processes, workers, crowd, rounds)
        total += done
        yield f"us_round_trip_{kind}", trip / trips / 1e3
        yield f"ns_per_job_{kind}", ns / (rounds * IN_FLIGHT)
    yield "check", total


def end(status, text):
    print(f"{NAME}: {text}", file=sys.stderr)
    sys.exit(status)


def main():
    if sys.argv[1:] == ["list"]:
        print("offload")
        return
    arguments = sys.argv[2:]
    quick = "--quick" in arguments
    if quick:
        arguments.remove("--quick")
    if len(arguments) != 2 or arguments[0] != "--workers" or not arguments[1].isdecimal():
        end(USAGE, "usage: ROW --workers N [--quick]")
    if sys.argv[1] != "offload" or int(arguments[1]) < 1:
        end(DECLINED, f"the row {sys.argv[1]} is not offered")
    # Processes first: they are forked while there are no threads.
    figures = dict(run_offload(int(arguments[1]), quick))
    for metric in ("us_round_trip_thread", "ns_per_job_thread", "us_round_trip_process",
                   "ns_per_job_process"):
        print(f"{metric} {figures[metric]:.9g}")
    print(f"check {figures['check']}")


main()
