"""`./run bench cpu-io`: the measuring, and that the page has all of it; test_words.py has the sentences."""
import json
import os
import random
import shutil
import tempfile
import unittest

import fakes
import made_up
import parse
import plots
from mix import page, points, settings, sweep, words

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
        self.assertEqual(point.requests(1.0, 2), 8000)
        self.assertEqual(points.Point(0, 10).requests(1.0, 2), 10000)
        self.assertEqual(points.Point(100, 10000).requests(0.1, 2), 20000)


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
