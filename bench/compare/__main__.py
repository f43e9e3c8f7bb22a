"""Compares sley with its peers: the same work in each, one process per measurement.

Read in this order: rows.py (what is compared), programs.py (who takes part), session.py (the
measuring), process.py (one run), stats.py and parse.py (figures), table.py, plots.py and report.py
(what is shown). `./run bench` builds sley and calls this.

Everything on the command line is checked before a peer is built or anything is measured. A program
that cannot be had is named and the rest goes on; so it is with one that fails, but then the exit
status is 1.

Exit status: 0 all is well, 1 something failed, 2 the command line is wrong, 130 interrupted (what
was complete is written).
"""
import argparse
import json
import os
import signal
import sys
import time

import machine
import parse
import plots
import programs
import report
import rows
import session
import table
from progress import Durations, Progress

FAILED, USAGE, INTERRUPTED = 1, 2, 130
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
                        "`sley-bench list` says what each measures")
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


def choose(parser, asked, there, what):
    """The asked names, in their order, each once; all when none is asked for."""
    for name in asked:
        if name not in there:
            parser.error(f"there is no {what} '{name}'; there are: {', '.join(there) or 'none'}")
    return list(dict.fromkeys(asked)) or list(there)


def choose_peers(parser, text, there):
    if text is None:
        return there
    if text == "none":
        return []
    asked = [name for name in text.split(",") if name]
    if not asked:
        parser.error("--peers takes names with commas between them, or none")
    return choose(parser, asked, there, "peer")


def open_peers(names, arguments, show, failures, notes):
    """Those that can be had; the others are named in the lists."""
    found = []
    for name in names:
        try:
            show.now(f"looking for {name}")
            found.append(programs.open_peer(name, os.path.join(arguments.peers_in, name),
                                            os.path.join(arguments.out, "peers"),
                                            arguments.install, show.line))
        except programs.Missing as error:
            notes.append(f"{name}: skipped: {error}")
            show.line(notes[-1])
        except (programs.Broken, OSError) as error:
            failures.append(f"{name}: {error}")
            show.line(failures[-1])
    show.clear()
    return found


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


def write_json(path, results):
    """Whole or not at all."""
    text = json.dumps([result.entry() for result in results], indent=1, allow_nan=False)
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write(text + "\n")
    os.replace(path + ".new", path)


def interrupt(_signal, _frame):
    raise KeyboardInterrupt


def ignore_interrupts():
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def print_header(facts, all_programs):
    for name, value in facts:
        print(f"# {name:<19}{value}")
    for program in all_programs:
        print(f"# {program.name:<19}{program.version}")
    print(table.header(), flush=True)


def print_end(run, failures, notes, out):
    for note in table.gather(notes):
        print(f"note: {note}")
    for failure in failures:
        print(f"failed: {failure}")
    ahead, compared = table.standing(run.results)
    if compared:
        print(f"sley is ahead in {ahead} of {compared} comparisons")
    if table.busiest(run.results) > table.BUSY:
        print(f"others used up to {table.busiest(run.results):.2f} CPUs meanwhile: do not trust "
              "these figures; repeat on a quiet machine")
    print(f"written: {os.path.join(out, 'results.json')}, {os.path.join(out, 'report.html')}")


def measure(run, out):
    """Everything, or up to an interruption. True if it was not interrupted."""
    def done(results):
        print(table.block(results), flush=True)
        write_json(os.path.join(out, "results.json"), run.results)

    try:
        run.run(done)
        whole = True
    except KeyboardInterrupt:
        whole = False
    ignore_interrupts()
    run.show.clear()
    return whole


def main(argv):
    started = time.monotonic()
    parser, arguments = parse_arguments(argv)
    names = choose_peers(parser, arguments.peers, programs.find_peers(arguments.peers_in))
    show, failures, notes = Progress(), [], []
    try:
        sley = programs.open_sley(arguments.sley_bench)
    except (programs.Broken, parse.BadOutput) as error:
        print(f"bench: {error}", file=sys.stderr)
        return FAILED
    benches = choose(parser, arguments.names, list(sley.offers), "row")
    os.makedirs(arguments.out, exist_ok=True)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)
    facts = machine.describe()
    try:
        peers = open_peers(names, arguments, show, failures, notes)
    except KeyboardInterrupt:
        return INTERRUPTED
    durations = Durations(os.path.join(arguments.out, "durations.json"), arguments.quick)
    run = session.Session([sley] + peers, benches, worker_counts(),
                          make_options(arguments, benches, started), durations, show)
    print_header(facts, run.programs)
    whole = measure(run, arguments.out)
    failures += run.failures
    notes += run.notes
    if not whole:
        notes.append("interrupted: the rows that are missing were not complete")
    durations.save()
    write_json(os.path.join(arguments.out, "results.json"), run.results)
    page = report.Page(facts, run, failures, notes, arguments.quick)
    report.write(os.path.join(arguments.out, "report.html"), page, plots.Plotter(notes))
    print_end(run, failures, notes, arguments.out)
    return INTERRUPTED if not whole else FAILED if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
