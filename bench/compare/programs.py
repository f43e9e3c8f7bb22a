"""Who takes part: sley-bench, and the peers in bench/peers/.

A peer is a directory with three things: peer.txt says what it is, which packages it needs and how
it is tuned; `build OUTDIR` makes OUTDIR/PEER and prints its version; and the program runs one row
once (`PEER ROW --workers N [--quick]`), or says which rows it has (`PEER list`). Nothing here knows
any peer by name: a new one is a new directory.

A peer that cannot be had is not an error of the comparison: it is named, with the reason, and the
rest goes on. One that is there and does not work is an error.

A build is done again only when something that goes into it has changed: the peer's files, what the
peers share (the directories beside it that are no peers), or the versions of its packages.
"""
import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field

import parse
import process

BUILD_TIMEOUT = 900


class Missing(Exception):
    """It cannot be had here; one line why."""


class Broken(Exception):
    """It is here and does not work; one line why."""


@dataclass
class Program:
    name: str
    path: str
    version: str = ""
    about: str = ""
    link: str = ""  # how its community tunes it
    offers: dict = field(default_factory=dict)  # row -> what its list says of it

    def command(self, bench, workers, quick):
        return [self.path, bench, "--workers", str(workers)] + (["--quick"] if quick else [])

    def read(self, output, row, bench, workers, quick):
        """(values, metrics) of a run's output; raises BadOutput."""
        if not row.check:
            raise parse.BadOutput(f"nobody knows what is right: rows.py has no check for {bench}")
        found = parse.parse_peer(output, row, row.check(workers, quick))
        return found, {metric.name: metric for metric in row.metrics}


class Sley(Program):
    def command(self, bench, workers, quick):
        return super().command(bench, workers, quick) + ["--runs", "1", "--warmups", "0", "--json"]

    def read(self, output, row, bench, workers, quick):
        return parse.parse_sley(output, row, bench, workers)


def ask(command, what):
    """The output of a short command that must succeed."""
    result = process.run(command, 60)
    if result.problem:
        raise Broken(f"{what}: {result.problem}")
    return result.output


def open_sley(path):
    program = Sley("sley", os.path.abspath(path), about="this library")
    words = ask([program.path, "--version"], "sley-bench --version").split()
    program.version = "sley " + (words[-1] if words else "?")
    program.offers = parse.parse_list(ask([program.path, "list"], "sley-bench list"))
    return program


def read_description(directory):
    """The `key: value` lines of peer.txt."""
    facts = {}
    with open(os.path.join(directory, "peer.txt"), encoding="utf-8") as lines:
        for line in lines:
            key, colon, value = line.partition(":")
            if colon:
                facts[key.strip()] = value.strip()
    return facts


def find_peers(directory):
    """The names of the peers there are, sorted."""
    if not os.path.isdir(directory):
        return []
    return sorted(name for name in os.listdir(directory)
                  if os.path.isfile(os.path.join(directory, name, "peer.txt")))


def installed_versions(packages):
    """Package -> version of those that are installed; None on a system without dpkg."""
    if not shutil.which("dpkg-query"):
        return None
    result = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status} ${Version}\n", *packages],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    lines = (line.split() for line in result.stdout.splitlines())
    return {words[0]: words[2] for words in lines if len(words) == 3 and words[1] == "installed"}


def root_prefix():
    """How to become root, or None."""
    if os.geteuid() == 0:
        return []
    if not shutil.which("sudo"):
        return None
    if sys.stdin.isatty():
        return ["sudo"]
    asked = subprocess.run(["sudo", "-n", "true"], stdin=subprocess.DEVNULL, capture_output=True,
                           check=False)
    return ["sudo", "-n"] if asked.returncode == 0 else None


def apt_install(packages, tell):
    """Installs them if it may; raises Missing."""
    listed = "packages " + " ".join(packages)
    prefix = root_prefix()
    if prefix is None or not shutil.which("apt-get"):
        raise Missing(f"needs the {listed}, and I may not install")
    tell(f"apt-get install {' '.join(packages)}")
    tool = prefix + ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq"]
    for command in (["update"], ["install", "-y", "--no-install-recommends", *packages]):
        result = subprocess.run(tool + command, stdin=subprocess.DEVNULL, capture_output=True,
                                text=True, check=False)
        if result.returncode != 0:
            raise Missing(f"could not install the {listed}: {process.last_line(result.stderr)}")


def provide_packages(packages, may_install, tell):
    """What is installed, as text for the stamp."""
    if not packages:
        return ""
    versions = installed_versions(packages)
    if versions is None:
        return ""  # not Debian: the build script knows what it misses
    missing = [name for name in packages if name not in versions]
    if missing and not may_install:
        raise Missing("needs the packages " + " ".join(missing))
    if missing:
        apt_install(missing, tell)
        versions = installed_versions(packages)
    return str(sorted(versions.items()))


def sources(directory):
    """Every file that goes into the peer's build."""
    around = os.path.dirname(os.path.abspath(directory))
    peers = find_peers(around)
    shared = [os.path.join(around, name) for name in sorted(os.listdir(around))
              if name not in peers]
    load = os.path.join(os.path.dirname(around), "load")  # which peers build for themselves
    for root in [os.path.abspath(directory), load] + shared:
        for parent, directories, files in os.walk(root):
            directories.sort()
            yield from (os.path.join(parent, name) for name in sorted(files))


def fingerprint(directory, packages):
    """Changes when anything changes that goes into a build."""
    digest = hashlib.sha256(packages.encode())
    for path in sources(directory):
        digest.update(path.encode() + b"\0")
        with open(path, "rb") as file:
            digest.update(file.read())
    return digest.hexdigest()


def cached_version(stamp, program, mark):
    """The version that the last build printed, if that build is still good."""
    try:
        with open(stamp, encoding="utf-8") as file:
            built, version = file.read().splitlines()
    except (OSError, ValueError):
        return None
    return version if built == mark and os.access(program, os.X_OK) else None


def build(name, directory, out, packages, tell):
    """Builds the peer unless it is built; its version."""
    target, stamp = os.path.join(out, name), os.path.join(out, ".built")
    mark = fingerprint(directory, packages)
    version = cached_version(stamp, target, mark)
    if version:
        return version
    tell(f"building {name}")
    os.makedirs(out, exist_ok=True)
    result = process.run([os.path.join(directory, "build"), out], BUILD_TIMEOUT, cwd=directory)
    if result.refused:
        raise Missing(result.problem.removeprefix(f"{name}: "))
    if result.problem:
        raise Broken(f"does not build: {result.problem}")
    if not os.access(target, os.X_OK):
        raise Broken(f"its build left no program {name}")
    version = process.last_line(result.output)
    if not version:
        raise Broken("its build does not print a version")
    with open(stamp, "w", encoding="utf-8") as file:
        file.write(f"{mark}\n{version}\n")
    return version


def open_peer(name, directory, out, may_install, tell, kind=Program):
    """A peer that is ready to run, a `kind`. Raises Missing or Broken."""
    facts = read_description(directory)
    out = os.path.abspath(os.path.join(out, name))
    packages = provide_packages(facts.get("packages", "").split(), may_install, tell)
    version = build(name, os.path.abspath(directory), out, packages, tell)
    program = kind(name, os.path.join(out, name), version, facts.get("about", ""),
                      facts.get("link", ""))
    try:
        program.offers = parse.parse_list(ask([program.path, "list"], "list"))
    except parse.BadOutput as error:
        raise Broken(f"list: {error}") from None
    return program
