"""What is measured: how the cost of each row grows with what there is many of.

A subject is one picture and one table; its lines are figures of rows of sley-bench that have a size.
`scale` makes a common unit of a figure, the time or the memory of one item; times n it is the total.

`known` is what has been found out about a line that looks faster than linear. It is shown only where
it does, and says what was counted and where, not what this machine does.
"""
from dataclasses import dataclass
from typing import Tuple

NS_PER_US, NS_PER_MS = 1e3, 1e6

CACHES = ("Instructions per item were counted: they do not grow so (docs/performance.md). What is left is "
          "time: that of memory where there was a cache's before, and of whoever else is busy.")


@dataclass(frozen=True)
class Line:
    bench: str
    metric: str
    title: str
    unit: str = "ns"
    scale: float = 1.0
    whole: bool = False  # the figure is the total, not that of one item
    sorts: bool = False  # n log n is what it may take
    known: str = ""

    def total(self, n, value):
        return value * self.scale * (1 if self.whole else n)

    def each(self, n, value):
        return self.total(n, value) / n


@dataclass(frozen=True)
class Subject:
    name: str  # "tasks": of what there are n
    title: str
    lines: Tuple[Line, ...]
    quick: Tuple[int, ...]
    full: Tuple[int, ...]

    def sizes(self, quick):
        return self.quick if quick else self.full

    def benches(self):
        return list(dict.fromkeys(line.bench for line in self.lines))


def decades(low, high):
    """1 and 3 times each power of ten from low to high."""
    return tuple(lead * 10 ** power for power in range(8) for lead in (1, 3)
                 if low <= lead * 10 ** power <= high)


def powers(low, high):
    return tuple(10 ** power for power in range(8) if low <= 10 ** power <= high)


SUBJECTS = (
    Subject("tasks", "Tasks", (
        Line("spawn", "ns_per_task", "spawned and joined, batch after batch", known=CACHES),
        Line("spawn", "ns_per_task_flat", "spawned and joined, all at once", known=CACHES),
        Line("memory", "ns_to_create", "spawned, until all are parked", known=CACHES),
        Line("memory", "ns_to_wake", "parked ones woken and ended", known=CACHES),
        Line("cancel", "ms", "parked ones cancelled with their scope", scale=NS_PER_MS / 1e5,
             known=CACHES),
    ), powers(10, 100_000), decades(10, 1_000_000)),
    Subject("parked tasks", "Memory of parked tasks", (
        Line("memory", "bytes_per_task", "resident memory and page tables", "B"),
    ), powers(10, 100_000), decades(10, 1_000_000)),
    Subject("timers", "Timers", (
        Line("timer", "cpu_s", "a task that sleeps once, CPU time", scale=1e3, known=CACHES),
    ), powers(10, 100_000), decades(10, 1_000_000)),
    Subject("connections", "Connections", (
        Line("connections", "us_cpu", "one message of each, CPU time", scale=NS_PER_US,
             known="A worker takes what is ready in parts, so with more connections each is in no "
                   "cache when its turn comes; system calls per message stay the same "
                   "(docs/performance.md)."),
    ), (1, 10, 100, 1_000, 5_000), decades(1, 10_000)),
    Subject("connections", "Memory of connections that wait", (
        Line("idle_connections", "bytes_per_connection", "memory of the server", "B"),
    ), (10, 100, 1_000, 5_000), decades(10, 10_000)),
    Subject("children", "A scope's width", (
        Line("scope", "ns_per_child", "spawned into one scope, until it is closed", known=CACHES),
    ), powers(1, 100_000), decades(1, 1_000_000)),
    Subject("scopes", "A scope's depth", (
        Line("nest", "ns_per_level", "opened in each other, and closed", known=CACHES),
        Line("nest", "ns_per_level_cancel", "the outermost cancelled, all closed", known=CACHES),
    ), powers(1, 10_000), decades(1, 100_000)),
    Subject("tasks", "Depth of a worker's queue", (
        Line("switch", "ns_per_switch", "each has its turn once", known=CACHES),
    ), (2, 10, 100, 1_000, 10_000, 100_000), (2, 3) + decades(10, 1_000_000)),
    Subject("items", "A channel's buffer", (
        Line("channel", "ns_per_item", "through a buffer for so many", known=CACHES),
    ), powers(1, 100_000), decades(1, 1_000_000)),
    Subject("tasks", "Tasks that wait for one thing", (
        Line("waiters", "ns_to_hand", "at one channel, an item for each", known=CACHES),
        Line("waiters", "ns_to_cancel", "at one channel, each cancelled by itself", known=CACHES),
        Line("semaphore", "ns_per_op", "at four permits, one each", known=CACHES),
        Line("mutex", "ns_per_op", "at one mutex, a lock each", known=CACHES),
    ), powers(10, 100_000), decades(10, 1_000_000)),
    Subject("numbers", "Sorting", (
        Line("sort", "ms", "quicksort with forks, next to n log n", scale=NS_PER_MS, whole=True,
             sorts=True),
    ), powers(100, 1_000_000), decades(1_000, 10_000_000)),
)
