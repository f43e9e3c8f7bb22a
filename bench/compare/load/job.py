"""One download: in a fresh directory, by one program, measured, then checked file by file.

For the frame of the comparison this is what running a program is there: a Job goes in, a Run comes
out, with figures as any peer prints them. So rounds, time limits, failures, the table and the page
need not know what is measured.

The directory is made and removed outside of the measured time; what other runs have left to be
written goes to the disk before. The time of the servers is taken out of what `others` have used:
they work for whoever downloads.
"""
import os
import shutil
import tempfile
from dataclasses import dataclass

import parse
import process
import programs

from . import shapes, site

MEMORY_FILES = "/dev/shm"


@dataclass
class Job:
    """What a program is asked to do; row and program for messages."""

    row: str
    program: object


class Downloader(programs.Program):
    """A program of bench/downloads, or the bare loop."""

    def command(self, bench, workers, quick):
        return Job(bench, self)

    def arguments(self, row, shape):
        return [self.path, "fetch", row, shape.lists, str(shape.parallel), shape.authority]


class Bare(Downloader):
    def arguments(self, row, shape):
        return [self.path, "fetch", os.path.join(shape.lists, "tsv"), str(shape.parallel)]


class Sley(Downloader):
    """sley-fetch, called as its user would."""

    def arguments(self, row, shape):
        words = [self.path, "get", "--quiet", "--no-proxy", "-j", str(shape.parallel), "-i",
                 os.path.join(shape.lists, "sley")]
        if row == "tls":
            words += ["--http", "1.1"]
        return words + (["--ca-file", shape.authority] if row in ("tls", "http2") else [])


def open_sley(path):
    program = Sley("sley", os.path.abspath(path), about="sley-fetch get: tasks, libcurl for HTTP; "
                   "temporary names, adapts to each host")
    words = programs.ask([program.path, "--version"], "sley-fetch --version").split()
    program.version = "sley " + (words[-1] if words else "?")
    program.offers = dict(shapes.WHY)
    return program


def open_bare(path):
    program = Bare("bare", os.path.abspath(path), "this machine", "epoll, write and rename in one "
                   "thread: no retries, no timeouts, one server; the limit, not a downloader")
    program.offers = parse.parse_list(programs.ask([program.path, "list"], "sley-load-bare list"))
    return program


@dataclass
class Verdict:
    """What lies in the directory, against what should."""

    right: int = 0
    missing: int = 0
    wrong: int = 0
    other: int = 0  # names that nobody has asked for: temporary ones above all
    example: str = ""  # one of them

    def text(self):
        left = f"left behind, such as {self.example}"
        parts = [f"{count} {what}" for count, what in
                 ((self.missing, "missing"), (self.wrong, "wrong"), (self.other, left)) if count]
        return ", ".join(parts) or "all right"


def listed(directory):
    """Paths of all files below the directory."""
    for where, _, names in os.walk(directory):
        for name in names:
            yield os.path.relpath(os.path.join(where, name), directory)


def check(directory, files, old=()):
    """Each file by its content. old: digests that are as good, of files that were there before."""
    found, wanted = Verdict(), {one.name: one for one in files}
    for path in listed(directory):
        one = wanted.pop(shapes.local_name(path), None)
        if one is None:
            found.other += 1
            found.example = found.example or path
        elif site.digest_of(os.path.join(directory, path)) in (one.digest, *old):
            found.right += 1
        else:
            found.wrong += 1
    found.missing = len(wanted)
    return found


def last_words(errors):
    return process.last_line(errors)[:160]


class Bench:
    """Runs jobs. out: a directory on the disk that is to be measured."""

    def __init__(self, out, place, meter):
        self.out, self.place, self.meter = out, place, meter

    def fresh(self, shape):
        if shape.in_memory:
            return tempfile.mkdtemp(prefix="sley-load-", dir=MEMORY_FILES)
        return tempfile.mkdtemp(prefix="run-", dir=self.out)

    def run(self, job, timeout):
        """For the session: a Run whose output has the figures."""
        shape = self.place.shapes[job.row]
        directory, peak = self.fresh(shape), os.path.join(self.out, "peak")
        try:
            os.sync()
            busy = self.place.cpu()
            run = process.run([self.meter, peak] + job.program.arguments(job.row, shape), timeout,
                              cwd=directory)
            run.others = max(run.others - (self.place.cpu() - busy), 0)
            if run.wall < timeout:
                self.judge(run, job, check(directory, shape.files), peak)
        finally:
            shutil.rmtree(directory, ignore_errors=True)
        return run

    def judge(self, run, job, verdict, peak):
        """What the run is worth: figures, or what is wrong."""
        shape = self.place.shapes[job.row]
        gone = run.problem and not run.problem.startswith("exit status")
        if gone or run.refused or (run.problem and not shape.lossy):
            return
        promised = not shape.lossy or isinstance(job.program, Sley)
        if (verdict.wrong and promised) or (verdict.missing and not shape.lossy):
            said = last_words(run.errors)
            run.problem = f"of {len(shape.files)} files {verdict.text()}" + (f": {said}" if said else "")
            return
        run.problem = None  # in `hosts` a program that says that files are missing is right
        with open(peak, encoding="ascii") as file:
            kib = int(file.read())
        run.output = figures(run, shape, verdict, kib)


def figures(run, shape, verdict, kib):
    """As a peer of `./run bench` prints them."""
    values = {"wall_s": run.wall, "cpu_s": run.own, "rss_mib": kib / 1024}
    if shape.lossy:
        values["errors"] = verdict.missing + verdict.wrong
    else:
        values["mib_per_s"] = shape.bytes / shapes.MIB / max(run.wall, 1e-6)
    lines = [f"{name} {value:.9g}" for name, value in values.items()]
    return "\n".join(lines + [f"check {verdict.right + verdict.missing + verdict.wrong}"]) + "\n"
