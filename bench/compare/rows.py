"""What is compared: one entry per row, the same for sley and for its peers.

A row is one piece of work with one or more figures. sley-bench and every peer do the work of a row
once per process and print its figures under the same names; so this table is the only place that
knows names, units, which way better points, what the result must be, and how much memory must be
warmed before. A row that sley-bench lists and that is missing here has no peers yet: it is measured
all the same, alone, with the names and units that sley-bench itself prints.

Checks. A figure of work that was not done is worth nothing, so each run also prints what it has
done and the number must be exactly the one below: the counts of bench/bench_*.c, for both sizes.
sley-bench checks itself and exits with 1; there is nothing to compare there. So a row with figures has
a check, and a row that a peer offers has an entry: unchecked() tells of one that has not, and nothing is
measured then.

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

    def __post_init__(self):
        if self.metrics and not self.check:
            raise TypeError("a row with figures and without a check")

    def metric(self, name):
        return next((metric for metric in self.metrics if metric.name == name), None)


def switch_yields(workers, quick):
    """A pair of tasks for each worker, each task yields this often."""
    return 2 * workers * (500_000 if quick else 5_000_000)


def offloaded_jobs(_workers, quick):
    """Round trips and a thousand tasks with some calls each, by threads and by processes."""
    round_trips, calls = (2000 + 2000, 20) if quick else (20_000 + 50_000, 500)
    return round_trips + 2 * 1000 * calls


def shape_metrics(connections, size):
    """The figures of the row `echo` for so many connections and messages of so many bytes."""
    shape, words = f"{connections}x{size}", f"{connections:,} connections, {size:,} bytes"
    return (
        Metric(f"us_cpu_{shape}", "us", title=f"{words}: CPU time of the server per request"),
        Metric(f"per_s_{shape}", "1/s", "more", title=f"{words}: requests per second"),
        Metric(f"us_p50_{shape}", "us", title=f"{words}: a request, median"),
        Metric(f"us_p99_{shape}", "us", title=f"{words}: a request, 99th percentile"),
    )


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
        check=lambda workers, quick: sum(range(100_000 if quick else 1_000_000)),
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
    "stall": Row(
        (
            Metric("late_p50_us", "us", title="how late a 1 ms sleep ends, median"),
            Metric("late_p99_us", "us", title="the same, 99th percentile"),
            Metric("late_max_us", "us", title="the same, the latest"),
        ),
        check=lambda workers, quick: 2 * workers,
    ),
    "wake": Row(
        (
            Metric("us_p50", "us", title="from the wake-up call until the task runs, median"),
            Metric("us_p99", "us", title="the same, 99th percentile"),
        ),
        check=lambda workers, quick: 100 if quick else 1000,
    ),
    "datagram": Row(
        (
            Metric("us_p50", "us", title="from the send until the task has the datagram, median"),
            Metric("us_p99", "us", title="the same, 99th percentile"),
        ),
        check=lambda workers, quick: 100 if quick else 1000,
    ),
    "channel": Row(
        (
            Metric("ns_per_round_trip", "ns", title="unbuffered, an item and its answer"),
            Metric("ns_per_item", "ns", title="through a buffer of 128"),
        ),
        check=lambda workers, quick: 1_100_000 if quick else 11_000_000,  # round trips and items
    ),
    # Always a worker on each of two processors, whatever --workers says.
    "across": Row(
        (
            Metric("ns_per_round_trip", "ns", title="unbuffered, between two processors"),
            Metric("ns_per_item", "ns", title="through a buffer of 128, between two processors"),
        ),
        check=lambda workers, quick: 1_002_000 if quick else 10_020_000,
        every_core=False,
    ),
    "select": Row(
        (Metric("ns_per_item", "ns", title="one of four unbuffered channels"),),
        check=lambda workers, quick: 200_000 if quick else 2_000_000,
    ),
    "mutex": Row(
        (Metric("ns_per_op", "ns", title="8 tasks, a lock and an unlock"),),
        check=lambda workers, quick: 800_000 if quick else 8_000_000,
    ),
    "semaphore": Row(
        (Metric("ns_per_op", "ns", title="8 tasks, 4 permits, a yield inside"),),
        check=lambda workers, quick: 160_000 if quick else 800_000,
    ),
    "generator": Row(
        (Metric("ns_per_item", "ns", title="worker time per value that is yielded"),),
        check=lambda workers, quick: workers * (500_000 if quick else 5_000_000),
    ),
    "scope": Row(
        (Metric("ns_per_child", "ns", title="open, ten children, join: per child"),),
        check=lambda workers, quick: 100_000 if quick else 1_000_000,
    ),
    "cancel": Row(
        (Metric("ms", "ms", title="a tree of 100,000 waiting tasks, cancelled and joined"),),
        check=lambda workers, quick: 20_000 if quick else 100_000,
        memory=512 * MIB,
        memory_quick=128 * MIB,
    ),
    "offload": Row(
        (
            Metric("us_round_trip_thread", "us", title="a job on another thread, there and back"),
            Metric("ns_per_job_thread", "ns", title="the same, 1,000 under way, per job"),
            Metric("us_round_trip_process", "us", title="a job in another process, there and back"),
            Metric("ns_per_job_process", "ns", title="the same, 1,000 under way, per job"),
        ),
        check=offloaded_jobs,
    ),
    "file": Row(
        (Metric("us_per_file", "us", title="a file of 1,000 bytes, complete or not there"),),
        check=lambda workers, quick: 1_000 if quick else 10_000,
    ),
    "dns": Row(
        (
            Metric("us_per_name", "us", title="per name, 1,000 under way, half of them in vain"),
            Metric("us_cpu_per_name", "us", title="the same, CPU time of the client"),
        ),
        check=lambda workers, quick: 10_000 if quick else 100_000,
    ),
    "echo": Row(
        shape_metrics(64, 64) + shape_metrics(64, 4096) + shape_metrics(1000, 64)
        + shape_metrics(1000, 4096),
        check=lambda workers, quick: 20_000 if quick else 800_000,
    ),
    "idle_connections": Row(
        (Metric("bytes_per_connection", "B", title="memory per connection that waits"),),
        check=lambda workers, quick: 1_000 if quick else 10_000,
    ),
    "http_server": Row(
        (
            Metric("ns_per_request", "ns", title="an answer of 13 bytes, per request"),
            Metric("us_cpu_per_request", "us", title="the same, CPU time of the server"),
        ),
        check=lambda workers, quick: 13,  # bytes of the answer; wrk has got all of them
    ),
    "http_client": Row(
        (
            Metric("ns_per_file", "ns", title="a file of 5,000 bytes, 64 at a time"),
            Metric("us_cpu_per_file", "us", title="the same, CPU time of the client"),
        ),
        check=lambda workers, quick: 2_000 if quick else 20_000,
    ),
    "fork": Row(
        (
            Metric("ns_per_fork", "ns", title="fib, per fork, its calls included"),
            Metric("ratio_to_c", "1", title="the same, against the plain function"),
        ),
        check=lambda workers, quick: 832_040 if quick else 24_157_817,
    ),
    "nqueens": Row(
        (
            Metric("ms", "ms", title="13 queens, a forked call per board"),
            Metric("ratio_to_c", "1", title="the same, against the plain function"),
        ),
        check=lambda workers, quick: 724 if quick else 73_712,
    ),
    "uts": Row(
        (
            Metric("ns_per_node", "ns", title="an irregular tree, per node"),
            Metric("ratio_to_c", "1", title="the same, against the plain function"),
        ),
        check=lambda workers, quick: 49_209 if quick else 3_158_201,
    ),
    "parallel_for": Row(
        (
            Metric("ns_per_item_memory", "ns", title="a loop that moves memory, per index"),
            Metric("ratio_memory", "1", title="the same, against one plain call"),
            Metric("ns_per_item_compute", "ns", title="a loop that computes, per index"),
            Metric("ratio_compute", "1", title="the same, against one plain call"),
        ),
        check=lambda workers, quick: 2_197_152 if quick else 18_777_216,
        memory=400 * MIB,
        memory_quick=64 * MIB,
    ),
    "sort": Row(
        (
            Metric("ms", "ms", title="quicksort of 10,000,000 numbers"),
            Metric("ratio_to_c", "1", title="the same, against the plain function"),
        ),
        check=lambda workers, quick: 500_000 if quick else 10_000_000,
        memory=80 * MIB,
        memory_quick=4 * MIB,
    ),
    # The machine itself: has no workers and no peers; its figures come as sley-bench names them.
    "limits": Row((), every_core=False),
}

UNKNOWN = Row(())


def row_of(name):
    return ROWS.get(name, UNKNOWN)


def unchecked(offers):
    """Of these names of rows those whose result nobody knows: no peer can offer them."""
    return sorted(name for name in set(offers) if not row_of(name).check)
