"""The cpu-io load on asyncio: a coroutine per client.

The load is described in bench/cpu_io/cpu_io.h. Three designs: the coroutine computes where it is;
or in a thread (asyncio.to_thread, with as many threads as workers: more would only fight for the
interpreter's lock); or in a process (run_in_executor with a ProcessPoolExecutor of as many
processes as workers, which are started before the clock is). Computing is by the thread's processor
time, in Python, holding the interpreter's lock as computing in Python does.
"""
import asyncio
import concurrent.futures
import functools
import json
import math
import resource
import sys
import time

DESIGNS = ("asyncio", "asyncio+threads", "asyncio+processes")
NUMBERS = ("--cpu-us", "--io-us", "--requests", "--concurrency", "--workers")
MASK = (1 << 64) - 1


def splitmix(state):
    z = (state + 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def wait_of(io, index):
    """Seconds."""
    return io * (0.5 + (splitmix(index) >> 11) / (1 << 53)) / 1e9


def compute(cpu):
    end = time.thread_time_ns() + cpu
    value = 1
    while time.thread_time_ns() < end:
        for _ in range(8):
            value = (value * 6364136223846793005 + 1442695040888963407) & MASK
    return value


def warm(_):
    time.sleep(0.01)


async def client(first, load, latency, run):
    for index in range(first, load["requests"], load["concurrency"]):
        begin = time.perf_counter_ns()
        if load["io"]:
            await asyncio.sleep(wait_of(load["io"], index))
        if load["cpu"]:
            await run(load["cpu"])
        latency[index] = time.perf_counter_ns() - begin


async def run_here(cpu):
    compute(cpu)
    await asyncio.sleep(0)  # or a client that waits for nothing would keep the loop for itself


def in_pool(pool):
    return functools.partial(asyncio.get_running_loop().run_in_executor, pool, compute)


async def run_clients(load, latency, pool):
    run = in_pool(pool) if pool else run_here
    begin = time.perf_counter_ns()
    async with asyncio.TaskGroup() as group:
        for first in range(min(load["concurrency"], load["requests"])):
            group.create_task(client(first, load, latency, run))
    return time.perf_counter_ns() - begin


def open_pool(design, workers):
    if design == "asyncio+threads":
        return concurrent.futures.ThreadPoolExecutor(workers)
    if design == "asyncio+processes":
        return concurrent.futures.ProcessPoolExecutor(workers)
    return None


def cpu_seconds():
    return sum(usage.ru_utime + usage.ru_stime for usage in
               (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)))


def measure(design, load):
    latency = [0] * load["requests"]
    pool = open_pool(design, load["workers"])
    if pool:
        list(pool.map(warm, range(4 * load["workers"])))
    with asyncio.Runner() as runner:
        elapsed = runner.run(run_clients(load, latency, pool))
    if pool:
        pool.shutdown()
    return latency, elapsed


def percentile(samples, part):
    """Of sorted samples in ns: us."""
    return samples[max(1, math.ceil(part * len(samples) - 1e-6)) - 1] / 1e3


def parse(arguments):
    values = {"--design": "asyncio"}
    for name, value in zip(arguments[::2], arguments[1::2]):
        if name not in NUMBERS + ("--design",):
            raise ValueError(f"what is {name}?")
        values[name] = value
    if len(arguments) % 2 or values["--design"] not in DESIGNS:
        raise ValueError("usage: cpu-io --design NAME " + " ".join(f"{n} N" for n in NUMBERS))
    cpu, io, requests, concurrency, workers = (int(values[name]) for name in NUMBERS)
    return values["--design"], {"cpu": cpu * 1000, "io": io * 1000, "requests": requests,
                                "concurrency": concurrency, "workers": workers}


def main(arguments):
    """The exit status."""
    try:
        design, load = parse(arguments)
    except (KeyError, ValueError) as error:
        print(f"asyncio: {error}", file=sys.stderr)
        return 2
    latency, elapsed = measure(design, load)
    latency.sort()
    if latency[0] <= 0:
        print("asyncio: a request was not answered", file=sys.stderr)
        return 1
    print(json.dumps({
        "bench": "cpu-io", "design": design, "cpu_us": load["cpu"] // 1000,
        "io_us": load["io"] // 1000, "requests": load["requests"],
        "concurrency": load["concurrency"], "workers": load["workers"],
        "requests_per_s": load["requests"] * 1e9 / elapsed, "p50_us": percentile(latency, 0.5),
        "p99_us": percentile(latency, 0.99), "max_us": percentile(latency, 1),
        "cpu_s": cpu_seconds()}))
    return 0
