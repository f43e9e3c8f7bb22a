"""sley-bench-load, for peers that are started from Python: it stands beside the peer's program."""
import os
import subprocess
import sys

DECLINED = 3


def program():
    return os.path.join(os.path.dirname(os.path.abspath(sys.argv[0])), "sley-bench-load")


def processors(workers):
    """Those of a server with so many workers, and the load's, -1 where none is left."""
    usable = sorted(os.sched_getaffinity(0))
    return usable[:workers], usable[workers] if workers < len(usable) else -1


def run(row, port, server, processor, quick):
    """Has it do the row to the process `server`; its output is ours. Its exit status."""
    sys.stdout.flush()
    status = subprocess.run([program(), row, str(port), str(server), str(processor)]
                            + (["--quick"] if quick else []), check=False).returncode
    if status < 0:
        print(f"the load was killed by signal {-status}", file=sys.stderr)
    return status if status >= 0 else 1


def start_files():
    """A server of files in a process of its own, and its port. It ends with its input."""
    server = subprocess.Popen([program(), "files"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    return server, int(server.stdout.readline() or 0)


def parse(name, rows, words):
    """(row, workers, quick) of a peer's command line; answers `list` and ends, as a peer does, what
    cannot be done."""
    row, workers, quick = words[0] if words else "", 0, False
    if words == ["list"]:
        print("\n".join(rows))
        sys.exit(0)
    rest = iter(words[1:])
    for word in rest:
        if word == "--quick":
            quick = True
        elif word == "--workers":
            text = next(rest, "")
            workers = int(text) if text.isdecimal() else 0
        else:
            workers = -1
            break
    if not row or not 1 <= workers <= 1024:
        print(f"{name}: usage: ROW --workers N [--quick] | list", file=sys.stderr)
        sys.exit(2)
    if row not in rows:
        print(f"{name}: {row}: no such row here", file=sys.stderr)
        sys.exit(DECLINED)
    return row, workers, quick
