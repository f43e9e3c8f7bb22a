import os
import signal
import subprocess
import time
import unittest
import unittest.mock

import fakes  # noqa: F401
import process


class Verdict(unittest.TestCase):
    def test_exit_status(self):
        self.assertEqual(process.verdict(0, "noise"), (None, False))
        self.assertEqual(process.verdict(3, "no timers here\n"), ("no timers here", True))
        self.assertEqual(process.verdict(1, "first\nlast\n\n"), ("exit status 1: last", False))
        self.assertEqual(process.verdict(1, ""), ("exit status 1", False))

    def test_signals(self):
        self.assertIn("SIGSEGV", process.verdict(-11, "")[0])
        self.assertIn("killed by signal 250", process.verdict(-250, "")[0])


class Stat(unittest.TestCase):
    def test_busy_is_all_but_idle_and_waiting_and_the_guests(self):
        text = "cpu  1 2 4 1000 1000 8 16 32 64 128\ncpu0 9 9 9 9 9 9 9 9 9 9\nintr 1\n"
        self.assertEqual(process.busy_seconds(text), 63 / process.TICKS)
        self.assertEqual(process.busy_seconds("nothing\n"), 0)


class Running(unittest.TestCase):
    """Real processes; whatever the machine does, what is asserted is the same."""

    def run_shell(self, script, timeout=300):
        return process.run(["sh", "-c", script], timeout)

    def test_output_and_errors_are_kept_apart(self):
        run = self.run_shell("echo out; echo err >&2")
        self.assertEqual((run.output, run.errors, run.problem), ("out\n", "err\n", None))
        self.assertGreater(run.wall, 0)

    def test_crash(self):
        self.assertIn("SIGSEGV", self.run_shell("kill -SEGV $$").problem)

    def test_refusal(self):
        run = self.run_shell("echo not mine >&2; exit 3")
        self.assertEqual((run.problem, run.refused), ("not mine", True))

    def test_hang_ends_with_all_that_was_started(self):
        run = self.run_shell("sleep 9999 & echo $!; wait", timeout=2)
        self.assertIn("no result after 2 s", run.problem)
        self.assertFalse(run.refused)
        if run.output:  # the machine was fast enough to let it come that far
            while not gone(int(run.output)):  # killed; but it dies in its own time
                time.sleep(0.01)

    def test_a_grandchild_that_holds_the_pipe_does_not_hold_us(self):
        self.assertEqual(self.run_shell("sleep 9999 & echo done").output, "done\n")

    def test_endless_output(self):
        self.assertIn("without end", self.run_shell("yes").problem)

    def test_cpu_of_the_process_tree(self):
        run = self.run_shell("(i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done); :")
        self.assertGreater(run.own, 0)

    def test_an_interruption_while_it_starts_ends_it(self):
        def interrupt(_signal, _frame):
            raise KeyboardInterrupt

        started, popen = [], subprocess.Popen

        def start(*arguments, **options):
            started.append(popen(*arguments, **options))
            os.kill(os.getpid(), signal.SIGTERM)
            return started[0]

        before = signal.signal(signal.SIGTERM, interrupt)
        self.addCleanup(signal.signal, signal.SIGTERM, before)
        with unittest.mock.patch("subprocess.Popen", start):
            self.assertRaises(KeyboardInterrupt, self.run_shell, "sleep 9999")
        self.assertEqual(started[0].returncode, -signal.SIGKILL)

    def test_interruptions_reach_what_runs(self):
        self.assertIn("SIGTERM", self.run_shell("kill -TERM $$; sleep 9999").problem)

    def test_not_there(self):
        self.assertIn("cannot be started", process.run(["/nonexistent/program"], 5).problem)


def gone(pid):
    """Ended: not there, or a zombie that somebody else has to bury."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return not os.path.exists(f"/proc/{pid}")


if __name__ == "__main__":
    unittest.main()
