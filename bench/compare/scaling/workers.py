"""Every row of sley-bench with 1, 2, ... workers: the figure, and the efficiency where there is one.

Efficiency is the speed-up divided by the number of workers: 1 where twice the workers do the work in
half the time. It has a meaning only where a fixed amount of work is divided among the workers. Three
kinds of figures, therefore:

  shared     time for a fixed amount of work: efficiency = figure(1) / (n * figure(n)), and the other
             way round for rates
  worker     worker time per item: it grows with nobody's number, so efficiency = figure(1) /
             figure(n)
  itself     latencies, memory, CPU time, ratios, and rows that all tasks do at one object or at one
             end of a wire: more workers are not meant to make it less
"""
import stats

SHARED = {
    ("spawn", "ns_per_task"), ("spawn", "ns_per_task_flat"), ("skynet", "ms"),
    ("memory", "ns_to_create"), ("memory", "ns_to_wake"), ("scope", "ns_per_child"),
    ("cancel", "ms"), ("fork", "ns_per_fork"), ("nqueens", "ms"), ("uts", "ns_per_node"),
    ("parallel_for", "ns_per_item_memory"), ("parallel_for", "ns_per_item_compute"),
    ("sort", "ms"), ("offload", "ns_per_job_thread"), ("offload", "ns_per_job_process"),
    ("file", "us_per_file"), ("dns", "us_per_name"), ("http_server", "ns_per_request"),
    ("http_client", "ns_per_file"), ("connections", "per_s"),
    ("echo", "per_s_64x64"), ("echo", "per_s_64x4096"), ("echo", "per_s_1000x64"),
    ("echo", "per_s_1000x4096"),
}
WORKER = {("switch", "ns_per_switch"), ("generator", "ns_per_item")}
RATES = "1/s"
ALONE = ("limits", "across")  # have no number of workers


def counts(cores):
    """1 to the number of cores: all up to 8, then in steps that keep the table readable."""
    found, step = [], 1
    while step <= cores:
        found.append(step)
        step += 1 if step < 8 else max(step // 4, 1)
    return found if not found or found[-1] == cores else found + [cores]


def kind(bench, metric):
    key = bench, metric
    return "shared" if key in SHARED else "worker" if key in WORKER else "itself"


def efficiency(bench, metric, unit, one, many, workers):
    """None where it means nothing or no number says it."""
    which = kind(bench, metric)
    if which == "itself" or one <= 0 or many <= 0:
        return None
    speed_up = many / one if unit == RATES else one / many
    return speed_up / workers if which == "shared" else speed_up


def table(results):
    """[(bench, metric, unit, kind, {workers: (median, efficiency)})] in the order measured."""
    rows = {}
    for result in results:
        median = stats.summarise(result.values)[0]
        key = result.bench, result.metric.name, result.metric.unit
        rows.setdefault(key, {})[result.workers] = median
    found = []
    for (bench, metric, unit), medians in rows.items():
        one = medians.get(1)
        cells = {n: (value, None if one is None else
                     efficiency(bench, metric, unit, one, value, n))
                 for n, value in sorted(medians.items())}
        found.append((bench, metric, unit, kind(bench, metric), cells))
    return found
