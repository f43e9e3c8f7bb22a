"""What becomes of the files when something breaks.

While sley-fetch downloads some thousand files, some of them in pieces, over old ones here and there,
one thing goes wrong again and again. What goes wrong happens after so many bytes (line.py), so it
happens in the middle whatever the machine does. In between, what stands under a final name must be
the old file or the whole new one; in the end every file must be right, and nothing else be there.

A fault that cannot be made here (no network namespaces, no mounts) is named and left out; one that
never hit is a failure, because then nothing was tried.
"""
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field

from . import job, shapes, site
from .line import Line

OLD = b"what was there before\n"
PATIENCE = 120  # seconds for one run of sley-fetch: longer is a hang
RUNS_MOST = 5  # the last ones of which nothing disturbs
BAD_NETWORK = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "tests",
                           "apps", "_bad_network.py")
HERE, THERE = "10.77.0.1", "10.77.0.2"  # as _bad_network.py has them


class Impossible(Exception):
    """This fault cannot be made here; one line why."""


@dataclass
class Outcome:
    """A line of the result."""

    fault: str
    times: int = 0
    runs: int = 0
    right: int = 0
    missing: int = 0
    wrong: int = 0
    left_behind: int = 0
    problems: list = field(default_factory=list)

    @property
    def good(self):
        return not self.problems

    def text(self):
        times, runs = (f"{count} {what}{'' if count == 1 else 's'}" for count, what in
                       ((self.times, "time"), (self.runs, "run")))
        line = (f"{self.fault}: {times}, {runs}: {self.right} files right, {self.missing} missing, "
                f"{self.wrong} wrong, {self.left_behind} left behind")
        return line + "".join(f"; {problem}" for problem in self.problems)

    def entry(self):
        return asdict(self)


class Stage:
    """One fault's place: the list, the directory, the journal, the line to the server."""

    def __init__(self, fault, tool, base, names=None):
        self.tool, self.outcome, self.status = tool, Outcome(fault), 1
        self.home = os.path.join(tool.home, fault.split(" ")[0])
        self.into = os.path.join(self.home, "into")
        self.journal = os.path.join(self.home, "journal")
        self.list = os.path.join(self.home, "list")
        os.makedirs(self.into)
        self.use(base, names or tool.names)

    def use(self, base, names):
        self.files = [self.tool.content.wanted(base, name) for name in names]
        with open(self.list, "w", encoding="utf-8") as file:
            file.writelines(shapes.entries(self.files, "sley"))

    @property
    def bytes(self):
        return sum(one.size for one in self.files)

    def put_old_files(self):
        for one in self.files[::10]:
            with open(os.path.join(self.into, one.name), "wb") as file:
                file.write(OLD)

    def start(self, *options, prefix=()):
        """sley-fetch, in the background."""
        self.outcome.runs += 1
        command = [*prefix, self.tool.fetch, "get", "--quiet", "--no-proxy", "--input", self.list,
                   "--output", self.into, "--journal", self.journal, "--parallel", "64", "--retries",
                   "1000", "--retry-wait", "1ms", "--retry-most", "20ms", "--ranges", "4",
                   "--range-size", str(self.tool.big // 4), *options]
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL, preexec_fn=site.end_with_us)

    def finish(self, child):
        """Its end. None: it hangs, and is ended."""
        try:
            return child.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
            self.outcome.problems.append(f"no end after {PATIENCE} s")
            return None

    def look(self):
        """In the middle: what has its final name is the old file or the new one."""
        digest = site.hashlib.sha256(OLD).hexdigest()
        found = job.check(self.into, self.files, old=(digest,))
        if found.wrong:
            self.outcome.problems.append(f"{found.wrong} half-written under their final names")

    def run(self, *options, prefix=()):
        """Until it says that all is there."""
        for _ in range(RUNS_MOST):
            self.status = self.finish(self.start(*options, prefix=prefix))
            if self.status in (0, None):
                break

    def judge(self):
        """Whether what it said last is true."""
        outcome, found, status = self.outcome, job.check(self.into, self.files), self.status
        outcome.right, outcome.missing, outcome.wrong = found.right, found.missing, found.wrong
        outcome.left_behind = found.other
        if status not in (0, None):
            outcome.problems.append(f"exit status {status} of the last run")
        if found.right != len(self.files) or found.other:
            outcome.problems.append(f"not right: {found.text()}")
        if outcome.times == 0:
            outcome.problems.append("it never hit")


def wait_for(child, happened):
    """Until it has happened. False: the program has ended before."""
    while not happened():
        if child.poll() is not None:
            return False
        time.sleep(0.002)
    return True


def with_line(function):
    """A fault that needs the line, and old files."""
    def run(self):
        line = Line("127.0.0.1", self.nginx.ports["plain"])
        stage = self.stage(function.fault, f"http://127.0.0.1:{line.port}")
        stage.put_old_files()
        try:
            function(self, stage, line)
        finally:
            line.close()
        return stage.outcome
    return run


def fault(name):
    def mark(function):
        function.fault = name
        return function
    return mark


class Faults:
    """home: a directory on the disk; count: how often each goes wrong."""

    def __init__(self, fetch, place, home, sizes):
        self.fetch, self.home, self.count = os.path.abspath(fetch), os.path.abspath(home), sizes.faults
        self.content, self.big = place.content, sizes.fault_big
        self.names = self.content.add_small("f", sizes.fault_files)
        for name in ("g0", "g1"):
            self.content.add(name, sizes.fault_big)
        self.names += ["g0", "g1"]
        self.nginx = site.Nginx(os.path.join(self.home, "nginx"), self.content.root, 0)

    def stage(self, name, base, names=None):
        return Stage(name, self, base, names)

    # --- the faults ----------------------------------------------------------------------------

    @with_line
    @fault("server killed and started again")
    def server(self, stage, line):
        child = stage.start()
        step = stage.bytes // (self.count + 1)
        for _ in range(self.count):
            line.hold_after(step)
            if not wait_for(child, line.held.is_set):
                break
            stage.outcome.times += 1
            self.nginx.stop(signal.SIGKILL)
            stage.look()
            refused = line.refused
            line.release()
            wait_for(child, lambda: line.refused > refused)
            self.start_server()
        stage.status = stage.finish(child)
        self.conclude(stage)

    def conclude(self, stage):
        """After a run that should have got over everything; else it goes on undisturbed."""
        stage.look()
        if stage.status not in (0, None):
            stage.run()
        stage.judge()

    def start_server(self):
        for _ in range(100):
            if self.nginx.start():
                return
            time.sleep(0.02)
        raise RuntimeError(f"nginx does not start again: {self.nginx.said()}")

    @with_line
    @fault("connections reset")
    def resets(self, stage, line):
        line.reset_every(max(stage.bytes // (10 * self.count), 1))
        child = stage.start()
        stage.status = stage.finish(child)
        line.reset_every(0)
        stage.outcome.times = line.resets
        self.conclude(stage)

    @with_line
    @fault("sley-fetch killed")
    def killed(self, stage, line):
        step = stage.bytes // (self.count + 1)
        for _ in range(self.count):
            line.hold_after(step)
            child = stage.start()
            hit = wait_for(child, line.held.is_set)
            child.kill()
            child.wait()
            line.release()
            stage.look()
            if not hit:
                break
            stage.outcome.times += 1
        stage.run()
        stage.judge()

    @fault("disk full")
    def disk(self):
        stage = self.stage("disk full", self.nginx.base("plain"))
        with SmallDisk(stage.into) as disk:
            stage.into = disk.path
            disk.resize(stage.bytes)
            stage.put_old_files()
            for turn in range(self.count):
                disk.resize(stage.bytes * (turn + 1) // (self.count + 1))
                status = stage.finish(stage.start("--retries", "1"))
                stage.outcome.times += status == 1
                if status == 0:
                    stage.outcome.problems.append("it says that all is there on a disk that is full")
                stage.look()
            disk.resize(3 * stage.bytes + (16 << 20))
            stage.run()
            stage.judge()
        return stage.outcome

    @fault("delay, loss and resets between two networks")
    def network(self):
        with BadNetwork() as network:
            there = site.Nginx(os.path.join(self.home, "nginx-there"), self.content.root, 0,
                               address=THERE, prefix=network.inside(1))
            try:
                stage = self.stage("delay, loss and resets between two networks", there.base("plain"),
                                   self.names[: len(self.names) // 10] + ["g0"])
                stage.put_old_files()
                stage.run(prefix=network.inside(0))
                stage.outcome.times = network.sent_again(1)
                stage.judge()
            finally:
                there.stop()
        return stage.outcome

    def run(self, tell):
        """All of them: (outcomes, what was left out)."""
        outcomes, notes = [], []
        for name in ("server", "resets", "killed", "disk", "network"):
            try:
                outcomes.append(getattr(self, name)())
                tell(outcomes[-1])
            except Impossible as reason:
                notes.append(f"fault: {name}: left out: {reason}")
        return outcomes, notes

    def close(self):
        self.nginx.stop()
        shutil.rmtree(self.home, ignore_errors=True)


# --- places where things can go wrong ------------------------------------------------------------


def said_by(command):
    """Runs a command that must succeed; else it is impossible here."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Impossible(f"{command[0]}: {done.stderr.strip()[-150:] or 'it fails'}")
    return done.stdout


class SmallDisk:
    """A file system in memory, of a size that can be changed, that only a namespace of its own sees;
    a process keeps it, and through that process's root directory we see it, too."""

    def __init__(self, where):
        self.where = os.path.abspath(where)

    def __enter__(self):
        if not shutil.which("unshare") or not shutil.which("nsenter"):
            raise Impossible("there is no unshare or nsenter")
        self.users = [] if os.geteuid() == 0 else ["-r"]
        command = ["unshare", "-m", *self.users, "sh", "-c",
                   f"mount -t tmpfs -o size=1m,mode=755 sley-load '{self.where}' && echo there && "
                   "exec sleep 100000"]
        self.keeper = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                       stderr=subprocess.DEVNULL, text=True,
                                       preexec_fn=site.end_with_us)
        if self.keeper.stdout.readline() != "there\n":
            self.__exit__()
            raise Impossible("no mount namespace with a file system of our own")
        self.path = f"/proc/{self.keeper.pid}/root{self.where}"
        return self

    def resize(self, size):
        enter = ["nsenter", "-t", str(self.keeper.pid), "-m"] + (["-U", "--preserve-credentials"]
                                                                if self.users else [])
        said_by([*enter, "mount", "-o", f"remount,size={size}", self.where])

    def __exit__(self, *_):
        self.keeper.kill()
        self.keeper.wait()
        self.keeper.stdout.close()


class BadNetwork:
    """Two network namespaces and a line between them on which packets come late, twice, out of order,
    not at all, or as a reset: that of the tests."""

    OPTIONS = ("--seed", "1", "--delay", "1", "--jitter", "2", "--loss", "2", "--double", "1",
               "--reset", "0.1")

    def __init__(self):
        self.spaces = [f"sley-load-{side}-{os.getpid()}" for side in "ab"]
        self.made, self.line = [], None

    def __enter__(self):
        if not shutil.which("ip") or not os.path.exists("/dev/net/tun"):
            raise Impossible("there is no ip or no /dev/net/tun")
        try:
            for space in self.spaces:
                said_by(["ip", "netns", "add", space])
                self.made.append(space)
            self.line = subprocess.Popen([sys.executable, "-B", BAD_NETWORK, *self.spaces, *self.OPTIONS],
                                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                                         stderr=subprocess.DEVNULL, preexec_fn=site.end_with_us)
            if self.line.stdout.readline() != "ready\n":
                raise Impossible("no tun device")
        except BaseException:
            self.__exit__()
            raise
        return self

    def inside(self, side):
        """The prefix of a command that runs in that network."""
        return ["ip", "netns", "exec", self.spaces[side]]

    def sent_again(self, side):
        """How many packets one side had to send again so far."""
        lines = said_by([*self.inside(side), "cat", "/proc/net/snmp"]).splitlines()
        names, values = (line.split() for line in lines if line.startswith("Tcp:"))
        return int(values[names.index("RetransSegs")])

    def __exit__(self, *_):
        if self.line:
            self.line.terminate()
            self.line.wait()
            self.line.stdout.close()
        for space in self.made:
            subprocess.run(["ip", "netns", "del", space], stdin=subprocess.DEVNULL, check=False,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
