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
channel asyncio.Queue. It has no unbuffered form; the ping-pong is on queues of one, which each item
        leaves empty again, and of a size that is never full (0) it would do the same.
mutex, semaphore
        asyncio.Lock and asyncio.Semaphore, by `async with`.
scope   asyncio.TaskGroup, by `async with`; a child that does nothing is a coroutine all the same.
cancel  A TaskGroup of tasks that each have a TaskGroup, and in that a thousand tasks which wait for a
        future of their own. Task.cancel() of the one at the top; the rest is what the groups do.
generator
        An asynchronous generator and `async for`: what can wait between two values. It does not in this
        row, so no value passes through the loop.
file    64 tasks, each file in one asyncio.to_thread(), with a temporary name and a rename; the pool
        has the size that it comes with. (aiofiles makes such a call for each of the four steps.)
stall   What computes is in threads, by asyncio.to_thread(), as its documentation has it; the threads
        and the loop share the interpreter's lock, which is asked for every 5 ms.
echo, idle_connections
        See serve_asyncio.py.
wake    A thread calls loop.call_soon_threadsafe(), the only way into a loop. It must get the
        interpreter's lock for that, and the loop must get it back.
datagram
        create_datagram_endpoint(), and a future that the protocol resolves. The sender is a process,
        since a thread would need the interpreter's lock; the time of sending is in the datagram.
"""
import asyncio
import math
import os
import socket
import sys
import tempfile
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


async def run_skynet(quick):
    begin = now()
    total = await visit(0, 100_000 if quick else 1_000_000)
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


def place_on_second():
    usable = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {usable[1 % len(usable)]})  # of this thread only


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
        place_on_second()
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


def send_datagrams(receiver, samples):
    """The process that sends, each a millisecond after it was told that the receiver sleeps."""
    place_on_second()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.connect(receiver)
        sender.send(b"here")
        for _ in range(samples):
            sender.recv(100)
            time.sleep(0.001)
            sender.send(str(now()).encode())


class Receiver(asyncio.DatagramProtocol):
    def __init__(self):
        self.came = asyncio.get_running_loop().create_future()

    def datagram_received(self, data, addr):
        self.came.set_result((data, addr))

    async def receive(self):
        came = await self.came
        self.came = asyncio.get_running_loop().create_future()
        return came


async def run_datagram(quick):
    samples, late = 100 if quick else 1000, []
    transport, receiver = await asyncio.get_running_loop().create_datagram_endpoint(
        Receiver, local_addr=("127.0.0.1", 0))
    pid = os.fork()
    if pid == 0:
        try:
            send_datagrams(transport.get_extra_info("sockname"), samples)
        except OSError as error:
            end(FAILED, f"the sender: {error}")
        os._exit(0)  # not into the loop
    _, sender = await receiver.receive()
    for _ in range(samples):
        transport.sendto(b"asleep", sender)
        sent, _ = await receiver.receive()
        late.append(now() - int(sent))
    os.waitpid(pid, 0)
    late.sort()
    metric("us_p50", percentile(late, 50) / 1e3)
    metric("us_p99", percentile(late, 99) / 1e3)
    check(len(late))


async def ping_pong(rounds):
    there, back = asyncio.Queue(1), asyncio.Queue(1)

    async def pong():
        for _ in range(rounds):
            await back.put(await there.get())

    task, done = asyncio.create_task(pong()), 0
    begin = now()
    for i in range(rounds):
        await there.put(i)
        done += await back.get() == i
    ns = (now() - begin) / rounds
    await task
    return ns, done


async def buffered(items):
    line = asyncio.Queue(128)

    async def produce():
        for i in range(items):
            await line.put(i)

    task, done = asyncio.create_task(produce()), 0
    begin = now()
    for i in range(items):
        done += await line.get() == i
    ns = (now() - begin) / items
    await task
    return ns, done


async def run_channel(quick):
    trip, trips = await ping_pong(100_000 if quick else 1_000_000)
    item, items = await buffered(1_000_000 if quick else 10_000_000)
    metric("ns_per_round_trip", trip)
    metric("ns_per_item", item)
    check(trips + items)


async def run_scope(quick):
    count, ran = 10_000 if quick else 100_000, 0

    async def child():
        nonlocal ran
        ran += 1

    begin = now()
    for _ in range(count):
        async with asyncio.TaskGroup() as scope:
            for _ in range(10):
                scope.create_task(child())
    metric("ns_per_child", (now() - begin) / (10 * count))
    check(ran)


async def run_cancel(quick):
    family, count = 1000, 20_000 if quick else 100_000
    loop, parked, told = asyncio.get_running_loop(), 0, 0
    ready = loop.create_future()

    async def wait():
        nonlocal parked, told
        parked += 1
        if parked == count:
            ready.set_result(None)
        try:
            await loop.create_future()
        except asyncio.CancelledError:
            told += 1
            raise

    async def parent():
        async with asyncio.TaskGroup() as children:
            for _ in range(family):
                children.create_task(wait())

    async def root():
        async with asyncio.TaskGroup() as parents:
            for _ in range(count // family):
                parents.create_task(parent())

    tree = asyncio.create_task(root())
    await ready
    begin = now()
    tree.cancel()
    try:
        await tree
    except asyncio.CancelledError:
        pass
    metric("ms", (now() - begin) / 1e6 * (100_000 / count))
    check(told)


async def count_up(count):
    for number in range(1, count + 1):
        yield number


async def run_generator(quick):
    count, total = 500_000 if quick else 5_000_000, 0
    begin = now()
    async for number in count_up(count):
        total += number
    metric("ns_per_item", (now() - begin) / count)
    if total != count * (count + 1) // 2:
        end(FAILED, f"the values come to {total}")
    check(count)


async def run_eight(count, task):
    """Eight tasks of so many operations each; what they result in is added up."""
    begin = now()
    tasks = [asyncio.create_task(task(count)) for _ in range(8)]
    done = sum([await one for one in tasks])
    metric("ns_per_op", (now() - begin) / (8 * count))
    check(done)


async def run_mutex(quick):
    mutex = asyncio.Lock()

    async def count(times):
        done = 0
        for _ in range(times):
            async with mutex:
                done += 1
        return done

    await run_eight(100_000 if quick else 1_000_000, count)


async def run_semaphore(quick):
    semaphore = asyncio.Semaphore(4)

    async def use(times):
        done, sleep = 0, asyncio.sleep
        for _ in range(times):
            async with semaphore:
                await sleep(0)
                done += 1
        return done

    await run_eight(20_000 if quick else 100_000, use)


def save(directory, name):
    temporary = f"{directory}/.{name}.part"
    with open(temporary, "xb", buffering=0) as file:
        file.write(bytes(1000))
    os.rename(temporary, f"{directory}/{name}")


async def run_file(quick):
    count = 1000 if quick else 10_000
    where = os.environ.get("SLEY_BENCH_DIRECTORY") or "/dev/shm"
    numbers = iter(range(count))

    async def save_some(directory):
        for number in numbers:
            await asyncio.to_thread(save, directory, number)

    with tempfile.TemporaryDirectory(dir=where if os.access(where, os.W_OK) else None) as directory:
        begin = now()
        tasks = [asyncio.create_task(save_some(directory)) for _ in range(64)]
        for task in tasks:
            await task
        metric("us_per_file", (now() - begin) / count / 1000)
        check(sum(entry.stat().st_size == 1000 and entry.name[0] != "." for entry in os.scandir(directory)))


async def run_stall(quick):
    seconds, hogs, ended, late = 0.1 if quick else 1.0, 2, 0, []

    def compute():
        until = time.thread_time() + seconds
        while time.thread_time() < until:
            sum(range(1000))
        return 1

    async def sleep_again_and_again():
        while ended < hogs:
            deadline = now() + 1_000_000
            await asyncio.sleep(0.001)
            late.append(max(0, now() - deadline))

    async def compute_aside():
        nonlocal ended
        count = await asyncio.to_thread(compute)
        ended += count  # not in one: it would add to what it was before

    await asyncio.gather(sleep_again_and_again(), *[compute_aside() for _ in range(hogs)])
    late.sort()
    for name, percent in ("p50", 50), ("p99", 99), ("max", 100):
        metric(f"late_{name}_us", percentile(late, percent) / 1e3)
    check(ended)


ROWS = {
    "switch": run_switch,
    "spawn": run_spawn,
    "skynet": run_skynet,
    "memory": run_memory,
    "timer": run_timer,
    "stall": run_stall,
    "wake": run_wake,
    "datagram": run_datagram,
    "channel": run_channel,
    "mutex": run_mutex,
    "semaphore": run_semaphore,
    "scope": run_scope,
    "cancel": run_cancel,
    "generator": run_generator,
    "file": run_file,
}


SERVERS = ("echo", "idle_connections")


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
        print("\n".join([*ROWS, *SERVERS]))
        return
    if sys.argv[1:2] == ["cpu-io"]:
        sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))  # which -I leaves out
        import cpu_io_asyncio
        sys.exit(cpu_io_asyncio.main(sys.argv[2:]))
    row, workers, quick = parse(sys.argv[1:])
    if row not in ROWS and row not in SERVERS:
        end(DECLINED, f"{row}: no such row here")
    if workers > 1:
        end(DECLINED, f"{row}: a loop has one thread")
    if row == "spawn":
        run_spawn(quick)
        return
    if row in SERVERS:
        sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
        import serve_asyncio
        sys.exit(serve_asyncio.main(row, quick, new_event_loop, NAME == "uvloop"))
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(ROWS[row](quick))


main()
