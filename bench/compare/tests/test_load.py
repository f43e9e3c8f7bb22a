import os
import socket
import tempfile
import threading
import unittest

import fakes  # noqa: F401  (finds the modules)
import parse
import process
import programs
from load import __main__ as command
from load import faults, job, shapes, site
from load.line import Line


def wanted(name, content=b"x", url=None):
    return shapes.Wanted(url or f"http://127.0.0.1:80/{name}", name, len(content),
                         site.hashlib.sha256(content).hexdigest())


class Scratch(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.where = scratch.name

    def put(self, path, content=b"x"):
        path = os.path.join(self.where, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)


class Lists(Scratch):
    def test_each_program_gets_its_words(self):
        shapes.write_lists(self.where, [wanted("a"), wanted("b")])
        said = {}
        for form in shapes.FORMS:
            with open(os.path.join(self.where, form), encoding="utf-8") as file:
                said[form] = file.read()
        base = "http://127.0.0.1:80"
        self.assertEqual(said["tsv"], f"{base}/a\ta\n{base}/b\tb\n")
        self.assertEqual(said["sley"], f"{base}/a a\n{base}/b b\n")
        self.assertEqual(said["urls"], f"{base}/a\n{base}/b\n")
        self.assertEqual(said["curl"].splitlines()[:2], [f'url = "{base}/a"', 'output = "a"'])
        self.assertEqual(said["aria2"].splitlines()[:2], [f"{base}/a", " out=a"])

    def test_directories_of_hosts_are_names(self):
        self.assertEqual(shapes.local_name("a"), "a")
        self.assertEqual(shapes.local_name("127.77.0.1:8000/flags/br/br.gif"), "127.77.0.1-br.gif")
        self.assertEqual(shapes.local_name("127.77.0.1/flags/br/br.gif"), "127.77.0.1-br.gif")


class Check(Scratch):
    def test_everything_that_can_be_wrong(self):
        for name, content in (("right", b"x"), ("half", b""), ("sub/flags/y", b"x"), (".z.part", b"x")):
            self.put(name, content)
        files = [wanted(name) for name in ("right", "half", "sub-y", "gone")]
        found = job.check(self.where, files)
        self.assertEqual((found.right, found.missing, found.wrong, found.other), (2, 1, 1, 1))
        self.assertEqual(found.text(), "1 missing, 1 wrong, 1 left behind, such as .z.part")
        self.assertEqual(job.Verdict(right=3).text(), "all right")

    def test_an_old_file_is_right_where_it_may_be(self):
        self.put("a", b"old")
        old = wanted("a", b"old").digest
        self.assertEqual(job.check(self.where, [wanted("a")]).wrong, 1)
        self.assertEqual(job.check(self.where, [wanted("a")], old=(old,)).right, 1)


class Judge(Scratch):
    def judged(self, verdict, problem=None, lossy=False, kind=job.Downloader, refused=False):
        shape = shapes.Shape([wanted(str(n)) for n in range(4)], 64, self.where, lossy=lossy)

        class Place:
            shapes = {"small": shape}
        bench = job.Bench(self.where, Place, "meter")
        self.put("peak", b"2048\n")
        run = process.Run(wall=2.0, own=0.5, problem=problem, refused=refused, errors="said\n")
        bench.judge(run, job.Job("small", kind("p", "/p")), verdict, os.path.join(self.where, "peak"))
        return run, shapes.row_of(shape)

    def test_figures_are_those_of_the_row(self):
        run, row = self.judged(job.Verdict(right=4))
        self.assertIsNone(run.problem)
        found = parse.parse_peer(run.output, row, row.check(1, False))
        self.assertEqual(found["wall_s"], 2.0)
        self.assertEqual(found["cpu_s"], 0.5)
        self.assertEqual(found["rss_mib"], 2.0)
        self.assertAlmostEqual(found["mib_per_s"], 4 / shapes.MIB / 2)

    def test_a_file_that_is_not_right_is_a_failure(self):
        for verdict in (job.Verdict(right=3, missing=1), job.Verdict(right=3, wrong=1)):
            run, _ = self.judged(verdict)
            self.assertIn("of 4 files 1 ", run.problem)
            self.assertIn("said", run.problem)

    def test_what_a_program_says_of_itself_stays(self):
        for problem, refused in (("exit status 1", False), ("killed by signal 9", False), ("no", True)):
            run, _ = self.judged(job.Verdict(right=4), problem, refused=refused)
            self.assertEqual((run.problem, run.output), (problem, ""))

    def test_where_the_server_fails_losses_are_figures(self):
        run, row = self.judged(job.Verdict(right=2, missing=1, wrong=1), "exit status 1", lossy=True)
        self.assertIsNone(run.problem)
        self.assertEqual(parse.parse_peer(run.output, row, 4)["errors"], 2)
        run, _ = self.judged(job.Verdict(right=4), "killed by signal 11", lossy=True)
        self.assertEqual(run.problem, "killed by signal 11")

    def test_but_half_a_file_is_never_right_for_sley(self):
        run, _ = self.judged(job.Verdict(right=3, wrong=1), None, lossy=True, kind=job.Sley)
        self.assertIn("1 wrong", run.problem)
        run, _ = self.judged(job.Verdict(right=3, missing=1), "exit status 1", lossy=True, kind=job.Sley)
        self.assertIsNone(run.problem)


class Commands(unittest.TestCase):
    def test_sley_is_told_what_the_row_needs(self):
        shape = shapes.Shape([], 64, "/lists", authority="/ca.pem")
        tool = job.Sley("sley", "/sley-fetch")
        self.assertNotIn("--ca-file", tool.arguments("small", shape))
        self.assertIn("1.1", tool.arguments("tls", shape))
        self.assertNotIn("--http", tool.arguments("http2", shape))
        self.assertIn("/ca.pem", tool.arguments("http2", shape))

    def test_the_row_of_five_times_as_many_needs_time(self):
        notes = []
        self.assertEqual(command.rows_of(["small", "many", "faults"], shapes.QUICK, notes), ["small"])
        self.assertEqual(len(notes), 1)
        self.assertEqual(command.rows_of(["many"], shapes.FULL, []), ["many"])

    def test_every_program_offers_rows_that_there_are(self):
        downloads = os.path.join(os.path.dirname(fakes.__file__), "..", "..", "downloads")
        self.assertGreaterEqual(len(programs.find_peers(downloads)), 6)
        for name in programs.find_peers(downloads):
            facts = programs.read_description(os.path.join(downloads, name))
            self.assertTrue(facts["about"] and facts["link"], name)
        for row in shapes.WHY:
            self.assertTrue(hasattr(site.Site, f"make_{row}"), row)


class TheLine(unittest.TestCase):
    """A server that sends BODY to whoever connects, and the line before it."""

    BODY = bytes(range(256)) * 4096

    def setUp(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.server = threading.Thread(target=self.serve)
        self.server.start()
        self.line = Line("127.0.0.1", self.listener.getsockname()[1])
        self.addCleanup(self.end_server)
        self.addCleanup(self.line.close)

    def end_server(self):
        """With its thread: one that stays would get the signals of other tests."""
        if self.server.is_alive():
            self.listener.shutdown(socket.SHUT_RDWR)  # wakes accept(); close() alone does not
            self.server.join()
            self.listener.close()

    def serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            with client:
                try:
                    client.sendall(self.BODY)
                except OSError:
                    continue  # the line has cut it

    def receive(self):
        """(bytes, whether it was reset)."""
        got = b""
        with socket.create_connection(("127.0.0.1", self.line.port)) as client:
            try:
                while piece := client.recv(65536):
                    got += piece
            except ConnectionResetError:
                return got, True
        return got, False

    def test_it_carries(self):
        self.assertEqual(self.receive(), (self.BODY, False))
        self.assertEqual(self.line.passed, len(self.BODY))

    def test_it_is_held_in_the_middle(self):
        self.line.hold_after(len(self.BODY) // 2)
        came = []
        receiver = threading.Thread(target=lambda: came.append(self.receive()))
        receiver.start()
        self.assertTrue(self.line.held.wait(60))
        self.assertEqual(came, [])
        self.line.release()
        receiver.join()
        self.assertEqual(came, [(self.BODY, False)])

    def test_it_resets(self):
        self.line.reset_every(len(self.BODY) // 2)
        got, was_reset = self.receive()
        self.assertTrue(was_reset)
        self.assertLess(len(got), len(self.BODY))
        self.assertEqual(self.BODY[: len(got)], got)
        self.assertEqual(self.line.resets, 1)
        self.line.reset_every(0)
        self.assertEqual(self.receive(), (self.BODY, False))

    def test_nobody_behind_it(self):
        self.end_server()
        self.assertEqual(self.receive(), (b"", True))
        self.assertEqual(self.line.refused, 1)


class Outcomes(unittest.TestCase):
    def test_a_line_for_each(self):
        one = faults.Outcome("disk full", times=1, runs=2, right=5)
        self.assertTrue(one.good)
        self.assertEqual(one.text(), "disk full: 1 time, 2 runs: 5 files right, 0 missing, 0 wrong, "
                         "0 left behind")
        one.problems.append("it never hit")
        self.assertFalse(one.good)
        self.assertTrue(one.text().endswith("; it never hit"))
        self.assertIn("it never hit", command.fault_section([one]))
        self.assertEqual(command.fault_section([]), "")


if __name__ == "__main__":
    unittest.main()
