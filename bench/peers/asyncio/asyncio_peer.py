#!/usr/bin/python3 -I
"""The rows of sley-bench in Python's asyncio, with its own event loop or with uvloop's.

One source for two peers: the name by which the program is started says which loop drives the
coroutines. uvloop is asyncio's loop written anew in C on libuv; tasks and futures stay those of
asyncio (which are in C too), so the two differ most where the loop does the work.

Coroutines have no stacks of their own but a frame for each await in progress; a task that waits is a
small object. All run on one thread: with more than one worker no row is offered, as several loops
would share the interpreter's lock, and several processes could not share tasks. The garbage
collector keeps its settings.

switch  Two tasks, asyncio.sleep(0).
spawn   create_task() for all, then await each in their order, which is faster than gather() or a
        TaskGroup: both add a callback to each task.
skynet  The same in each node.
memory  Each task awaits a future of its own, which the parent resolves.
timer   asyncio.sleep(). The default loop has a heap of timers, uvloop has those of libuv, which
        counts in milliseconds and may be half of one early; so many are allowed here.
wake    A thread calls loop.call_soon_threadsafe(), the only way into a loop. It must get the
        interpreter's lock for that, and the loop must get it back.
"""
import asyncio
import math
import os
import sys
import threading
import time

NAME = os.path.basename(sys.argv[0])
FAILED, USAGE, DECLINED = 1, 2, 3

if NAME == "uvloop":
    import uvloop

    new_event_loop, EARLY_NS = uvloop.new_event_loop, 1_000_000
else:
    new_event_loop, EARLY_NS = asyncio.new_event_loop, 1_000  # its times are floating point

now = time.monotonic_ns


def end(status, text):
    print(f"{NAME}: {text}", file=sys.stderr)
    sys.stdout.flush()
    os._exit(status)


def metric(name, value):
    print(f"{name} {value:.9g}")


def check(value):
    print(f"check {value}")


def percentile(samples, percent):
    """Of sorted samples the smallest that at least so many do not exceed."""
    return samples[math.ceil(len(samples) * percent / 100) - 1]


def memory():
    """Resident memory and page tables, in bytes."""
    with open("/proc/self/status", encoding="ascii") as status:
        fields = dict(line.split(":", 1) for line in status)
    return sum(int(fields[name].split()[0]) for name in ("VmRSS", "VmPTE")) * 1024


def random_numbers():
    """splitmix64"""
    mask, state = (1 << 64) - 1, 1
    while True:
        state = (state + 0x9E3779B97F4A7C15) & mask
        z = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        yield z ^ (z >> 31)


async def run_switch(quick):
    yields = 500_000 if quick else 5_000_000

    async def yielder():
        sleep = asyncio.sleep
        for _ in range(yields):
            await sleep(0)
        return yields

    begin = now()
    tasks = [asyncio.create_task(yielder()) for _ in range(2)]
    made = sum([await task for task in tasks])
    metric("ns_per_switch", (now() - begin) / (2 * yields))
    check(made)


async def nothing():
    return 1


async def spawn(batches, batch):
    """ns per task and the sum of the results."""
    total = 0
    begin = now()
    for _ in range(batches):
        tasks = [asyncio.create_task(nothing()) for _ in range(batch)]
        for task in tasks:
            total += await task
    return (now() - begin) / (batches * batch), total


def run_apart(batches, batch):
    """The same in a process of its own, with a loop of its own: a shape of the row finds nothing
    that the other has left."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            ns, total = runner.run(spawn(batches, batch))
        os.write(writer, f"{ns} {total}".encode())
        os._exit(0)
    os.close(writer)
    with open(reader, encoding="ascii") as result:
        words = result.read().split()
    if os.waitpid(pid, 0)[1] != 0 or len(words) != 2:
        end(FAILED, f"{batch} tasks at once failed")
    return float(words[0]), int(words[1])


def run_spawn(quick):
    per_task, total = run_apart(100 if quick else 1000, 1000)
    per_task_flat, total_flat = run_apart(1, 100_000 if quick else 1_000_000)
    metric("ns_per_task", per_task)
    metric("ns_per_task_flat", per_task_flat)
    check(total + total_flat)


async def visit(first, size):
    if size == 1:
        return first
    size //= 10
    children = [asyncio.create_task(visit(first + i * size, size)) for i in range(10)]
    total = 0
    for child in children:
        total += await child
    return total


async def run_skynet(_quick):
    begin = now()
    total = await visit(0, 1_000_000)
    metric("ms", (now() - begin) / 1e6)
    check(total)


async def run_memory(quick):
    count = 20_000 if quick else 1_000_000
    loop = asyncio.get_running_loop()
    ready = loop.create_future()
    futures, tasks, woken = [None] * count, [None] * count, 0

    async def waiter(index):
        future = futures[index] = loop.create_future()
        if index == count - 1:  # tasks begin in the order in which they were made
            ready.set_result(None)
        return await future

    before, begin = memory(), now()
    for i in range(count):
        tasks[i] = asyncio.create_task(waiter(i))
    await ready
    create = (now() - begin) / count
    used = (memory() - before) / count
    begin = now()
    for future in futures:
        future.set_result(1)
    for task in tasks:
        woken += await task
    metric("bytes_per_task", used)
    metric("ns_to_create", create)
    metric("ns_to_wake", (now() - begin) / count)
    check(woken)


async def run_timer(quick):
    count = 20_000 if quick else 1_000_000
    numbers = random_numbers()
    times = [next(numbers) % (count * 1000) for _ in range(count)]
    late = [0] * count

    async def sleeper(index):
        duration = times[index]
        deadline = now() + duration
        await asyncio.sleep(duration / 1e9)
        late[index] = now() - deadline
        return 1

    begin = time.process_time_ns()
    tasks = [asyncio.create_task(sleeper(i)) for i in range(count)]
    slept = 0
    for task in tasks:
        slept += await task
    cpu = time.process_time_ns() - begin
    late.sort()
    if late[0] < -EARLY_NS:
        end(FAILED, f"a task woke {-late[0]} ns too early")
    metric("cpu_s", cpu / 1e9 * (1e6 / count))
    metric("late_p99_us", max(0, percentile(late, 99)) / 1e3)
    check(slept)


class Waker(threading.Thread):
    """Knows nothing of the loop but how to call into it."""

    def __init__(self, loop, samples):
        super().__init__(daemon=True)
        self.loop, self.samples = loop, samples
        self.asleep = threading.Semaphore(0)  # by the loop's thread: a sleep has begun
        self.asleep_at = 0
        self.sent_at = 0
        self.future = None

    def run(self):
        usable = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {usable[1 % len(usable)]})  # of this thread only
        for _ in range(self.samples):
            self.asleep.acquire()
            while (left := self.asleep_at + 1_000_000 - now()) > 0:
                time.sleep(left / 1e9)
            self.sent_at = now()
            self.loop.call_soon_threadsafe(self.future.set_result, None)


async def run_wake(quick):
    loop, late = asyncio.get_running_loop(), []
    waker = Waker(loop, 100 if quick else 1000)
    waker.start()
    for _ in range(waker.samples):
        waker.future = loop.create_future()
        waker.asleep_at = now()
        waker.asleep.release()
        await waker.future
        late.append(now() - waker.sent_at)
    late.sort()
    metric("us_p50", percentile(late, 50) / 1e3)
    metric("us_p99", percentile(late, 99) / 1e3)
    check(len(late))


ROWS = {
    "switch": run_switch,
    "spawn": run_spawn,
    "skynet": run_skynet,
    "memory": run_memory,
    "timer": run_timer,
    "wake": run_wake,
}


def parse(words):
    """The row's name, workers, quick."""
    row, workers, quick = words.pop(0) if words else "", 0, False
    while words:
        word = words.pop(0)
        if word == "--quick":
            quick = True
        elif word == "--workers" and words and words[0].isdecimal():
            workers = int(words.pop(0))
        else:
            end(USAGE, f"{word}: what is that?")
    if not row or not 1 <= workers <= 1024:
        end(USAGE, "usage: ROW --workers N [--quick] | list")
    return row, workers, quick


def main():
    if sys.argv[1:] == ["list"]:
        print("\n".join(ROWS))
        return
    row, workers, quick = parse(sys.argv[1:])
    if row not in ROWS:
        end(DECLINED, f"{row}: no such row here")
    if workers > 1:
        end(DECLINED, f"{row}: a loop has one thread")
    if row == "spawn":
        run_spawn(quick)
        return
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(ROWS[row](quick))


main()
