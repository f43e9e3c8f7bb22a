"""`./run bench cpu-io`: every sentence of its page is true of the data, whatever they are."""
import json
import os
import random
import re
import shutil
import tempfile
import unittest

import fakes
import parse
import plots
from mix import page, points, sweep, words

NAMES = ["tasks", "tasks+threads", "loop", "threads", "go", "asyncio"]


def data_of(chance, quick=True):
    """Random figures: each point has its own winners; some designs could not do some points."""
    data = points.Data(ours=sweep.SLEY_DESIGNS)
    for point in points.points(quick):
        for name in NAMES:
            if chance.random() < 0.1:
                data.fell[point, name] = "no more threads"
                continue
            rate, late = 10 ** chance.uniform(1, 6), 10 ** chance.uniform(1, 7)
            if chance.random() < 0.3:
                rate, late = 1000.0, 500.0  # ties
            for _ in range(3):
                wobble = chance.uniform(0.9, 1.1)
                data.add(point, name, {"requests_per_s": rate * wobble, "p50_us": late / 3,
                                       "p99_us": late * wobble, "max_us": late * 2, "cpu_s": 1.0})
    return data


def equal(rates):
    """The same at every point."""
    data = points.Data(ours=sweep.SLEY_DESIGNS)
    for point in points.points(True):
        for name, rate in rates.items():
            data.add(point, name, {"requests_per_s": rate, "p50_us": 1e6 / rate, "p99_us": 2e6 / rate,
                                   "max_us": 3e6 / rate, "cpu_s": 1.0})
    return data


def all_claims(data):
    return [claim for _, claims in words.conclusions(data) for claim in claims]


class Words(unittest.TestCase):
    def test_all_are_true_of_any_data(self):
        for seed in range(60):
            data = data_of(random.Random(seed), quick=seed % 2 == 0)
            claims = all_claims(data)
            self.assertGreater(len(claims), len(data.points()))
            for claim in claims:
                self.assertTrue(claim.holds(data), f"seed {seed}: {claim.text}")

    def test_they_are_not_true_of_other_data(self):
        """Most of them: a claim that holds of anything would say nothing."""
        one, other = data_of(random.Random(1)), data_of(random.Random(2))
        claims = all_claims(one)
        wrong = sum(1 for claim in claims if not claim.holds(other))
        self.assertGreater(wrong, 0.7 * len(claims))

    def test_numbers_in_a_sentence_are_the_data_s(self):
        data = equal({"tasks": 1000.0, "loop": 250.0})
        claim = words.winner(data, data.points()[0])
        self.assertIn("tasks is fastest: 1,000 requests/s, 4.0 times loop's", claim.text)
        self.assertIn("the best p99, 2.0 ms, is tasks's", claim.text)

    def test_whoever_wins_is_named(self):
        for best in NAMES:
            data = equal({name: 900.0 if name == best else 100.0 for name in NAMES})
            text = " ".join(claim.text for claim in all_claims(data))
            self.assertIn(f"{best} is within 15 % of the fastest design at all", text)
            self.assertIn(f"take {best}: the fastest with up to 1,000 clients.", text)
            for name in NAMES:
                falls = f"(^| ){re.escape(name)} falls over from 1 client and 0 % computing on"
                self.assertEqual(bool(re.search(falls, text)), name != best, name)

    def test_close_is_close(self):
        near = equal({"tasks": 100.0, "go": 114.0})
        far = equal({"tasks": 100.0, "go": 116.0})
        self.assertIn("at all", words.everywhere(near, "tasks").text)
        self.assertIn("at 0 of", words.everywhere(far, "tasks").text)

    def test_standing_of_ours(self):
        texts = [claim.text for claim in words.standing(equal({"tasks": 100.0, "go": 50.0}))]
        self.assertEqual(len(texts), 2)
        self.assertTrue(all(re.search(r"at (\d+) of \1 points\.$", text) for text in texts), texts)
        texts = [claim.text for claim in words.standing(equal({"tasks": 50.0, "go": 100.0}))]
        self.assertIn("at 0 of", texts[0])
        self.assertIn("not with 1 client and 0 % computing", texts[0])

    def test_only_ours_or_only_theirs_says_nothing_of_the_standing(self):
        self.assertEqual(words.standing(equal({"go": 1.0})), [])
        self.assertEqual(words.standing(equal({"tasks": 1.0})), [])

    def test_no_data_no_words(self):
        self.assertEqual(words.conclusions(points.Data()), [])

    def test_a_design_that_could_not(self):
        data = equal({"tasks": 100.0, "threads": 100.0})
        point = max(data.points(), key=lambda p: (p.clients, p.share))
        data.remove(point, "threads")
        data.fell[point, "threads"] = "thread number 5: no memory"
        self.assertIn("threads cannot do 1,000 clients and 100 % computing: thread number 5",
                      words.falls(data, "threads").text)
        self.assertEqual(words.falls(data, "tasks").text, "tasks does not fall over at any point.")


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

    def test_far_and_near_behind(self):
        self.assertEqual([words.behind_words(f) for f in (1.004, 1.03, 1.2, 12.0)],
                         ["0 % behind", "3 % behind", "1.2 times behind", "12 times behind"])

    def test_the_load_is_what_the_point_says(self):
        point = points.Point(25, 100)
        self.assertEqual((point.cpu_us, point.io_us), (250, 750))
        self.assertEqual(point.requests(1.0, 2), 8000)
        self.assertEqual(points.Point(0, 10).requests(1.0, 2), 10000)
        self.assertEqual(points.Point(100, 10000).requests(0.1, 2), 20000)


class Pages(unittest.TestCase):
    def test_a_page_of_any_data(self):
        work = sweep.Sweep([], sweep.Settings(True, 2, 3, 0.1, 30), None)
        work.data = data_of(random.Random(5))
        notes = []
        text = page.render(work, [("processor", "<b>")], ["went <wrong>"], plots.Plotter(notes))
        for claim in all_claims(work.data):
            self.assertIn(claim.text.replace("'", "&#x27;"), text)
        self.assertNotIn("<b>", text.split("<svg")[0])
        self.assertIn("went &lt;wrong&gt;", text)
        if shutil.which("gnuplot"):
            self.assertEqual(text.count("<svg"), 12, notes)

    def test_entries_are_json(self):
        import mix
        entries = json.loads(json.dumps(mix.entries(data_of(random.Random(3)))))
        self.assertEqual(len(entries[0]["runs"]), 3)


if __name__ == "__main__":
    unittest.main()
