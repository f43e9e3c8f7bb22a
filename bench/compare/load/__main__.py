"""The command `./run load`.

Exit status: 0 all is well, 1 a program failed, or a file was not right after a fault, 2 the command
line is wrong, 130 interrupted (what was complete is written).
"""
import argparse
import json
import os
import shutil
import sys
import tempfile
import time

import frame
import kept
import machine
import parse
import plots
import programs
import report
import session
import table
from frame import FAILED, INTERRUPTED, USAGE
from progress import Durations, Progress

from . import faults, job, shapes, site

USAGE_LINE = "./run load [NAME...] [--quick] [--programs A,B] [--timeout SECONDS]"
QUICK_LIMIT = 6 * 60  # seconds for the measured part; the promise is 10 minutes for all
ROW_LIMIT = 70  # of them for one row
FAULTS = "faults"

HOW = """
<p>Every program downloads the same list from the same server on this machine, one process per
measurement, into a directory that is made for it. The programs of a row run one after the other,
round by round; the first round is discarded. Afterwards each file is compared with the original by
its SHA-256. What the server used is not counted; it shares the processors with whoever downloads.</p>
<p><b>bare</b> is the limit: epoll, write and rename and nothing else. curl, aria2c and wget2 write
under the final name; sley, bare and the programs in Go and Python write under another one and rename.
<b>Ratio</b>: how many times better sley's median is in that row. <b>cpus</b>: CPUs that the program
used on average. <b>others</b>: CPUs that everybody but the program and the servers used: if it is not
near 0, the figures are not to be trusted.</p>
"""


class Parser(argparse.ArgumentParser):
    def error(self, message):
        print(f"load: {message} (see ./run load --help)", file=sys.stderr)
        sys.exit(USAGE)


def parse_arguments(arguments):
    rows = "; ".join(f"{name}: {why}" for name, why in shapes.WHY.items())
    parser = Parser(prog="./run load", usage=USAGE_LINE, description="Downloads with sley-fetch and with "
                    "other programs, round by round, then breaks things while sley-fetch downloads and "
                    "looks at every file. Writes a table, build/load/results.json, faults.json and "
                    "report.html. A ratio above 1: sley is ahead.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"what to do (default: all). {rows}; "
                        f"{FAULTS}: what becomes of the files when something breaks")
    parser.add_argument("--quick", action="store_true", help="smaller sizes, 3 rounds; ends within "
                        "10 minutes")
    parser.add_argument("--tiny", action="store_true", help="a few files, 1 round: shows only that it "
                        "works")
    parser.add_argument("--programs", metavar="A,B", help="only these beside sley; `none`: sley alone")
    parser.add_argument("--timeout", type=float, metavar="SECONDS", help="how long one run may take "
                        "(default 300; with --quick 40)")
    place = parser.add_argument_group("where things are (./run load sets these)")
    place.add_argument("--bin", required=True, metavar="DIR")
    place.add_argument("--programs-in", required=True, metavar="DIR")
    place.add_argument("--out", required=True, metavar="DIR")
    place.add_argument("--install", action="store_true", help="install the packages of the others")
    return parser, parser.parse_args(arguments)


def sizes_of(arguments):
    return shapes.TINY if arguments.tiny else shapes.QUICK if arguments.quick else shapes.FULL


def options_of(arguments, spent):
    """spent: seconds that building and preparing have taken."""
    quick = arguments.quick or arguments.tiny
    timeout = arguments.timeout or (40 if quick else 300)
    limit = max(QUICK_LIMIT - spent, QUICK_LIMIT / 4)
    return session.Options(quick=quick, rounds=1 if arguments.tiny else 3 if quick else 5, timeout=timeout,
                           limit=limit if arguments.quick and not arguments.tiny else None,
                           row_limit=ROW_LIMIT)


def room_in_memory(sizes):
    """Whether the row in memory is possible, and why not."""
    needed = sizes.small * 2 * shapes.SMALL_MOST
    if not os.path.ismount(job.MEMORY_FILES):
        return f"{job.MEMORY_FILES} is no file system of its own"
    there = os.statvfs(job.MEMORY_FILES)
    if there.f_bavail * there.f_frsize < needed:
        return f"{job.MEMORY_FILES} has no room"
    return None


def rows_of(names, sizes, notes):
    """The rows to measure; what is left out goes into the notes."""
    rows = [name for name in names if name != FAULTS]
    if "many" in rows and not sizes.copies:
        rows.remove("many")
        notes.append("many: left out with --quick")
    problem = room_in_memory(sizes)
    if "tmpfs" in rows and problem:
        rows.remove("tmpfs")
        notes.append(f"tmpfs: left out: {problem}")
    return rows


def open_programs(arguments, parser, show, failures, notes):
    """sley, the bare loop, and the others that can be had."""
    there = ["bare"] + programs.find_peers(arguments.programs_in)
    names = frame.choose_peers(parser, arguments.programs, there, "--programs", "program")
    arguments.peers_in = arguments.programs_in
    found = [job.open_sley(os.path.join(arguments.bin, "sley-fetch"))]
    if "bare" in names:
        found.append(job.open_bare(os.path.join(arguments.bin, "sley-load-bare")))
    rest = [name for name in names if name != "bare"]
    return found + frame.open_peers(rest, arguments, show, failures, notes, job.Downloader)


def fault_section(outcomes):
    """For the page."""
    if not outcomes:
        return ""
    names = ("times", "runs", "right", "missing", "wrong", "left_behind")
    head = [report.cell("th", "what broke", "l")]
    head += [report.cell("th", name.replace("_", " ")) for name in names]
    head += [report.cell("th", "verdict", "l")]
    body = "".join(report.row(
        [report.cell("td", report.text(outcome.fault), "l")]
        + [report.cell("td", str(getattr(outcome, name))) for name in names]
        + [report.cell("td", report.text("; ".join(outcome.problems) or "all right"), "t")])
        for outcome in outcomes)
    return ("<h2>When something breaks</h2><p>What was broken while sley-fetch downloaded, how often, how "
            "many runs it took, and what lay in the directory afterwards, each file compared with the "
            "original; in the middle, too, nothing half-written stood under a final name unless the "
            "verdict says so.</p>" + report.wide(head, body))


class Load:
    """One call of the command."""

    def __init__(self, arguments, parser):
        self.started = time.monotonic()
        self.arguments, self.sizes = arguments, sizes_of(arguments)
        self.show, self.failures, self.notes = Progress(), [], []
        self.outcomes, self.whole = [], True
        names = frame.choose(parser, arguments.names, list(shapes.WHY) + [FAULTS], "row")
        self.rows = rows_of(names, self.sizes, self.notes)
        self.with_faults = FAULTS in names
        self.programs = open_programs(arguments, parser, self.show, self.failures, self.notes)
        self.work = tempfile.mkdtemp(prefix="work-", dir=arguments.out)
        self.place = None
        self.session = None

    def measured(self):
        self.place.prepare(self.rows, self.show.line)
        bench = job.Bench(self.work, self.place, os.path.abspath(
            os.path.join(self.arguments.bin, "sley-load-meter")))
        rows = {name: shapes.row_of(shape) for name, shape in self.place.shapes.items()}
        durations = Durations(os.path.join(self.arguments.out, "durations.json"), self.arguments.quick)
        self.session = session.Session(self.programs, self.rows, [machine.usable_cpus()],
                                       options_of(self.arguments, time.monotonic() - self.started),
                                       durations, self.show,
                                       execute=bench.run, row_of=rows.get)
        facts = machine.describe()
        frame.print_header(facts, self.programs)
        self.whole = frame.measure(self.session, self.arguments.out)
        self.failures += self.session.failures
        self.notes += self.session.notes
        if not self.arguments.tiny:
            durations.save()
        return facts

    def broken(self):
        """The part with the faults."""
        self.show.line("breaking things while sley-fetch downloads")
        tool = faults.Faults(os.path.join(self.arguments.bin, "sley-fetch"), self.place,
                             os.path.join(self.work, "faults"), self.sizes)
        try:
            self.outcomes, notes = tool.run(lambda one: print(f"fault: {one.text()}", flush=True))
            self.notes += notes
            self.failures += [f"fault: {one.text()}" for one in self.outcomes if not one.good]
        finally:
            tool.close()

    def run(self):
        frame.heed_interrupts()
        facts = []
        try:
            self.place = site.Site(os.path.join(self.work, "site"),
                                   os.path.join(self.arguments.bin, "sley-flagserver"), self.sizes)
            facts = self.measured()
            if self.with_faults and self.whole:
                frame.heed_interrupts()
                self.broken()
        except KeyboardInterrupt:
            self.whole = False
        finally:
            frame.ignore_interrupts()
            if self.place:
                self.place.close()
            shutil.rmtree(self.work, ignore_errors=True)
        return self.finish(facts)

    def finish(self, facts):
        if not self.whole:
            self.notes.append("interrupted: what is missing was not complete")
        if self.session and not frame.is_in_vain(self.session, self.whole):
            self.write(facts)
        if not self.whole:
            return INTERRUPTED
        return FAILED if self.failures else 0

    def write(self, facts):
        out = self.arguments.out
        frame.write_json(os.path.join(out, "results.json"), self.session.results)
        quick = self.arguments.quick or self.arguments.tiny
        kept.write_taken(out, facts, quick, table.busiest(self.session.results))
        with open(os.path.join(out, "faults.json"), "w", encoding="utf-8") as file:
            json.dump([one.entry() for one in self.outcomes], file, indent=1)
            file.write("\n")
        page = report.Page(facts, self.session, self.failures, self.notes, quick)
        page.title, page.how, page.extra = "Downloads under load", HOW, fault_section(self.outcomes)
        report.write(os.path.join(out, "report.html"), page, plots.Plotter(self.notes))
        frame.print_end(self.session, self.failures, self.notes, out)


def main(argv):
    parser, arguments = parse_arguments(argv)
    arguments.out = os.path.abspath(arguments.out)
    os.makedirs(arguments.out, exist_ok=True)
    try:
        return Load(arguments, parser).run()
    except (programs.Broken, parse.BadOutput, site.Missing, RuntimeError) as error:
        print(f"load: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
