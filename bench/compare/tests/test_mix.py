"""`./run bench cpu-io`: the measuring, and that the page has all of it; test_words.py has the sentences."""
import json
import os
import random
import shutil
import sys
import tempfile
import unittest

import fakes
import made_up
import parse
import plots
from mix import page, points, settings, sweep, words

sys.path.append(os.path.join(os.path.dirname(__file__), "../../peers/asyncio"))
import cpu_io_asyncio

PROGRAM = """#!/usr/bin/env python3
import json, sys
arguments = sys.argv[2:]
if "--json" in arguments:
    arguments.remove("--json")
values = dict(zip(arguments[::2], arguments[1::2]))
clients = int(values["--concurrency"])
if values["--design"] == "threads" and clients > 32:
    sys.exit("no more threads")
if values["--design"] == "loop":
    print("garbage")
    sys.exit(0)
print(json.dumps({"design": values["--design"], "cpu_us": int(values["--cpu-us"]),
    "io_us": int(values["--io-us"]), "requests": int(values["--requests"]), "concurrency": clients,
    "requests_per_s": 10.0, "p50_us": 1, "p99_us": 2, "max_us": 3, "cpu_s": 0.5}))
"""


class Sweep(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.directory)
        self.path = os.path.join(self.directory, "bench")
        with open(self.path, "w", encoding="utf-8") as file:
            file.write(PROGRAM)
        os.chmod(self.path, 0o755)

    def measure(self, names, **others):
        settings = sweep.Settings(quick=True, workers=2, rounds=1, seconds=0.01, timeout=30, **others)
        work = sweep.Sweep(sweep.designs(self.path, [], names), settings,
                           fakes.silent())
        work.run()
        return work

    def test_every_point_once_per_round(self):
        work = self.measure(["tasks"])
        self.assertEqual(sorted(work.data.points()), sorted(points.points(True)))
        self.assertEqual({len(runs) for runs in work.data.runs.values()}, {1})
        self.assertEqual(work.data.fell, {})

    def test_who_falls_over_is_not_asked_for_more(self):
        data = self.measure(["threads"]).data
        self.assertEqual({point.clients for point, _ in data.runs}, {1, 32})
        self.assertEqual({point.clients for point, _ in data.fell}, {1000})
        self.assertIn("no more threads", next(iter(data.fell.values())))

    def test_garbage_is_no_figure(self):
        data = self.measure(["loop"]).data
        self.assertEqual(data.runs, {})
        self.assertIn("printed garbage", next(iter(data.fell.values())))

    def test_a_limit_leaves_points_out_and_says_so(self):
        work = self.measure(["tasks"], limit=0.0)
        self.assertEqual(work.data.points(), [])
        self.assertEqual(work.notes, ["no time for 0 % computing, 1 client",
                                      "no time for the last 14 of 15 points"])

    def test_a_limit_within_a_point_leaves_whole_rounds(self):
        settings = sweep.Settings(quick=True, workers=2, rounds=3, seconds=0.01, timeout=30)
        work = sweep.Sweep(sweep.designs(self.path, [], ["tasks", "tasks+threads"]), settings,
                           fakes.silent())
        asked = iter([False, False, True])
        work.late = lambda: next(asked)
        work.point(points.Point(50, 32))
        self.assertEqual([len(runs) for runs in work.data.runs.values()], [2, 2])
        self.assertEqual(work.notes, ["2 of 3 rounds with 50 % computing, 32 clients"])

    def test_requests_in_no_time_are_no_figure(self):
        design = sweep.Design("tasks", self.path, "sley-bench")
        for name in ("requests_per_s", "p99_us"):
            entry = {"design": "tasks", "cpu_us": 0, "io_us": 1000, "requests": 9, "concurrency": 1,
                     **dict.fromkeys(points.FIGURES, 1.0)}
            sweep.read(json.dumps(entry), design, points.Point(0, 1), 9)
            entry[name] = 0.0
            with self.assertRaises(parse.BadOutput):
                sweep.read(json.dumps(entry), design, points.Point(0, 1), 9)

    def test_the_load_is_what_the_point_says(self):
        point = points.Point(25, 100)
        self.assertEqual((point.cpu_us, point.io_us), (250, 750))
        self.assertEqual(point.requests(1.0, 2), 7692)  # of 260 us, on two processors
        self.assertEqual(points.Point(0, 10).requests(1.0, 2), 10000)
        self.assertEqual(points.Point(0, 1000).requests(1.0, 2), 200000)  # of 10 us
        self.assertEqual(points.Point(100, 1).requests(0.01, 2), 50)

    def test_every_client_makes_a_few(self):
        for point in points.points(False):
            self.assertGreaterEqual(point.requests(0.01, 2), 5 * point.clients)

    def test_what_would_take_too_long_is_left_out_and_named(self):
        missing = set(points.points(False)) - set(points.points(False, 2))
        self.assertEqual(missing, {points.Point(share, 10000) for share in (25, 50, 75, 90, 100)})
        settings = sweep.Settings(quick=True, workers=1, rounds=1, seconds=0.01, timeout=30)
        work = sweep.Sweep([], settings, fakes.silent())
        work.run()
        self.assertEqual(work.notes, [
            "left out, as a run would take too long on this machine: 90 % computing, 1,000 clients; "
            "100 % computing, 1,000 clients"])


def ended_run(clients, moments):
    """A run of asyncio's clients that wait for nothing and compute 10 ns: each moment is that of an
    answer, in turns."""
    run = cpu_io_asyncio.Run({"cpu": 10, "io": 0, "requests": len(moments), "concurrency": clients})
    latest = [0] * clients
    for index, moment in enumerate(moments):
        run.latency[index], latest[index % clients] = moment - latest[index % clients], moment
    run.last, run.end = moments[-1 - clients], moments[-1]
    return run


class Doubts(unittest.TestCase):
    """What refuses a run; sley-bench and Go have the same."""

    def test_clients_that_never_pause(self):
        self.assertIsNone(ended_run(2, [20, 40, 60, 80, 100, 120, 140, 160]).doubt())

    def test_a_queue_that_belongs_to_no_request(self):
        run = ended_run(2, [20, 40, 60, 80, 100, 120, 140, 160])
        run.latency = [20] * 8
        self.assertIn("are not those of 2 clients", run.doubt())

    def test_more_time_than_there_was(self):
        run = ended_run(2, [20, 40, 60, 80])
        run.latency[3] = 400
        self.assertIn("are not those of 2 clients", run.doubt())

    def test_too_early(self):
        self.assertIn("request 1 was answered too early, after 9 ns", ended_run(2, [20, 9, 40, 60]).doubt())
        waits = ended_run(1, [600, 1200, 1800])
        waits.load["io"] = 10000
        self.assertIn("too early", waits.doubt())


class Pages(unittest.TestCase):
    def test_a_page_of_any_data(self):
        work = sweep.Sweep([], sweep.Settings(True, 2, 3, 0.1, 30), None)
        work.data = made_up.whole(random.Random(5))
        notes = []
        text = page.render(work, [("processor", "<b>")], ["went <wrong>"], plots.Plotter(notes),
                           settings.Used(2))
        for _, lines in words.conclusions(work.data, settings.Used(2)):
            for line in lines:
                self.assertIn(line.replace("'", "&#x27;"), text)
        self.assertNotIn("<b>", text.split("<svg")[0])
        self.assertIn("went &lt;wrong&gt;", text)
        if shutil.which("gnuplot"):
            self.assertEqual(text.count("<svg"), 12, notes)

    def test_entries_are_json(self):
        import mix
        entries = json.loads(json.dumps(mix.entries(made_up.whole(random.Random(3)))))
        self.assertEqual(len(entries[0]["runs"]), 3)


if __name__ == "__main__":
    unittest.main()
