"""What is downloaded: one entry per row, and how much of it.

Every row is a list of files with the transfers that may be under way at once. All programs get the
same list in their own words, all write into a fresh directory, and afterwards each file is compared
with what the server has by its SHA-256. In all rows but `hosts` a file that is missing or wrong is a
failure, not a figure. In `hosts` the server fails on purpose; there what a program has not brought
in spite of its retries, or only half of it, is one of its figures. For sley-fetch half a file is a
failure there, too: it promises that there is none.
"""
import os
from dataclasses import dataclass

from rows import Metric, Row

KIB, MIB = 1 << 10, 1 << 20

SMALL_LEAST, SMALL_MOST = 1 * KIB, 20 * KIB  # bytes of a small file
ACTIVE_SIZE = 200 * KIB

WALL = Metric("wall_s", "s", title="from the start of the program to its end")
CPU = Metric("cpu_s", "s", title="CPU time of the program")
MEMORY = Metric("rss_mib", "MiB", title="memory of the program, its peak")
SPEED = Metric("mib_per_s", "MiB/s", "more", title="bytes of files in a second")
ERRORS = Metric("errors", "files", title="files that are missing or wrong in the end")

WHY = {
    "small": "many small files from nginx to the disk, 64 at a time",
    "tmpfs": "the same to a file system in memory",
    "many": "five times as many to the disk",
    "big": "four large files from nginx to the disk, all at once",
    "tls": "many small files to the disk, 64 at a time, TLS and HTTP/1.1",
    "http2": "the same with HTTP/2",
    "hosts": "a thousand hosts, each answer late and each twentieth none, cut short or 503; 200 at a "
             "time, five retries",
    "active": "a thousand transfers at once, each kept slow by the server",
}


@dataclass(frozen=True)
class Sizes:
    """How much; the three that there are follow."""

    small: int = 20_000  # files
    copies: int = 5  # of them in the row `many`; 0: it is left out
    big: int = 4
    big_size: int = 256 * MIB
    tls: int = 20_000
    hosts: int = 1000
    files_per_host: int = 5
    delay: str = "10ms"  # of the hosts, and
    jitter: str = "90ms"
    active: int = 1000
    active_rate: int = 100 * KIB  # bytes in a second for each
    fault_files: int = 10_000  # small ones while something breaks
    fault_big: int = 32 * MIB  # and two of this size
    faults: int = 8  # how often


FULL = Sizes()
QUICK = Sizes(small=5_000, copies=0, big_size=64 * MIB, tls=2_000, files_per_host=2, fault_files=2_000,
              fault_big=8 * MIB, faults=4)
TINY = Sizes(small=60, copies=0, big=2, big_size=1 * MIB, tls=40, hosts=20, files_per_host=1, delay="1ms",
             jitter="1ms", active=20, active_rate=2 * MIB, fault_files=60, fault_big=1 * MIB, faults=2)


@dataclass(frozen=True)
class Wanted:
    """One file: where it is, what to call it, what it must be."""

    url: str
    name: str
    size: int
    digest: str


@dataclass
class Shape:
    """One row, ready to be downloaded."""

    files: list
    parallel: int
    lists: str  # the directory of the lists
    in_memory: bool = False  # where the files go
    lossy: bool = False  # the server fails on purpose
    authority: str = ""  # to trust

    @property
    def bytes(self):
        return sum(wanted.size for wanted in self.files)


def row_of(shape):
    """What the frame of the comparison wants to know."""
    metrics = (WALL, CPU, MEMORY) + ((ERRORS,) if shape.lossy else (SPEED,))
    return Row(metrics, check=lambda workers, quick: len(shape.files), every_core=False)


def entries(files, form):
    """The list in the words of a program."""
    for wanted in files:
        if form == "tsv":
            yield f"{wanted.url}\t{wanted.name}\n"
        elif form == "sley":
            yield f"{wanted.url} {wanted.name}\n"
        elif form == "urls":
            yield f"{wanted.url}\n"
        elif form == "curl":
            yield f'url = "{wanted.url}"\noutput = "{wanted.name}"\n'
        else:
            yield f"{wanted.url}\n out={wanted.name}\n"


FORMS = ("tsv", "sley", "urls", "curl", "aria2")


def write_lists(directory, files):
    os.makedirs(directory, exist_ok=True)
    for form in FORMS:
        with open(os.path.join(directory, form), "w", encoding="utf-8") as file:
            file.writelines(entries(files, form))


def local_name(path):
    """The name in the list of what lies at `path` below the directory: wget2 cannot be told names, so
    where they would clash it makes directories of hosts: HOST/flags/br/br.gif is HOST-br.gif."""
    parts = path.split(os.sep)
    return path if len(parts) == 1 else f"{parts[0].split(':')[0].split('+')[0]}-{parts[-1]}"
