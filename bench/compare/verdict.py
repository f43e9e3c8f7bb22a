"""verdict.py ROW WORKERS <OUTPUT: whether a peer's run with --quick is right; for check.sh.

The judgement of `./run bench` itself, on the same table: what it would throw away is wrong here too.
Silent and 0 when the run is right; otherwise one line that says what is wrong, and 1.
"""
import sys

import parse
import programs
import rows


def judge(text, bench, workers):
    """What is wrong with the run, or None."""
    try:
        programs.Program("peer", "").read(text, rows.row_of(bench), bench, workers, True)
    except parse.BadOutput as error:
        return str(error)
    return None


def main(bench, workers):
    problem = judge(sys.stdin.read(), bench, int(workers))
    if problem:
        print(problem)
    return 1 if problem else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
