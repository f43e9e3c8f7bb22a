"""Measures: every subject's rows at every size, round by round.

In a round all sizes run one after the other, so what disturbs the machine for a minute does not
disturb one size only: that would look like growth. The first round is not counted. A row that fails
at a size is named, with its reason, and is not tried with more.
"""
import json
import statistics
import time

import parse
import process

WORKERS = 1  # one: what is asked for is the cost of the work, not who shares it


class Growth:
    def __init__(self, sley_bench, subjects, quick, rounds, timeout, limit, show,
                 execute=process.run, clock=time.monotonic):
        self.path, self.subjects, self.quick, self.rounds = sley_bench, subjects, quick, rounds
        self.timeout, self.limit, self.show = timeout, limit, show
        self.execute, self.clock = execute, clock
        self.values = {}  # (bench, metric, n) -> counted figures
        self.fell = {}  # (bench, n) -> why
        self.notes = []
        self.others = self.wall = 0.0

    def command(self, bench, size):
        return [self.path, bench, "--workers", str(WORKERS), "--size", str(size), "--runs", "1",
                "--warmups", "0", "--json"] + (["--quick"] if self.quick else [])

    def given_up(self, bench, size):
        return any(name == bench and n <= size for name, n in self.fell)

    def once(self, bench, size, counted):
        run = self.execute(self.command(bench, size), self.timeout)
        try:
            if run.problem:
                raise parse.BadOutput(run.problem)
            found = read(run.output, bench, size)
        except parse.BadOutput as problem:
            self.fell[bench, size] = str(problem)
            self.drop(bench, size)
            return
        for metric, value in found.items() if counted else ():
            self.values.setdefault((bench, metric, size), []).append(value)
        self.others += run.others if counted else 0
        self.wall += run.wall if counted else 0

    def drop(self, bench, size):
        """What has failed once in some rounds has not done the work."""
        for key in [key for key in self.values if key[0] == bench and key[2] == size]:
            del self.values[key]

    def row(self, bench, sizes):
        for number in range(self.rounds + 1):
            for size in sizes:
                if not self.given_up(bench, size):
                    self.show.now(f"scaling: {bench} of {size:,}, round {number} of {self.rounds}")
                    self.once(bench, size, number > 0)

    def jobs(self):
        """(bench, sizes), each row once with all sizes that any subject wants."""
        wanted = {}
        for subject in self.subjects:
            for bench in subject.benches():
                wanted.setdefault(bench, set()).update(subject.sizes(self.quick))
        return [(bench, sorted(sizes)) for bench, sizes in wanted.items()]

    def run(self):
        begin, todo = self.clock(), self.jobs()
        for done, (bench, sizes) in enumerate(todo):
            spent = self.clock() - begin
            if done and spent + spent / done > self.limit:
                left = ", ".join(name for name, _ in todo[done:])
                self.notes.append(f"no time was left for {left}")
                break
            self.show.block(f"scaling: {bench}, {sizes[0]:,} to {sizes[-1]:,} "
                            f"({done + 1} of {len(todo)})")
            self.row(bench, sizes)
        self.show.clear()

    def points(self, line):
        """(n, median, min, max) of the total cost, by n."""
        found = []
        for (bench, metric, n), values in self.values.items():
            if (bench, metric) == (line.bench, line.metric):
                totals = [line.total(n, value) for value in values]
                found.append((n, statistics.median(totals), min(totals), max(totals)))
        return sorted(found)

    def busy(self):
        """CPUs that others have used meanwhile."""
        return self.others / self.wall if self.wall else 0.0


def read(output, bench, size):
    """Metric -> value of a run; raises BadOutput."""
    found = {}
    for text in output.splitlines():
        try:
            entry = json.loads(text)
            place, metric = (entry["bench"], entry["size"], entry["workers"]), entry["metric"]
            value = parse.number(entry["median"], metric)
        except (ValueError, KeyError, TypeError):
            raise parse.BadOutput(f"printed garbage: '{parse.excerpt(text)}'") from None
        if place != (bench, size, WORKERS):
            raise parse.BadOutput("printed the figures of another row or size")
        found[metric] = value
    if not found:
        raise parse.BadOutput("printed no figures")
    return found
