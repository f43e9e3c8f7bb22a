"""What is compared: one entry per row, the same for sley and for its peers.

A row is one piece of work with one or more figures. sley-bench and every peer do the work of a row
once per process and print its figures under the same names; so this table is the only place that
knows names, units, which way better points, what the result must be, and how much memory must be
warmed before. A row that sley-bench lists and that is missing here has no peers yet: it is measured
all the same, alone, with the names and units that sley-bench itself prints.

Checks. A figure of work that was not done is worth nothing, so each run also prints what it has
done and the number must be exactly the one below: the counts of bench/bench_*.c, for both sizes.
sley-bench checks itself and exits with 1; there is nothing to compare there.

Memory. The first touch of a page that the hypervisor has taken back costs 5 to 30 times what it
costs later. sley-bench has the machine find the memory before its run; here the same is done before
every run of everybody, or the order of the programs would decide.
"""
from dataclasses import dataclass
from typing import Callable, Optional, Tuple

MIB = 1 << 20


@dataclass(frozen=True)
class Metric:
    name: str
    unit: str
    better: str = "less"  # or "more"
    title: str = ""  # for the report: what it is, in words


@dataclass(frozen=True)
class Row:
    metrics: Tuple[Metric, ...]
    check: Optional[Callable[[int, bool], int]] = None  # (workers, quick) -> what a peer must print
    memory: int = 0  # bytes that a run touches, full size
    memory_quick: int = 0
    every_core: bool = True  # measured with 1 worker and with one per core; else with 1 only

    def metric(self, name):
        return next((metric for metric in self.metrics if metric.name == name), None)


def switch_yields(workers, quick):
    """A pair of tasks for each worker, each task yields this often."""
    return 2 * workers * (500_000 if quick else 5_000_000)


ROWS = {
    "switch": Row(
        (Metric("ns_per_switch", "ns", title="worker time per yield"),),
        check=switch_yields,
    ),
    "spawn": Row(
        (
            Metric("ns_per_task", "ns", title="per task, in batches of 1,000"),
            Metric("ns_per_task_flat", "ns", title="per task, all at once"),
        ),
        check=lambda workers, quick: 200_000 if quick else 2_000_000,  # both shapes
        memory=256 * MIB,
        memory_quick=32 * MIB,
    ),
    "skynet": Row(
        (Metric("ms", "ms", title="the whole tree"),),
        check=lambda workers, quick: 499_999_500_000,
        memory=64 * MIB,
        memory_quick=64 * MIB,
    ),
    "memory": Row(
        (
            Metric("bytes_per_task", "B", title="memory per parked task, page tables included"),
            Metric("ns_to_create", "ns/task", title="from spawn until parked, per task"),
            Metric("ns_to_wake", "ns/task", title="from unpark until joined, per task"),
        ),
        check=lambda workers, quick: 20_000 if quick else 1_000_000,
        memory=4608 * MIB,
        memory_quick=128 * MIB,
    ),
    "timer": Row(
        (
            Metric("cpu_s", "s", title="CPU seconds per 1,000,000 sleeps"),
            Metric("late_p99_us", "us", title="lateness, 99th percentile"),
        ),
        check=lambda workers, quick: 20_000 if quick else 1_000_000,
        memory=4608 * MIB,
        memory_quick=128 * MIB,
    ),
    "wake": Row(
        (
            Metric("us_p50", "us", title="from the wake-up call until the task runs, median"),
            Metric("us_p99", "us", title="the same, 99th percentile"),
        ),
        check=lambda workers, quick: 100 if quick else 1000,
    ),
    # The machine itself: has no workers and no peers; its figures come as sley-bench names them.
    "limits": Row((), every_core=False),
}

UNKNOWN = Row(())


def row_of(name):
    return ROWS.get(name, UNKNOWN)
