"""Programs, runs and time that the tests make up."""
import io
import os
import stat
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import process  # noqa: E402
import progress  # noqa: E402
import programs  # noqa: E402
import rows  # noqa: E402
import session  # noqa: E402


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


class Durations(progress.Durations):
    def __init__(self):
        super().__init__("/nonexistent/durations.json", True)


def silent():
    return progress.Progress(io.StringIO())


def peer(name, offers=("switch",)):
    return programs.Program(name, f"/fake/{name}", f"{name} 1.0",
                            offers=dict.fromkeys(offers, ""))


def sley(offers=("switch",)):
    return programs.Sley("sley", "/fake/sley-bench", "sley 0.1.0",
                         offers=dict.fromkeys(offers, "why"))


def sley_output(bench, workers, values):
    """What sley-bench prints: values is metric -> (value, unit)."""
    return "".join(f'{{"bench":"{bench}","workers":{workers},"metric":"{name}","unit":"{unit}",'
                   f'"median":{value},"min":{value},"max":{value},"runs":1}}\n'
                   for name, (value, unit) in values.items())


class Machine:
    """Runs commands of made-up programs: behaviour[name](call number, workers) -> (output, wall),
    or a Run. Keeps what was called."""

    def __init__(self, behaviour):
        self.behaviour, self.calls, self.clock = behaviour, [], Clock()

    def execute(self, command, timeout):
        name, bench, workers = os.path.basename(command[0]), command[1], int(command[3])
        self.calls.append((name, bench, workers))
        came = self.behaviour[name](self.calls.count((name, bench, workers)), workers)
        run = came if isinstance(came, process.Run) else process.Run(output=came[0], wall=came[1],
                                                                     own=came[1] / 2)
        if run.wall >= timeout:
            run.problem, run.wall = "no result", timeout
        self.clock.now += run.wall
        return run


def switch_peer(values, wall=1.0, check=None):
    """A peer whose n-th run of `switch` (the discarded one is the first) gives values[n - 1]."""
    def behave(call, workers):
        right = rows.ROWS["switch"].check(workers, False)
        done = right if check is None else check
        return f"ns_per_switch {values[call - 1]}\ncheck {done}\n", wall
    return behave


def switch_sley(values, wall=1.0):
    def behave(call, workers):
        return sley_output("switch", workers, {"ns_per_switch": (values[call - 1], "ns")}), wall
    return behave


def make_session(machine, participants, benches=("switch",), workers=(1,), **options):
    return session.Session(participants, list(benches), list(workers),
                           session.Options(**options), Durations(), silent(), machine.execute,
                           lambda size: None, machine.clock)


def write_program(path, text):
    """An executable script."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, os.stat(path).st_mode | stat.S_IXUSR)
