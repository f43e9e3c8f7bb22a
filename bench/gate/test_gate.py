"""Tests of the gate's judgement, with made-up counts and made-up programs."""
import contextlib
import io
import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import gate  # noqa: E402

BASELINE = gate.write_baseline("gcc 12", "x86_64", {"switch": 100.0, "spawn": 300.0},
                               {"switch": "a yield", "spawn": "a task"})


class Reading(unittest.TestCase):
    def test_what_is_written_can_be_read(self):
        self.assertEqual(gate.read_baseline(BASELINE),
                         ("gcc 12", "x86_64", {"switch": 100.0, "spawn": 300.0}))

    def test_damage(self):
        for text in ("", "switch 100\n", BASELINE.replace("100.0", "many"),
                     BASELINE.replace("compiler", "#"), "compiler a\narchitecture b\n"):
            with self.assertRaises(gate.GateError):
                gate.read_baseline(text)

    def test_callgrind(self):
        self.assertEqual(gate.collected("==1== Events    : Ir\n==1== Collected : 12538739\n"),
                         12538739)
        with self.assertRaises(gate.GateError):
            gate.collected("valgrind: nothing\n")
        self.assertEqual(gate.per_operation(1_055_667, 12_538_697), 114.8)

    def test_compilers(self):
        self.assertEqual(gate.compiler_name("cc (Debian 12.2.0-14) 12.2.0"),
                         gate.compiler_name("gcc-12 (Debian 12.2.0-14) 12.2.0"))
        self.assertNotIn("gcc", gate.compiler_name("Debian clang version 19.1.7"))


class Judging(unittest.TestCase):
    OLD = {"switch": 100.0}

    def test_growth(self):
        for count, bad in ((100.0, 0), (102.9, 0), (103.0, 0), (103.2, 1), (200.0, 1), (50.0, 0)):
            self.assertEqual(len(gate.judge(self.OLD, {"switch": count})[1]), bad, count)
        _, wrong = gate.judge(self.OLD, {"switch": 104.0})
        self.assertRegex(wrong[0], r"switch: 104\.0 .*4\.0 % more than the 100\.0")

    def test_a_gain_is_to_be_kept(self):
        self.assertIn("renew", gate.judge(self.OLD, {"switch": 90.0})[0][0])
        self.assertNotIn("renew", gate.judge(self.OLD, {"switch": 99.0})[0][0])

    def test_a_path_cannot_slip_away(self):
        self.assertRegex(gate.judge(self.OLD, {})[1][0], "no such program")
        self.assertRegex(gate.judge(self.OLD, {**self.OLD, "new": 1.0})[1][0], "renew")


class Whole(unittest.TestCase):
    """The command, with a made-up build whose counts we choose."""

    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.build = scratch.name
        os.mkdir(os.path.join(self.build, "bin"))
        with open(os.path.join(self.build, "CMakeCache.txt"), "w", encoding="utf-8") as file:
            file.write("CMAKE_C_COMPILER:FILEPATH=/bin/echo\n")  # its version: what it is asked
        self.program("gate_switch")
        self.swap("BASELINE", os.path.join(self.build, "baseline.txt"))
        self.swap("measure", lambda paths: {name: self.count for name in paths})
        self.count = 100.0
        self.assertEqual(self.call("--renew")[0], 0)

    def program(self, name):
        path = os.path.join(self.build, "bin", name)
        with open(path, "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\necho a yield\n")
        os.chmod(path, 0o755)

    def swap(self, name, value):
        self.addCleanup(setattr, gate, name, getattr(gate, name))
        setattr(gate, name, value)

    def call(self, *arguments):
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = gate.main([self.build, *arguments])
        return status, err.getvalue()

    def test_same_is_good_and_growth_is_bad(self):
        self.assertEqual(self.call(), (0, ""))
        self.count = 104.0
        status, said = self.call()
        self.assertEqual(status, gate.FAILED)
        self.assertIn("4.0 % more", said)
        self.assertIn("./run gate --renew", said)
        self.assertEqual(self.call("--renew")[0], 0)
        self.assertEqual(self.call()[0], 0)

    def test_another_compiler_is_skipped_loudly(self):
        with open(gate.BASELINE, encoding="utf-8") as file:
            text = file.read()
        with open(gate.BASELINE, "w", encoding="utf-8") as file:
            file.write(text.replace("compiler ", "compiler other "))
        self.count = 900.0
        status, said = self.call()
        self.assertEqual(status, gate.SKIPPED)
        self.assertIn("SKIPPED", said)

    def test_nothing_built_or_no_baseline(self):
        os.unlink(gate.BASELINE)
        self.assertEqual(self.call()[0], gate.FAILED)
        os.unlink(os.path.join(self.build, "bin", "gate_switch"))
        self.assertRegex(self.call()[1], "no gate programs")

    def test_usage(self):
        self.assertEqual(self.call("--nonsense")[0], gate.USAGE)


if __name__ == "__main__":
    unittest.main()
