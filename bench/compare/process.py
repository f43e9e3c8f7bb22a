"""Runs one program once, and knows what it cost.

Each measurement is a process in a session of its own, so that a Ctrl-C on the terminal reaches only
us and so that a program that hangs is ended with everything it has started. We wait in one select()
for its output and for its end (a pidfd): no polling, nothing that would take CPU from what is
measured, and a grandchild that keeps the pipe open cannot keep us.

What it used is what wait4() says: the process with all descendants it has waited for. What the
others used is the rest of the machine's busy time (/proc/stat, time stolen by the hypervisor
included). That counts in ticks of 10 ms, so it is added up over all runs of a program before it is
divided.
"""
import os
import selectors
import signal
import subprocess
import time
from dataclasses import dataclass

OUTPUT_MAX = 1 << 18  # more is a program that has gone mad
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Run:
    """What came of it. problem: one line for people, or None; refused: it does not offer this."""

    output: str = ""
    errors: str = ""
    problem: str = None
    refused: bool = False
    wall: float = 0.0
    own: float = 0.0  # CPU seconds of the process tree
    others: float = 0.0  # CPU seconds of everybody else meanwhile


def busy_seconds(stat):
    """CPU seconds since boot that were not idle, from the text of /proc/stat."""
    for line in stat.splitlines():
        words = line.split()
        if words and words[0] == "cpu":
            user, nice, system, _, _, irq, soft, steal = map(int, words[1:9])
            return (user + nice + system + irq + soft + steal) / TICKS
    return 0.0


def machine_busy():
    try:
        with open("/proc/stat", encoding="ascii") as stat:
            return busy_seconds(stat.read())
    except OSError:
        return 0.0


def last_line(text):
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else ""


def verdict(status, errors):
    """(problem, refused) of an exit status as subprocess has it: negative is a signal."""
    if status == 0:
        return None, False
    said = last_line(errors)
    if status == 3:
        return said or "does not offer it, and does not say why", True
    if status < 0:
        try:
            name = signal.Signals(-status).name
        except ValueError:
            name = "an unknown one"
        return f"killed by signal {-status} ({name})" + (f": {said}" if said else ""), False
    return f"exit status {status}" + (f": {said}" if said else ""), False


class Collector:
    """The two pipes and the pidfd of one child."""

    def __init__(self, child):
        self.texts = {}
        self.selector = selectors.DefaultSelector()
        self.pidfd = os.pidfd_open(child.pid)
        self.selector.register(self.pidfd, selectors.EVENT_READ)
        for pipe in (child.stdout, child.stderr):
            os.set_blocking(pipe.fileno(), False)
            self.texts[pipe] = bytearray()
            self.selector.register(pipe, selectors.EVENT_READ)

    def read(self, pipe):
        try:
            data = os.read(pipe.fileno(), 1 << 16)
        except BlockingIOError:
            return False
        self.texts[pipe] += data
        return bool(data)

    def collect(self, deadline):
        """Until the child has ended. Returns what is wrong, or None."""
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                return "time"
            for key, _ in self.selector.select(left):
                if key.fileobj == self.pidfd:
                    self.drain()
                    return None
                if not self.read(key.fileobj):
                    self.selector.unregister(key.fileobj)
            if any(len(text) > OUTPUT_MAX for text in self.texts.values()):
                return "output"

    def drain(self):
        for pipe, text in self.texts.items():
            while len(text) <= OUTPUT_MAX and self.read(pipe):
                continue

    def close(self):
        self.selector.close()
        os.close(self.pidfd)
        for pipe in self.texts:
            pipe.close()


def end_group(child):
    """Nothing that it has started outlives it."""
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass


def run(command, timeout, **options):
    """Runs `command` (a list) and waits for its end, at most `timeout` seconds. Never raises for
    what the program does; a KeyboardInterrupt passes through once the program is gone."""
    busy, own, begin = machine_busy(), time.process_time(), time.monotonic()
    result = Run()
    # An interruption between the start and the try would leave the program to itself.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
    try:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, start_new_session=True,
                                 preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_SETMASK,
                                                                           mask), **options)
    except OSError as error:
        result.problem = f"cannot be started: {error.strerror}"
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        return result
    collector = Collector(child)
    try:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        wrong = collector.collect(begin + timeout)
    finally:
        end_group(child)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        result.wall = time.monotonic() - begin
        collector.close()
    result.own = usage.ru_utime + usage.ru_stime
    result.others = machine_busy() - busy - result.own - (time.process_time() - own)
    result.output, result.errors = (bytes(text).decode("utf-8", "replace")
                                    for text in collector.texts.values())
    if wrong == "time":
        result.problem = f"no result after {timeout:.3g} s, killed"
    elif wrong == "output":
        result.problem = "prints without end, killed"
    else:
        result.problem, result.refused = verdict(child.returncode, result.errors)
    return result
