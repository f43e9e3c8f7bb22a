"""The table of the rows, against what the peers in bench/peers say that they offer.

A row that a peer offers and that is not in the table, or has no check, would be thrown away as wrong
in every run. The comparison refuses to begin then, but on a machine that has the peers; here the lists
are read without building anything: those of programs in Python by asking them, those of others from the
table in the source that the program prints.
"""
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import fakes  # noqa: F401  (finds the modules)
import parse
import programs
import rows
import verdict

PEERS = os.path.join(os.path.dirname(os.path.dirname(fakes.__file__)), "..", "peers")

# An entry that has a function, in each of the forms: of C++ and C, and of Go.
TABLES = {
    (".c", ".cpp"): re.compile(r'\{(?:\.name = )?"(\w+)", (?:\.run = )?run\w*[,}]'),
    (".go",): re.compile(r'\{name: "([\w-]+)", run: \w+\}'),
}


def is_program(path):
    with open(path, encoding="utf-8") as file:
        return file.readline().startswith("#!")


def asked(path):
    """What a program in Python answers to `list`, beside what its build puts there."""
    with tempfile.TemporaryDirectory() as scratch:
        program = shutil.copy(path, os.path.join(scratch, "asyncio"))
        shutil.copy(os.path.join(PEERS, "common", "load.py"), scratch)
        output = subprocess.run([sys.executable, "-B", program, "list"], capture_output=True,
                                text=True, check=True).stdout
    return set(parse.parse_list(output))


def told(name):
    """The rows that a peer offers by its sources; None: it has no source of its own."""
    found = None
    for path in sorted(glob.glob(os.path.join(PEERS, name, "*"))):
        ending = os.path.splitext(path)[1]
        if ending == ".py" and is_program(path):
            found = (found or set()) | asked(path)
        for endings, entry in TABLES.items():
            if ending in endings:
                with open(path, encoding="utf-8") as file:
                    found = (found or set()) | set(entry.findall(file.read()))
    return found


class Table(unittest.TestCase):
    def test_figures_without_a_check_are_no_row(self):
        with self.assertRaises(TypeError):
            rows.Row((rows.Metric("ms", "ms"),))

    def test_checks_are_numbers(self):
        for name, row in rows.ROWS.items():
            for workers in 1, 2:
                for quick in True, False:
                    if row.check:
                        self.assertGreater(row.check(workers, quick), 0, name)

    def test_every_row_of_every_peer_has_a_check(self):
        names = programs.find_peers(PEERS)
        self.assertIn("go", names)
        for name in names:
            offers = told(name)
            if offers is None:  # builds a program of another peer
                self.assertIn(name, ("multiprocessing", "uvloop"))
                continue
            self.assertTrue(offers, f"{name}: no rows found in its sources")
            self.assertEqual(rows.unchecked(offers), [], name)

    def test_known_lists(self):
        self.assertEqual(told("concurrent-futures"), {"offload"})
        self.assertEqual(told("curl"), {"http_client"})
        self.assertEqual(told("epoll"), {"echo", "idle_connections", "http_server", "datagram"})
        self.assertLess({"switch", "across", "mutex"}, told("boost-fiber"))
        self.assertLess({"spawn", "fork"}, told("openmp"))
        self.assertLess({"select", "fork", "dns"}, told("go"))
        self.assertFalse({"select", "semaphore"} & told("boost-fiber"))  # without a function

    def test_unchecked(self):
        self.assertEqual(rows.unchecked(["switch", "nobody", "limits", "offload"]),
                         ["limits", "nobody"])


class Verdict(unittest.TestCase):
    def test_as_the_comparison_judges(self):
        right = ("us_round_trip_thread 1\nns_per_job_thread 1\nus_round_trip_process 1\n"
                 "ns_per_job_process 1\ncheck 44000\n")
        self.assertIsNone(verdict.judge(right, "offload", 1))
        self.assertRegex(verdict.judge(right.replace("44000", "7"), "offload", 1),
                         "check is 7, not 44000")
        self.assertRegex(verdict.judge("check 44000\n", "offload", 1), "no figures")
        self.assertRegex(verdict.judge(right, "mystery", 1), "rows.py has no check for mystery")
        self.assertIsNone(verdict.judge("ns_per_switch 5\ncheck 2000000\n", "switch", 2))

    def test_from_outside(self):
        for text, status in ("ns_per_op 5\ncheck 800000\n", 0), ("ns_per_op 5\ncheck 5\n", 1):
            done = subprocess.run([sys.executable, "-B", verdict.__file__, "mutex", "1"],
                                  input=text, capture_output=True, text=True, check=False)
            self.assertEqual((done.returncode, bool(done.stdout)), (status, status == 1))


if __name__ == "__main__":
    unittest.main()
