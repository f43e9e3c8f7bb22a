"""What `./run bench` and `./run load` have in common around the measuring: who takes part, what is
printed, what is written, and an interruption.
"""
import json
import os
import signal

import programs
import table

FAILED, USAGE, INTERRUPTED = 1, 2, 130


def choose(parser, asked, there, what):
    """The asked names, in their order, each once; all when none is asked for."""
    for name in asked:
        if name not in there:
            parser.error(f"there is no {what} '{name}'; there are: {', '.join(there) or 'none'}")
    return list(dict.fromkeys(asked)) or list(there)


def choose_peers(parser, text, there, option="--peers", what="peer"):
    if text is None:
        return there
    if text == "none":
        return []
    asked = [name for name in text.split(",") if name]
    if not asked:
        parser.error(f"{option} takes names with commas between them, or none")
    return choose(parser, asked, there, what)


def open_peers(names, arguments, show, failures, notes, kind=programs.Program):
    """Those that can be had; the others are named in the lists."""
    found = []
    for name in names:
        try:
            show.now(f"looking for {name}")
            found.append(programs.open_peer(name, os.path.join(arguments.peers_in, name),
                                            os.path.join(arguments.out, "peers"),
                                            arguments.install, show.line, kind))
        except programs.Missing as error:
            notes.append(f"{name}: skipped: {error}")
            show.line(notes[-1])
        except (programs.Broken, OSError) as error:
            failures.append(f"{name}: {error}")
            show.line(failures[-1])
    show.clear()
    return found


def write_json(path, results):
    """Whole or not at all."""
    text = json.dumps([result.entry() for result in results], indent=1, allow_nan=False)
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write(text + "\n")
    os.replace(path + ".new", path)


def heed_interrupts():
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)


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


def is_in_vain(run, whole):
    """Whether it was interrupted before any row was complete; says so. What an earlier run has written
    is then better than what there is."""
    if whole or run.results:
        return False
    print("interrupted before a row was complete: nothing is written")
    return True


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
