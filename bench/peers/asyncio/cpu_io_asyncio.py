"""The cpu-io load on asyncio: a coroutine per client.

The load is described in bench/cpu_io/cpu_io.h. Three designs: the coroutine computes where it is;
or in a thread (asyncio.to_thread, with as many threads as workers: more would only fight for the
interpreter's lock); or in a process (run_in_executor with a ProcessPoolExecutor of as many
processes as workers, which are started before the clock is). Computing is by the thread's processor
time, in Python, holding the interpreter's lock as computing in Python does.

Who issues a request when, and how the run is checked, is that of bench/cpu_io/clients.c, which says
why; but only the loop's thread stamps, so nothing comes in between.
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


class Run:
    """What happened: as struct cpu_io_result."""

    def __init__(self, load):
        self.load, self.clients = load, min(load["concurrency"], load["requests"])
        self.latency = [0] * load["requests"]
        self.taken = self.clients  # numbers of requests; after the first ones, for whoever asks
        self.start = self.last = self.end = 0
        self.gate = asyncio.Event()

    def open(self):
        self.start = self.last = time.perf_counter_ns()
        self.gate.set()

    def next(self, index, begin):
        """The answer to a request, and the issue of the client's next one: (its number or None,
        the moment)."""
        self.end = now = time.perf_counter_ns()
        self.latency[index] = now - begin
        number, self.taken = self.taken, self.taken + 1
        if number >= self.load["requests"]:
            return None, now
        self.last = now
        return number, now

    def doubt(self):
        """Why this cannot be true, or None."""
        cpu = self.load["cpu"] - self.load["cpu"] // 1000
        for index, latency in enumerate(self.latency):
            if latency <= 0 or latency < int(wait_of(self.load["io"], index) * 1e9) + cpu:
                return f"request {index} was answered too early, after {latency} ns"
        low, high = (self.clients * (moment - self.start) for moment in (self.last, self.end))
        if not low <= sum(self.latency) <= high:
            return f"the latencies, {sum(self.latency)} ns in all, are not those of {self.clients} clients"
        return None


async def client(index, run, compute_one):
    await run.gate.wait()
    load, begin = run.load, run.start
    while index is not None:
        if load["io"]:
            await asyncio.sleep(wait_of(load["io"], index))
        if load["cpu"]:
            await compute_one(load["cpu"])
        index, begin = run.next(index, begin)


async def run_here(cpu):
    compute(cpu)
    await asyncio.sleep(0)  # or a client that waits for nothing would keep the loop for itself


def in_pool(pool):
    return functools.partial(asyncio.get_running_loop().run_in_executor, pool, compute)


async def run_clients(load, pool):
    run, compute_one = Run(load), in_pool(pool) if pool else run_here
    async with asyncio.TaskGroup() as group:
        for index in range(run.clients):
            group.create_task(client(index, run, compute_one))
        await asyncio.sleep(0)  # until all of them are at the gate
        run.open()
    return run


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
    pool = open_pool(design, load["workers"])
    if pool:
        list(pool.map(warm, range(4 * load["workers"])))
    with asyncio.Runner() as runner:
        run = runner.run(run_clients(load, pool))
    if pool:
        pool.shutdown()
    return run


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
    run = measure(design, load)
    doubt = run.doubt()
    if doubt:
        print(f"asyncio: {doubt}", file=sys.stderr)
        return 1
    latency = sorted(run.latency)
    print(json.dumps({
        "bench": "cpu-io", "design": design, "cpu_us": load["cpu"] // 1000,
        "io_us": load["io"] // 1000, "requests": load["requests"],
        "concurrency": load["concurrency"], "workers": load["workers"],
        "requests_per_s": load["requests"] * 1e9 / (run.end - run.start), "p50_us": percentile(latency, 0.5),
        "p99_us": percentile(latency, 0.99), "max_us": percentile(latency, 1),
        "cpu_s": cpu_seconds()}))
    return 0
