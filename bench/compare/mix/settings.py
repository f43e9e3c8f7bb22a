"""The recommended settings: what sley is told, and what these figures say of it.

The runs do not vary the settings: each has as many workers as there are usable CPUs, and the pools
as tasks.c makes them. So a recommendation is what the runs used, which is also what the library takes
by default, and beside it what the figures show of the thing that is set: whether computing on the
blocking pool or in a process pool brings anything, and how a request's computing compares with the
stall threshold. No figure that was not measured is put forward; the tests compare the defaults with
the library's headers and sources.
"""
import os
from dataclasses import dataclass

from . import say

THREADS_MAX = 64  # of sley_blocking_general, which tasks+threads computes on
STALL_MS = 10  # stall_threshold's default


@dataclass
class Used:
    """What the runs were made with."""

    workers: int  # one for each usable CPU; as many children had the process pool
    stall_ms: int = STALL_MS  # 0: tasks were not watched


def environment(workers):
    """Used, by runs that inherit this process's environment."""
    text = os.environ.get("SLEY_STALL_MS", "")
    return Used(workers, int(text) if text.isascii() and text.isdigit() else STALL_MS)


def compared(data, design, figure):
    """Points with computing at which `design` is better than tasks that compute in place, equal, and
    worse: three lists."""
    better, equal, worse = [], [], []
    for point in data.points():
        mine, other = (data.median(point, d, figure) for d in (design, "tasks"))
        if not point.share or mine is None or other is None:
            continue
        if say.overlap(data, point, design, "tasks", figure):
            equal.append(point)
        else:
            (better if (mine > other) == (figure == say.RATE) else worse).append(point)
    return better, equal, worse


def against_tasks(data, design):
    """What it brings to compute elsewhere: a sentence, or "" where it cannot be compared."""
    parts = []
    for figure, name in ((say.RATE, "throughput"), (say.P99, "p99")):
        better, equal, worse = map(len, compared(data, design, figure))
        parts.append(f"in {name} better at {better}, equal at {equal}, worse at {worse}")
    count = better + equal + worse
    if not count:
        return ""
    return (f" To compute there was, against computing in the task, at {count} points with "
            f"computing: {'; '.join(parts)}.")


def workers(used):
    return (f"workers: {used.workers}, one for each CPU that may be used, as in these runs. Other "
            "numbers were not tried here.")


def threads_max(data):
    return (f"threads_max of the blocking pool: {THREADS_MAX}, the default, as in these runs. Others "
            "were not tried here." + against_tasks(data, "tasks+threads"))


def children(data, used):
    return (f"children of the process pool: {used.workers}, one for each worker, as in these runs. "
            "Other numbers were not tried here." + against_tasks(data, "tasks+processes"))


def stall(data, used):
    """Relief, and whether these runs could need it: they do where a request computes for longer than
    the threshold."""
    longest = max(point.cpu_us for point in data.points()) / 1000
    if not used.stall_ms:
        return (f"stall threshold: {STALL_MS} ms, the default. In these runs it was off "
                "(SLEY_STALL_MS=0), so they say nothing of relief.")
    text = (f"stall threshold: {used.stall_ms} ms, {'the default, ' * (used.stall_ms == STALL_MS)}as "
            f"in these runs. A request computes for at most {longest:g} ms at a time in them, ")
    if longest < used.stall_ms:
        return text + ("which is below it, so they say nothing of a lower one; where requests compute "
                       f"for more than {used.stall_ms} ms at a time, leave relief on: it is what gives "
                       "the worker to the others meanwhile.")
    return text + "which is not below it: leave relief on, these figures were made with it."


def sentences(data, used):
    """Those of what has been measured."""
    there = data.designs()
    found = [workers(used)] if any(design in data.ours for design in there) else []
    found += [threads_max(data)] if "tasks+threads" in there else []
    found += [children(data, used)] if "tasks+processes" in there else []
    return found + ([stall(data, used)] if "tasks" in there else [])
