"""Measures: every design at every point, round by round.

A design is run by one program: sley-bench has six, Go one, asyncio three. All designs run one after
the other at a point, then again, so that what disturbs the machine disturbs all; the first round is
not counted. What fails at a point has fallen over there: that is a finding, and the same design is
not asked for more clients at that share.
"""
import json
import math
import time
from dataclasses import dataclass

import parse
import process

from . import points as model

SLEY_DESIGNS = ("tasks", "tasks+threads", "tasks+processes")
BENCH_DESIGNS = SLEY_DESIGNS + ("loop", "threads", "processes")
PEER_DESIGNS = {"go": ("go",), "asyncio": ("asyncio", "asyncio+threads", "asyncio+processes")}


@dataclass
class Settings:
    quick: bool
    workers: int
    rounds: int
    seconds: float  # that the best design is busy at a point
    timeout: float  # of one run
    limit: float = math.inf  # seconds for all of it


@dataclass
class Design:
    name: str
    path: str
    program: str  # whose it is: "sley-bench", "go"

    def command(self, point, requests, workers):
        numbers = {"--cpu-us": point.cpu_us, "--io-us": point.io_us, "--requests": requests,
                   "--concurrency": point.clients, "--workers": workers}
        words = [word for name, value in numbers.items() for word in (name, str(value))]
        named = [] if self.program == "go" else ["--design", self.name]
        json_too = ["--json"] if self.program == "sley-bench" else []
        return [self.path, "cpu-io"] + named + words + json_too


def designs(sley_bench, peers, chosen=None):
    """All that can be run here; peers is a list of programs with name and path."""
    found = [Design(name, sley_bench, "sley-bench") for name in BENCH_DESIGNS]
    for peer in peers:
        found += [Design(name, peer.path, peer.name) for name in PEER_DESIGNS.get(peer.name, ())]
    return [design for design in found if chosen is None or design.name in chosen]


def read(output, design, point, requests):
    """The figures of a run; raises BadOutput."""
    try:
        entry = json.loads(output)
        place = (entry["design"], entry["cpu_us"], entry["io_us"], entry["requests"],
                 entry["concurrency"])
        figures = {name: parse.number(entry[name], name) for name in model.FIGURES}
    except (ValueError, KeyError, TypeError):
        raise parse.BadOutput(f"printed garbage: '{parse.excerpt(output)}'") from None
    if place != (design.name, point.cpu_us, point.io_us, requests, point.clients):
        raise parse.BadOutput("printed the figures of another load")
    if not (figures["requests_per_s"] and figures["p99_us"]):
        raise parse.BadOutput("printed that requests took no time, or that there were none")
    return figures


def place(point):
    return f"{point.share} % computing, {point.clients:,} client{'' if point.clients == 1 else 's'}"


class Sweep:
    def __init__(self, chosen, settings, show):
        self.designs, self.settings, self.show = chosen, settings, show
        self.data = model.Data(ours=SLEY_DESIGNS)
        self.others = 0.0  # CPU seconds of everybody else,
        self.wall = 0.0  # in so much time
        self.notes = []
        self.begin = time.monotonic()

    def given_up(self, point, design):
        """Whether it has fallen over at this share with fewer clients."""
        return any(p.share == point.share and p.clients < point.clients and name == design.name
                   for p, name in self.data.fell)

    def once(self, point, design, counted):
        requests = point.requests(self.settings.seconds, self.settings.workers)
        run = process.run(design.command(point, requests, self.settings.workers),
                          self.settings.timeout)
        try:
            if run.problem:
                raise parse.BadOutput(run.problem)
            figures = read(run.output, design, point, requests)
        except parse.BadOutput as problem:
            self.data.fell[point, design.name] = str(problem)
            self.data.remove(point, design.name)
            return
        if counted:
            self.data.add(point, design.name, figures)
            self.others += run.others
            self.wall += run.wall

    def late(self):
        return time.monotonic() - self.begin > self.settings.limit

    def cut(self, point, rounds):
        """The time is over in the middle of a point: either each of its designs has at least one
        whole round, or it has not been measured."""
        if rounds:
            self.notes.append(f"{rounds} of {self.settings.rounds} rounds with {place(point)}")
            return
        self.notes.append(f"no time for {place(point)}")
        for design in self.designs:
            self.data.remove(point, design.name)

    def point(self, point):
        here = [design for design in self.designs if not self.given_up(point, design)]
        for design in self.designs:
            if design not in here:
                self.data.fell[point, design.name] = "it could not with fewer clients"
        for number in range(self.settings.rounds + 1):
            if number and self.late():
                self.cut(point, number - 1)
                return
            for design in here:
                if (point, design.name) in self.data.fell:
                    continue
                self.show.now(f"cpu-io, {place(point)}, round "
                              f"{number} of {self.settings.rounds}: {design.name}")
                self.once(point, design, number > 0)

    def name_missing(self, todo):
        """The points that are not even tried here."""
        missing = [place(point) for point in model.points(self.settings.quick) if point not in todo]
        if missing:
            self.notes.append("left out, as a run would take too long on this machine: "
                              + "; ".join(missing))

    def run(self):
        """All points that the workers can do; those for which there is no time are named."""
        todo = model.points(self.settings.quick, self.settings.workers)
        self.name_missing(todo)
        self.begin = time.monotonic()
        for done, point in enumerate(todo):
            spent = time.monotonic() - self.begin
            if done and spent + spent / done > self.settings.limit:
                self.notes.append(f"no time for the last {len(todo) - done} of {len(todo)} points")
                break
            self.show.block(f"cpu-io: {place(point)} ({done + 1} of {len(todo)})")
            self.point(point)
        self.show.clear()

    def busy(self):
        """CPUs that others have used meanwhile."""
        return self.others / self.wall if self.wall else 0.0
