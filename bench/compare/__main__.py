"""Compares sley with its peers: the same work in each, one process per measurement.

Read in this order: rows.py (what is compared), programs.py (who takes part), session.py (the
measuring), process.py (one run), stats.py and parse.py (figures), table.py, plots.py and report.py
(what is shown). `./run bench` builds sley and calls this.

Everything on the command line is checked before a peer is built or anything is measured. A program
that cannot be had is named and the rest goes on; so it is with one that fails, but then the exit
status is 1.

A peer with a row for which rows.py has no check is a mistake in here, and the end: each run of that row
would be thrown away as wrong, after minutes.

Exit status: 0 all is well, 1 something failed, 2 the command line is wrong, 130 interrupted (what
was complete is written).
"""
import argparse
import os
import sys
import time

import frame
import gallery
import kept
import machine
import mix
import parse
import plots
import programs
import report
import rows
import scaling
import session
import story
import table
from frame import FAILED, INTERRUPTED, USAGE
from progress import Durations, Progress

USAGE_LINE = "./run bench [NAME...] [--quick] [--peers A,B] [--timeout SECONDS]"


class Parser(argparse.ArgumentParser):
    def error(self, message):
        print(f"bench: {message} (see ./run bench --help)", file=sys.stderr)
        sys.exit(USAGE)


def parse_arguments(arguments):
    parser = Parser(prog="./run bench", usage=USAGE_LINE, description="Runs the same work in sley "
                    "and in its peers, round by round, and writes a table, "
                    "build/bench/results.json and build/bench/report.html. A ratio above 1: sley is ahead.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="rows to run (default: all); "
                        "`sley-bench list` says what each measures; by themselves: cpu-io, which "
                        "design for which mix of computing and waiting; scaling, how every cost "
                        "grows, and what more workers bring; gallery, which draws the pictures "
                        "of docs/gallery from what the others have found")
    parser.add_argument("--quick", action="store_true", help="smaller sizes, 3 rounds; ends within "
                        "10 minutes, a single row within 2")
    parser.add_argument("--peers", metavar="A,B", help="only these peers; `none`: sley alone")
    parser.add_argument("--timeout", type=seconds, metavar="SECONDS", help="how long one run may "
                        "take (default 300; with --quick 20)")
    place = parser.add_argument_group("where things are (./run bench sets these)")
    place.add_argument("--sley-bench", required=True, metavar="PATH")
    place.add_argument("--peers-in", required=True, metavar="DIR")
    place.add_argument("--out", required=True, metavar="DIR")
    place.add_argument("--install", action="store_true", help="install the peers' packages")
    return parser, parser.parse_args(arguments)


def seconds(text):
    value = float(text)
    if not 0 < value <= 86400:
        raise ValueError
    return value


def worker_counts():
    """1 and one per core."""
    return sorted({1, machine.usable_cpus()})


def make_options(arguments, benches, started):
    quick = arguments.quick
    options = session.Options(quick=quick, rounds=3 if quick else 5,
                              timeout=arguments.timeout or (20 if quick else 300))
    if quick:
        limit = min(session.QUICK_LIMIT, session.ROW_LIMIT * len(benches))
        options.limit = max(limit - (time.monotonic() - started), limit / 4)  # builds take time too
    return options


def unchecked(peers):
    """A line for each row that peers offer and rows.py cannot judge."""
    for name in rows.unchecked(name for peer in peers for name in peer.offers):
        who = " and ".join(peer.name for peer in peers if name in peer.offers)
        yield f"rows.py has no check for the row {name}, which is in the list of {who}"


def sweep_mixes(sley, names, arguments, show, started):
    """`./run bench cpu-io`. The exit status."""
    failures, notes = [], []
    os.makedirs(arguments.out, exist_ok=True)
    frame.heed_interrupts()
    try:
        peers = frame.open_peers([name for name in names if name in mix.sweep.PEER_DESIGNS], arguments,
                           show, failures, notes)
        whole = mix.run(sley.path, peers, arguments.out, arguments.quick, plots.Plotter(notes), show,
                        failures + notes, time.monotonic() - started)
    except KeyboardInterrupt:
        whole = False
    for line in notes:
        print(f"note: {line}")
    for line in failures:
        print(f"failed: {line}")
    return INTERRUPTED if not whole else FAILED if failures else 0


def measure_scaling(sley, arguments, show):
    """`./run bench scaling`. The exit status."""
    failures, notes = [], []
    os.makedirs(arguments.out, exist_ok=True)
    frame.heed_interrupts()
    durations = Durations(os.path.join(arguments.out, "durations.json"), arguments.quick)
    whole = scaling.run(sley, arguments.out, arguments.quick, plots.Plotter(notes), durations, show,
                        failures)
    for line in notes:
        print(f"note: {line}")
    for line in failures:
        print(f"failed: {line}")
    return INTERRUPTED if not whole else FAILED if failures else 0


def main(argv):
    started = time.monotonic()
    parser, arguments = parse_arguments(argv)
    names = frame.choose_peers(parser, arguments.peers, programs.find_peers(arguments.peers_in))
    show, failures, notes = Progress(), [], []
    if arguments.names == ["gallery"]:
        return gallery.command(arguments.out, arguments.quick)
    try:
        sley = programs.open_sley(arguments.sley_bench)
    except (programs.Broken, parse.BadOutput) as error:
        print(f"bench: {error}", file=sys.stderr)
        return FAILED
    if arguments.names == ["cpu-io"]:
        return sweep_mixes(sley, names, arguments, show, started)
    if arguments.names == ["scaling"]:
        return measure_scaling(sley, arguments, show)
    benches = frame.choose(parser, arguments.names, list(sley.offers), "row")
    os.makedirs(arguments.out, exist_ok=True)
    frame.heed_interrupts()
    facts = machine.describe()
    try:
        peers = frame.open_peers(names, arguments, show, failures, notes)
    except KeyboardInterrupt:
        return INTERRUPTED
    mistakes = list(unchecked(peers))
    for line in mistakes:
        print(f"bench: {line}", file=sys.stderr)
    if mistakes:
        return FAILED
    durations = Durations(os.path.join(arguments.out, "durations.json"), arguments.quick)
    run = session.Session([sley] + peers, benches, worker_counts(),
                          make_options(arguments, benches, started), durations, show)
    frame.print_header(facts, run.programs)
    whole = frame.measure(run, arguments.out)
    if frame.is_in_vain(run, whole):
        return INTERRUPTED
    failures += run.failures
    notes += run.notes
    if not whole:
        notes.append("interrupted: the rows that are missing were not complete")
    durations.save()
    frame.write_json(os.path.join(arguments.out, "results.json"), run.results)
    kept.write_taken(arguments.out, facts, arguments.quick, table.busiest(run.results))
    page = report.Page(facts, run, failures, notes, arguments.quick)
    plotter = plots.Plotter(notes)
    report.write(os.path.join(arguments.out, "report.html"), page, plotter,
                 *story.tell(arguments.out, plotter))
    frame.print_end(run, failures, notes, arguments.out)
    return INTERRUPTED if not whole else FAILED if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
