"""The command itself, from outside: made-up programs, real processes, all that it writes.

With SLEY_BENCH in the environment one row of the real sley-bench is measured too: the two must
understand each other.
"""
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import fakes

TOOL = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

SLEY = """#!/bin/sh
case $1 in
--version) echo sley-bench 9.8.7; exit ;;
list) echo 'switch   two tasks yield'; echo 'wake   a thread wakes a task'; exit ;;
esac
line() {
    printf '{"bench":"%s","workers":%s,"metric":"%s","unit":"%s","median":%s,' "$@"
    echo '"min":1,"max":2,"runs":1}'
}
case $1 in
switch) line switch $3 ns_per_switch ns 20 ;;
wake) line wake $3 us_p50 us 30; line wake $3 us_p99 us 40 ;;
esac
"""

# What a peer does in the row `switch`; $3 is the number of workers.
SWITCH = {
    "good": "echo ns_per_switch 50; echo check $((10000000 * $3))",
    "crash": "echo ns_per_switch 50; kill -SEGV $$",
    "garbage": "echo 'Traceback (most recent'",
    "wrong": "echo ns_per_switch 50; echo check 1",
    "fails": "echo 'out of luck' >&2; exit 1",
    "declines": "echo 'has no yield' >&2; exit 3",
    "hangs": "sleep 9999",
}

WAKE = 'echo "$$" >"$MARK.new"; mv "$MARK.new" "$MARK"; exec sleep 9999'


def peer_program(switch, wake):
    return (f"#!/bin/sh\ncase $1 in\nlist) echo switch; {'echo wake' if wake else ':'} ;;\n"
            f"switch) {switch} ;;\nwake) {wake or 'exit 3'} ;;\nesac\n")


def is_running(number):
    """Whether there is such a process; one that has ended and was not waited for does not run."""
    try:
        with open(f"/proc/{number}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Whole(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.where = scratch.name
        self.sley = os.path.join(self.where, "sley-bench")
        self.peers = os.path.join(self.where, "peers")
        self.out = os.path.join(self.where, "out")
        self.mark = os.path.join(self.where, "mark")
        os.mkdir(self.peers)
        fakes.write_program(self.sley, SLEY)

    def peer(self, name, switch, wake=None, build=None, packages=""):
        directory = os.path.join(self.peers, name)
        fakes.write_program(os.path.join(directory, "program"), peer_program(switch, wake))
        fakes.write_program(os.path.join(directory, "build"), build or
                            f'#!/bin/sh\ncp program "$1/{name}" && echo {name} 1.0\n')
        with open(os.path.join(directory, "peer.txt"), "w", encoding="utf-8") as file:
            file.write(f"about: made up\npackages: {packages}\nlink: as it comes\n")

    def command(self, *arguments):
        return [sys.executable, "-B", TOOL, "--sley-bench", self.sley, "--peers-in", self.peers,
                "--out", self.out, *arguments]

    def start(self, *arguments):
        return subprocess.Popen(self.command(*arguments), stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                env={**os.environ, "MARK": self.mark})

    def call(self, *arguments):
        child = self.start(*arguments)
        out, err = child.communicate()
        return child.returncode, out, err

    def results(self):
        with open(os.path.join(self.out, "results.json"), encoding="utf-8") as file:
            return json.load(file)

    def report(self):
        with open(os.path.join(self.out, "report.html"), encoding="utf-8") as file:
            return file.read()

    def test_one_good_and_one_that_fails_in_each_way(self):
        for name, switch in SWITCH.items():
            if name != "hangs":
                self.peer(name, switch)
        self.peer("nobuild", "", build="#!/bin/sh\necho 'syntax error' >&2; exit 2\n")
        self.peer("missing", "", build="#!/bin/sh\necho 'there is no compiler' >&2; exit 3\n")
        status, out, err = self.call("switch")
        self.assertEqual(status, 1)
        for line in ("crash: switch, 1 worker: killed by signal 11 (SIGSEGV)",
                     "garbage: switch, 1 worker: printed garbage: 'Traceback (most recent'",
                     "wrong: switch, 1 worker: wrong result: check is 1, not 10000000",
                     "fails: switch, 1 worker: exit status 1: out of luck",
                     "nobuild: does not build: exit status 2: syntax error"):
            self.assertEqual(out.count(f"failed: {line}\n"), 1, out)
            self.assertIn(line + "\n", err)
        self.assertIn("note: missing: skipped: there is no compiler\n", out)
        self.assertRegex(out, "note: declines: .*has no yield")
        self.assertIn("sley is ahead in", out)
        found = self.results()
        self.assertEqual({entry["peer"] for entry in found}, {"sley", "good"})
        good = next(entry for entry in found if entry["peer"] == "good")
        self.assertEqual(good, {"bench": "switch", "peer": "good", "version": "good 1.0",
                                "workers": 1, "metric": "ns_per_switch", "unit": "ns",
                                "better": "less", "median": 50, "min": 50, "max": 50, "runs": 5,
                                "ratio": 2.5})
        self.assertIn("has no yield", self.report())

    def test_all_is_well(self):
        self.peer("good", SWITCH["good"])
        self.peer("declines", SWITCH["declines"])
        status, out, err = self.call("--peers", "good")
        self.assertEqual(status, 0, out + err)
        self.assertEqual({(e["bench"], e["peer"]) for e in self.results()},
                         {("switch", "sley"), ("switch", "good"), ("wake", "sley")})
        self.assertIn("sley 9.8.7", self.report())
        self.assertNotIn("declines", out + err)
        self.assertNotIn("\r", err)

    def test_a_row_without_a_check_is_the_end_before_anything_is_measured(self):
        self.peer("good", SWITCH["good"])
        for name in "one", "two":
            self.peer(name, "exit 3")
            fakes.write_program(os.path.join(self.peers, name, "program"),
                                "#!/bin/sh\n[ $1 = list ] && echo switch && echo mystery\n")
        status, out, err = self.call()
        self.assertEqual(status, 1)
        self.assertIn("bench: rows.py has no check for the row mystery, which is in the list of one "
                      "and two\n", err)
        self.assertEqual(out, "")
        self.assertFalse(os.path.exists(os.path.join(self.out, "results.json")))
        self.assertEqual(self.call("switch", "--peers", "good")[0], 0)

    def test_a_hang_is_ended(self):
        self.peer("hangs", SWITCH["hangs"])
        status, out, _ = self.call("switch", "--timeout", "3")
        self.assertEqual(status, 1)
        self.assertIn("failed: hangs: switch, 1 worker: no result after 3 s, killed\n", out)
        self.assertNotIn("hangs", {entry["peer"] for entry in self.results()})

    def interrupt(self, number, *names):
        """Interrupts what measures those rows, when it has come to `wake`; what it prints."""
        self.peer("slow", SWITCH["good"], wake=WAKE)
        child = self.start(*names)
        while not os.path.exists(self.mark):
            self.assertIsNone(child.poll())
            time.sleep(0.01)
        child.send_signal(number)
        out, _ = child.communicate()
        self.assertEqual(child.returncode, 130)
        return out

    def interrupted(self, number):
        out = self.interrupt(number, "switch", "wake")
        self.assertIn("note: interrupted", out)
        self.assertEqual({entry["bench"] for entry in self.results()}, {"switch"})
        self.assertIn("interrupted", self.report())
        with open(self.mark, encoding="ascii") as file:
            number = file.read().strip()
        while is_running(number):  # killed, but the kernel may need a moment; a survivor hangs us
            time.sleep(0.01)

    def test_an_interruption_keeps_what_is_complete(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            if os.path.exists(self.mark):
                os.unlink(self.mark)
            self.interrupted(number)

    def test_an_interruption_before_anything_is_complete_keeps_what_was_there(self):
        self.peer("slow", SWITCH["good"], wake=WAKE)
        self.assertEqual(self.call("switch")[0], 0)
        before = self.results(), self.report()
        out = self.interrupt(signal.SIGINT, "wake")
        self.assertIn("nothing is written", out)
        self.assertNotIn("written: ", out)
        self.assertEqual((self.results(), self.report()), before)

    def test_usage(self):
        self.peer("good", SWITCH["good"])
        for arguments, about in ((["nonsense"], "there is no row 'nonsense'"),
                                 (["--peers", "nobody"], "there is no peer 'nobody'"),
                                 (["--peers", ","], "--peers takes"), (["--nonsense"], "nonsense"),
                                 (["--timeout", "0"], "timeout"), (["--timeout", "x"], "timeout")):
            status, out, err = self.call(*arguments)
            self.assertEqual((status, out), (2, ""))
            self.assertIn(about, err)
            self.assertEqual(err.count("\n"), 1)

    def test_a_sley_that_does_not_work(self):
        fakes.write_program(self.sley, "#!/bin/sh\nexit 4\n")
        self.assertEqual(self.call()[0], 1)
        os.unlink(self.sley)
        self.assertIn("cannot be started", self.call()[2])

    @unittest.skipUnless(os.environ.get("SLEY_BENCH"), "no sley-bench to try")
    def test_the_real_sley_bench(self):
        self.sley = os.environ["SLEY_BENCH"]
        status, out, err = self.call("wake", "--quick", "--timeout", "300")
        self.assertEqual(status, 0, out + err)
        self.assertEqual({entry["metric"] for entry in self.results()}, {"us_p50", "us_p99"})


if __name__ == "__main__":
    unittest.main()
