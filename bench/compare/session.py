"""The measuring itself: blocks, rounds, and what to do when something goes wrong.

A block is one row with one number of workers. In it all programs run one after the other, round by
round: what disturbs the machine for a minute disturbs everybody. The first round is discarded; it
warms the machine and tells how long each program takes. Without --quick each round starts with
another program, so that nobody is always the first.

Failures. A program that crashes, hangs, prints garbage or finds a wrong result is out of its block,
with the figures it had: a program that fails once in six runs does not do the work. That is one
line; the others go on. A program that says that it does not offer the row is not a failure.

Time. --quick promises an end. A row may take ROW_LIMIT; when the first round shows that not all
fits, the quick programs get all their rounds and the slowest get fewer, and it is said. Without
--quick nothing is ever cut.
"""
import time
from dataclasses import dataclass, field

import parse
import process
import progress
import stats
import warm
from rows import row_of

QUICK_LIMIT = 9 * 60  # seconds for everything; the promise is 10 minutes
ROW_LIMIT = 105  # for one row; the promise is 2 minutes
ROW_RESERVE = 10  # what a row leaves for each row after it
DISCARDED = 1 / 3  # of the time that is left in a block: what a discarded run may take
SLACK = 1.5  # no two runs take the same time
TICKS_ENOUGH = 1.0  # seconds in which /proc/stat, which counts in 10 ms, says who used what
FIRST_BLOCK = 0.7  # of a row's time: programs with one thread only run in the first block


@dataclass
class Options:
    quick: bool = False
    rounds: int = 5
    timeout: float = 300.0
    limit: float = None  # seconds from now for everything, or None
    row_limit: float = ROW_LIMIT


@dataclass
class Result:
    """One figure of one program: a line of the table."""

    bench: str
    peer: str
    version: str
    workers: int
    metric: object
    values: list
    ratio: float = None
    cpus: float = None  # used by the program
    others: float = None  # used by everybody else meanwhile

    def entry(self):
        """As in results.json."""
        median, low, high = stats.summarise(self.values)
        return {"bench": self.bench, "peer": self.peer, "version": self.version,
                "workers": self.workers, "metric": self.metric.name, "unit": self.metric.unit,
                "better": self.metric.better, "median": median, "min": low, "max": high,
                "runs": len(self.values), "ratio": self.ratio}


@dataclass
class Tally:
    """What one program has done in one block."""

    program: object
    cost: float = 0.0
    values: dict = field(default_factory=dict)
    metrics: dict = field(default_factory=dict)
    wall: float = 0.0
    own: float = 0.0
    others: float = 0.0
    out: bool = False

    def add(self, run, values, metrics):
        for name, value in values.items():
            self.values.setdefault(name, []).append(value)
        self.metrics.update(metrics)
        self.wall += run.wall
        self.own += run.own
        self.others += run.others


class Session:
    def __init__(self, programs, benches, workers, options, durations, show,
                 execute=process.run, prepare=warm.warm, clock=time.monotonic, row_of=row_of):
        self.programs, self.options, self.row_of = programs, options, row_of
        self.durations, self.show = durations, show
        self.execute, self.prepare, self.clock = execute, prepare, clock
        self.blocks = [(bench, count) for bench in benches for count in workers
                       if count == workers[0] or row_of(bench).every_core]
        self.end = None if options.limit is None else clock() + options.limit
        self.results, self.failures, self.notes = [], [], []
        self.row, self.row_end = None, None

    # --- what goes on --------------------------------------------------------------------------

    def takers(self, bench):
        return [program for program in self.programs if bench in program.offers]

    def expected(self):
        """Seconds that all blocks from here on will take."""
        total = sum(self.durations.expect(bench, workers, program.name)
                    for bench, workers in self.blocks for program in self.takers(bench))
        total *= self.options.rounds + 1
        return total if self.end is None else min(total, max(self.end - self.clock(), 0))

    def tell_block(self, bench, workers):
        names = ", ".join(program.name for program in self.takers(bench))
        self.show.block(f"{bench}, {plural(workers, 'worker')}: {names}; "
                        f"about {progress.span(self.expected())} left in all")

    def tell_run(self, bench, workers, program, turn):
        what = "warming up" if turn == 0 else f"round {turn} of {self.options.rounds}"
        self.show.now(f"{bench}, {plural(workers, 'worker')}, {what}: {program.name}; "
                      f"about {progress.span(self.expected())} left in all")

    # --- time ----------------------------------------------------------------------------------

    def share(self, bench):
        """When the block that starts now must end, or None."""
        if self.end is None:
            return None
        now = self.clock()
        if bench != self.row:
            later = len({name for name, _ in self.blocks} - {bench})
            self.row, self.row_end = bench, min(now + self.options.row_limit, self.end - later * ROW_RESERVE)
        others = sum(1 for name, _ in self.blocks if name == bench) > 1
        return now + (self.row_end - now) * (FIRST_BLOCK if others else 1)

    def patience(self, end, counted):
        """How long the next run may take; 0 when there is no time for it. One that has to be
        discarded may not take what the others need."""
        if end is None:
            return self.options.timeout
        left = (end - self.clock()) * (1 if counted else DISCARDED)
        return min(self.options.timeout, left) if left >= 0.5 else 0

    # --- one run, one block, all ---------------------------------------------------------------

    def drop(self, tally, bench, workers, text, failure=True):
        tally.out = True
        text = text.removeprefix(f"{tally.program.name}: ").removeprefix(f"{bench}: ")
        line = f"{tally.program.name}: {bench}, {plural(workers, 'worker')}: {text}"
        (self.failures if failure else self.notes).append(line)
        if failure:
            self.show.line(line)

    def measure(self, tally, bench, workers, end, counted):
        """One run of one program; what is wrong with it goes into the lists."""
        row, quick, patience = self.row_of(bench), self.options.quick, self.patience(end, counted)
        if patience <= 0:
            if not counted:
                self.drop(tally, bench, workers, "left out, no time for it in --quick", False)
            return
        self.prepare(row.memory_quick if quick else row.memory)
        run = self.execute(tally.program.command(bench, workers, quick), patience)
        if run.problem and not run.refused and run.wall >= patience < self.options.timeout:
            text = f"left out, a run takes more than the {patience:.0f} s that --quick had left"
            self.drop(tally, bench, workers, text, False)
        elif run.problem:
            self.drop(tally, bench, workers, run.problem, not run.refused)
        else:
            self.accept(tally, bench, workers, run, counted)

    def accept(self, tally, bench, workers, run, counted):
        try:
            values, metrics = tally.program.read(run.output, self.row_of(bench), bench, workers,
                                                 self.options.quick)
        except parse.BadOutput as error:
            self.drop(tally, bench, workers, str(error))
            return
        tally.cost = max(run.wall, tally.cost, 0.001)
        self.durations.learn(bench, workers, tally.program.name, run.wall)
        if counted:
            tally.add(run, values, metrics)

    def run_block(self, bench, workers):
        end = self.share(bench)
        tallies = [Tally(program) for program in self.takers(bench)]
        self.tell_block(bench, workers)
        for tally in self.by_expectation(tallies, bench, workers, end):
            self.tell_run(bench, workers, tally.program, 0)
            self.measure(tally, bench, workers, end, False)
        for turn in range(1, self.options.rounds + 1):
            reserved = 0.0  # for the later rounds of those that have run in this one
            for tally in self.order(tallies, turn, end):
                self.tell_run(bench, workers, tally.program, turn)
                self.measure(tally, bench, workers, end and end - reserved, True)
                reserved += SLACK * tally.cost * (self.options.rounds - turn)
        return self.close_block(bench, workers, tallies)

    def by_expectation(self, tallies, bench, workers, end):
        """The order of the first round: where time can be short those that were quick before."""
        if end is None:
            return tallies
        return sorted(tallies, key=lambda tally: self.durations.expect(bench, workers,
                                                                      tally.program.name))

    def order(self, tallies, turn, end):
        """Who runs in this round, and in which order. Where time can be short the quick ones go
        first: a slow one that takes longer than it did must not take their rounds."""
        if end is None:
            turned = tallies[turn % len(tallies):] + tallies[: turn % len(tallies)]
            return [tally for tally in turned if not tally.out]
        alive = sorted((t for t in tallies if not t.out), key=lambda tally: tally.cost)
        given = stats.allot({tally.program.name: tally.cost for tally in alive},
                            self.options.rounds - turn + 1, end - self.clock())
        return [tally for tally in alive if given[tally.program.name] > 0]

    def close_block(self, bench, workers, tallies):
        alive = [tally for tally in tallies if not tally.out]
        for tally in alive:
            runs = min((len(values) for values in tally.values.values()), default=0)
            if runs < self.options.rounds:
                self.notes.append(
                    f"{tally.program.name}: {bench}, {plural(workers, 'worker')}: {runs} of "
                    f"{self.options.rounds} rounds, a run takes {progress.span(tally.cost)} and "
                    "--quick has an end")
        around = stats.cpus(sum(tally.others for tally in tallies),
                            sum(tally.wall for tally in tallies))
        found = [result for tally in alive
                 for result in results_of(tally, bench, workers, around)]
        set_ratios(found)
        return found

    def run(self, done):
        """All blocks; done(results) is called with each one's. May be interrupted at any time: what
        is complete is in self.results."""
        while self.blocks:
            bench, workers = self.blocks[0]
            if self.takers(bench):
                found = self.run_block(bench, workers)
                self.results += found
                self.show.clear()
                done(found)
            self.blocks.pop(0)


def plural(count, what):
    return f"{count} {what}{'' if count == 1 else 's'}"


def results_of(tally, bench, workers, around):
    """A time of few ticks says nothing of the others: then those of the whole block, `around`."""
    others = stats.cpus(tally.others, tally.wall) if tally.wall >= TICKS_ENOUGH else around
    return [Result(bench, tally.program.name, tally.program.version, workers, tally.metrics[name],
                   values, cpus=stats.cpus(tally.own, tally.wall),
                   others=others)
            for name, values in tally.values.items()]


def set_ratios(results):
    """Within one block: each against sley's median of the same metric."""
    ours = {result.metric.name: stats.summarise(result.values)[0]
            for result in results if result.peer == "sley"}
    for result in results:
        if result.metric.name in ours:
            result.ratio = stats.ratio(ours[result.metric.name],
                                       stats.summarise(result.values)[0], result.metric.better)
