"""`./run bench scaling`: what grows is found, what does not is not; test_growth.py has the sentences."""
import contextlib
import io
import json
import os
import random
import shutil
import tempfile
import unittest
import unittest.mock

import fakes
import plots
import process
import progress
import scaling
import session
from rows import Metric
from scaling import fit, lines, machines, measure, page, words, workers
from scaling import plots as pictures

SIZES = [10 ** power for power in range(1, 7)]


def points(cost, sizes=None):
    return [(n, cost(n)) for n in sizes or SIZES]


class Fit(unittest.TestCase):
    def test_powers(self):
        for power in (0, 0.5, 1, 1.5, 2, 3):
            self.assertAlmostEqual(fit.exponent(points(lambda n, p=power: 7.0 * n ** p)), power)

    def test_too_little_to_tell(self):
        for few in ([], [(10, 5.0)], [(10, 5.0), (10, 6.0)], [(10, 0.0), (100, 0.0)]):
            self.assertIsNone(fit.exponent(few))
        self.assertEqual(fit.fitted(points(lambda n: n, [10, 100]), False).upper, None)

    def test_zero_is_no_point(self):
        self.assertAlmostEqual(fit.exponent([(1, 0.0), (10, 10.0), (100, 100.0)]), 1)

    def test_setup_hides_growth_from_all_but_not_from_the_upper_half(self):
        found = fit.fitted(points(lambda n: 1e9 + n ** 2), False)
        self.assertLess(found.overall, fit.LIMIT)
        self.assertGreater(found.upper, fit.LIMIT)

    def test_a_small_quadratic_behind_a_linear_term(self):
        self.assertGreater(fit.fitted(points(lambda n: 100 * n + 1e-3 * n ** 2), False).upper, fit.LIMIT)

    def test_setup_makes_no_growth(self):
        for setup in (0, 1e3, 1e6, 1e9):
            self.assertLessEqual(fit.fitted(points(lambda n, s=setup: s + 50 * n), False).upper, 1.001)

    def test_caches_are_not_growth(self):
        """From 20 ns to 200 ns for an item, between a thousand and a million."""
        each = {10: 20, 100: 20, 1_000: 50, 10_000: 80, 100_000: 120, 1_000_000: 200}
        self.assertEqual(fit.fitted(points(lambda n: n * each[n]), False).too_fast(), [])

    def test_what_begins_at_the_end_is_seen(self):
        """Linear and quadratic, half and half at the last number."""
        found = fit.fitted(points(lambda n: n + n ** 2 / 1e6), False)
        self.assertLess(found.upper, fit.LIMIT)
        self.assertAlmostEqual(found.end, 1.26, 2)
        self.assertEqual(found.too_fast(), ["end"])

    def test_what_ended_long_ago_is_not(self):
        found = fit.fitted(points(lambda n: min(n, 100) ** 2 * 10 + n), False)
        self.assertEqual(found.too_fast(), [])

    def test_the_last_decade(self):
        for sizes, wanted in (([10, 100, 1000], [100, 1000]), ([10, 30, 100, 300, 1000], [100, 300, 1000]),
                              ([1, 1000, 5000], [1000, 5000]), ([1, 10, 1000], [10, 1000])):
            self.assertEqual([n for n, _ in fit.last_decade(points(lambda n: n, sizes))], wanted)

    def test_neighbours(self):
        low, high = fit.neighbours([(1, 1.0), (10, 10.0), (100, 1000.0)])
        self.assertAlmostEqual(low, 1)
        self.assertAlmostEqual(high, 2)
        self.assertIsNone(fit.neighbours([(1, 1.0)]))

    def test_what_is_shown_is_what_is_judged(self):
        for upper, fast in ((1.204, []), (1.206, ["upper"])):
            self.assertEqual(fit.Fit(1.0, upper, (1.0, 1.3), 1.0, (1, 10)).too_fast(), fast)

    def test_sorting(self):
        import math
        ordinary = points(lambda n: n * math.log2(n))
        self.assertAlmostEqual(fit.fitted(ordinary, True).upper, 1)
        self.assertGreater(fit.fitted(points(lambda n: n ** 2), True).upper, fit.LIMIT)

    def test_upper_half(self):
        self.assertEqual([n for n, _ in fit.upper_half(points(lambda n: n))],
                         [10_000, 100_000, 1_000_000])
        self.assertEqual(len(fit.upper_half(points(lambda n: n, [1, 10]))), 2)
        self.assertEqual([n for n, _ in fit.upper_half(points(lambda n: n, [1, 2, 3, 1000]))],
                         [2, 3, 1000])


ONE = lines.Line("spawn", "ns_per_task", "at once")
SUBJECT = lines.Subject("tasks", "Tasks", (ONE,), tuple(SIZES), tuple(SIZES))


def work_of(total, subject=SUBJECT, sizes=None):
    """What would have been measured if the total cost were total(n) ns."""
    work = measure.Growth("/fake", (subject,), True, 3, 1, 1, fakes.silent())
    for line in subject.lines:
        for n in sizes or SIZES:
            each = total(n) / line.scale / (1 if line.whole else n)
            work.values[line.bench, line.metric, n] = [each, each, each]
    return work


class Words(unittest.TestCase):
    def test_a_quadratic_is_marked(self):
        work = work_of(lambda n: 5.0 * n * n)
        self.assertEqual(words.verdict(work, ONE), words.FASTER)
        self.assertEqual(words.defects(work), [(SUBJECT, ONE)])
        self.assertIn("1 of 1 lines grow faster than n^1.2 over the upper half of the numbers, or than "
                      "n^1.25 at their end: Tasks, at once", words.summary(work))
        text = page.render(work, [], [], [], [], False, plots.Plotter([]), lambda *_: "")
        self.assertIn("<h2>Faster than linear</h2>", text)
        self.assertIn("power 2.00 over the upper half (2.00 between all neighbours there), 2.00 from 100,000 to "
                      "1,000,000. Not explained: a defect.", text)

    def test_what_is_known_is_said_beside_the_mark(self):
        known = lines.Line("spawn", "ns_per_task", "at once", known="It was looked into.")
        subject = lines.Subject("tasks", "Tasks", (known,), (), ())
        text = page.marked(work_of(lambda n: 5.0 * n * n, subject))
        self.assertIn("It was looked into.", text)
        self.assertNotIn("Not explained", text)
        self.assertEqual(page.marked(work_of(lambda n: 5.0 * n, subject)), "")

    def test_a_linear_one_is_not(self):
        work = work_of(lambda n: 1e5 + 50.0 * n)
        self.assertEqual(words.defects(work), [])
        self.assertIn("None of 1 lines grows faster than n^1.2", words.summary(work))
        self.assertNotIn("Faster than linear</h2>", page.marked(work))

    def test_two_sizes_say_nothing(self):
        work = work_of(lambda n: 5.0 * n * n, sizes=[10, 100])
        self.assertEqual(words.verdict(work, ONE), words.NONE)
        self.assertIsNone(words.summary(work))

    def test_figures_for_people(self):
        self.assertEqual([words.figure(v, "ns") for v in (0.5, 12.345, 1234, 2.5e6, 7e9, 9e12)],
                         ["0.5 ns", "12.3 ns", "1.23 us", "2.5 ms", "7 s", "9000 s"])
        self.assertEqual(words.figure(4096, "B"), "4 KiB")

    def test_units_of_lines(self):
        cancel = lines.Line("cancel", "ms", "", scale=10.0)
        self.assertEqual(cancel.total(1000, 20.0), 200_000)
        self.assertEqual(cancel.each(1000, 20.0), 200)
        whole = lines.Line("sort", "ms", "", scale=1e6, whole=True)
        self.assertEqual((whole.total(10, 3.0), whole.each(10, 3.0)), (3e6, 3e5))


def output(bench, size, values):
    return "".join(json.dumps({"bench": bench, "workers": 1, "metric": metric, "unit": "ns",
                               "median": value, "min": value, "max": value, "runs": 1,
                               "size": size}) + "\n" for metric, value in values.items())


class Measuring(unittest.TestCase):
    def measure(self, execute, rounds=2, limit=1e9, subjects=(SUBJECT,), clock=lambda: 0.0):
        work = measure.Growth("/fake/sley-bench", subjects, True, rounds, 9, limit, fakes.silent(),
                              execute, clock)
        work.run()
        return work

    def test_rounds_over_all_sizes_and_the_first_is_not_counted(self):
        calls = []

        def execute(command, timeout):
            size = int(command[command.index("--size") + 1])
            calls.append(size)
            return process.Run(output=output("spawn", size, {"ns_per_task": len(calls)}))
        work = self.measure(execute)
        self.assertEqual(calls, SIZES * 3)
        self.assertEqual(work.values["spawn", "ns_per_task", 10], [7, 13])
        self.assertEqual([n for n, *_ in work.points(ONE)], SIZES)

    def test_a_size_that_fails_once_is_out_and_no_larger_one_is_tried(self):
        calls = []

        def execute(command, timeout):
            size = int(command[command.index("--size") + 1])
            calls.append(size)
            if size == 1000 and calls.count(1000) == 2:
                return process.Run(problem="killed by signal 9")
            return process.Run(output=output("spawn", size, {"ns_per_task": 1.0}))
        work = self.measure(execute)
        self.assertEqual(work.fell, {("spawn", 1000): "killed by signal 9"})
        self.assertEqual(calls.count(1000), 2)
        self.assertEqual(calls.count(10_000), 1)
        self.assertEqual([n for n, *_ in work.points(ONE)], [10, 100])

    def test_garbage_is_no_figure(self):
        for text in ("", "garbage\n", output("spawn", 11, {"ns_per_task": 1.0}),
                     output("scope", 10, {"ns_per_task": 1.0}),
                     output("spawn", 10, {"ns_per_task": -1.0})):
            work = self.measure(lambda command, timeout, t=text: process.Run(output=t))
            self.assertEqual(work.values, {}, text)
            self.assertIn(("spawn", 10), work.fell)

    def test_a_limit_leaves_rows_out_and_says_so(self):
        now = [0.0]

        def execute(command, timeout):
            now[0] += 1
            bench, size = command[1], int(command[command.index("--size") + 1])
            return process.Run(output=output(bench, size, {"x": 1.0}))
        other = lines.Subject("tasks", "More", (lines.Line("nest", "x", "deep"),), (1, 2), (1, 2))
        work = self.measure(execute, limit=20, subjects=(SUBJECT, other), clock=lambda: now[0])
        self.assertEqual({key[0] for key in work.values}, {"spawn"})
        self.assertEqual(work.notes, ["no time was left for nest"])

    def test_a_row_of_two_subjects_is_measured_once(self):
        other = lines.Subject("B", "Memory", (lines.Line("spawn", "x", ""),), (10, 20), (10, 20))
        work = measure.Growth("/fake", (SUBJECT, other), True, 1, 1, 1, fakes.silent())
        self.assertEqual(work.jobs(), [("spawn", sorted(SIZES + [20]))])


class Lines(unittest.TestCase):
    """What is asked for must be there: names, metrics and sizes, as sley-bench itself has them."""

    @unittest.skipUnless(os.environ.get("SLEY_BENCH"), "no sley-bench")
    def test_the_rows_have_these_sizes(self):
        ranges = {}
        text = process.run([os.environ["SLEY_BENCH"], "--help"], 60).output
        for line in text.split("Rows that have a size")[1].splitlines()[1:]:
            name, rest = line.split(None, 1)
            low, high = rest.rsplit(", ", 1)[1].split(" to ")
            ranges[name] = int(low), int(high)
        for subject in lines.SUBJECTS:
            for bench in subject.benches():
                low, high = ranges[bench]
                for quick in (True, False):
                    for size in subject.sizes(quick):
                        self.assertTrue(low <= size <= high, f"{bench} {size}")

    @unittest.skipUnless(os.environ.get("SLEY_BENCH"), "no sley-bench")
    def test_the_rows_have_these_figures(self):
        for bench in ("nest", "waiters"):  # quick in every build; test_bench.sh has the others
            wanted = {line.metric for s in lines.SUBJECTS for line in s.lines if line.bench == bench}
            work = measure.Growth(os.environ["SLEY_BENCH"], (), True, 1, 60, 60, fakes.silent())
            run = process.run(work.command(bench, 10), 60)
            self.assertLessEqual(wanted, set(measure.read(run.output, bench, 10)), run.problem)

    def test_sizes_grow_and_are_enough(self):
        for subject in lines.SUBJECTS:
            for quick in (True, False):
                sizes = subject.sizes(quick)
                self.assertEqual(list(sizes), sorted(set(sizes)))
                self.assertGreaterEqual(len(fit.upper_half([(n, 1.0) for n in sizes])), 3)


def result(bench, metric, unit, count, value):
    return session.Result(bench, "sley", "sley 1", count, Metric(metric, unit), [value])


class Workers(unittest.TestCase):
    def test_counts(self):
        self.assertEqual(workers.counts(1), [1])
        self.assertEqual(workers.counts(4), [1, 2, 3, 4])
        many = workers.counts(100)
        self.assertEqual((many[:8], many[-1]), ([1, 2, 3, 4, 5, 6, 7, 8], 100))
        self.assertEqual(many, sorted(set(many)))
        self.assertLess(len(many), 25)

    def test_efficiency(self):
        self.assertEqual(workers.efficiency("skynet", "ms", "ms", 100.0, 50.0, 2), 1.0)
        self.assertEqual(workers.efficiency("skynet", "ms", "ms", 100.0, 100.0, 4), 0.25)
        self.assertEqual(workers.efficiency("echo", "per_s_64x64", "1/s", 100.0, 180.0, 2), 0.9)
        self.assertEqual(workers.efficiency("switch", "ns_per_switch", "ns", 10.0, 20.0, 8), 0.5)
        self.assertIsNone(workers.efficiency("wake", "us_p50", "us", 10.0, 5.0, 2))
        self.assertIsNone(workers.efficiency("skynet", "ms", "ms", 0.0, 5.0, 2))

    def test_table(self):
        rows = workers.table([result("skynet", "ms", "ms", n, 80.0 / n) for n in (1, 2, 4)]
                             + [result("wake", "us_p50", "us", 2, 9.0)])
        self.assertEqual(rows[0], ("skynet", "ms", "ms", "shared",
                                   {1: (80.0, 1.0), 2: (40.0, 1.0), 4: (20.0, 1.0)}))
        self.assertEqual(rows[1][4], {2: (9.0, None)})

    @unittest.skipUnless(os.environ.get("SLEY_BENCH"), "no sley-bench")
    def test_the_rows_there_are(self):
        listed = process.run([os.environ["SLEY_BENCH"], "list"], 60).output
        names = {line.split()[0] for line in listed.splitlines()}
        self.assertLessEqual({bench for bench, _ in workers.SHARED | workers.WORKER}, names)
        self.assertLessEqual(set(workers.ALONE), names)


def machine_of(victims):
    machine = machines.Machine("x", "package:1")
    machines.read(machine, json.dumps({
        "machine": "1 package, 4 cores (not this system)", "steals": [
            {"worker": worker, "cpu": worker,
             "victims": [{"worker": v, "distance": d} for v, d in order]}
            for worker, order in victims.items()]}))
    return machine


class Machines(unittest.TestCase):
    def test_a_good_order(self):
        good = machine_of({0: [(1, "same L3"), (2, "rest")], 1: [(0, "same L3"), (2, "rest")],
                           2: [(0, "rest"), (1, "rest")]})
        self.assertIsNone(machines.check(good))
        self.assertEqual(machines.order(good.victims[0]), [("same L3", "1"), ("rest", "2")])

    def test_bad_orders(self):
        for order, said in (([(2, "rest"), (1, "same L3")], "a far one before a near one"),
                            ([(1, "same L3")], "each other one once"),
                            ([(1, "same L3"), (0, "rest")], "each other one once"),
                            ([(1, "next door"), (2, "rest")], "unknown distance")):
            bad = machine_of({0: order, 1: [(0, "rest"), (2, "rest")], 2: [(0, "rest"), (1, "rest")]})
            self.assertIn(said, machines.check(bad))

    def test_ranges(self):
        self.assertEqual(machines.ranges([2, 3, 4, 0, 7, 8]), "2-4, 0, 7-8")

    def test_a_program_that_fails(self):
        for run in (process.Run(problem="cannot be started"), process.Run(output="garbage"),
                    process.Run(output="[]")):
            found = machines.discover("/nowhere", lambda command, timeout, r=run: r)
            self.assertTrue(all(machine.problem for machine in found))
            self.assertIn("package:1", page.other_machines(found))

    @unittest.skipUnless(os.environ.get("SLEY_TOPOLOGY"), "no sley-topology")
    def test_the_orders_of_sley(self):
        for machine in machines.discover(os.environ["SLEY_TOPOLOGY"]):
            self.assertIsNone(machine.problem)
            self.assertGreater(machine.workers, 1)


class Pages(unittest.TestCase):
    def test_a_page_of_any_data(self):
        work = measure.Growth("/fake", lines.SUBJECTS, False, 3, 1, 1, fakes.silent())
        chance = random.Random(4)
        for subject in lines.SUBJECTS:
            for line in subject.lines:
                for n in subject.full:
                    work.values[line.bench, line.metric, n] = [chance.uniform(1, 9)] * 3
        notes = []
        results = [result("skynet", "ms", "ms", n, 80.0 / n) for n in (1, 2)]
        text = page.render(work, results, [machine_of({0: [(1, "rest")], 1: [(0, "rest")]})],
                           [("processor", "<b>")], ["went <wrong>"], True, plots.Plotter(notes),
                           pictures.draw)
        self.assertIn("went &lt;wrong&gt;", text)
        self.assertNotIn("<b>", text.split("<h2>The machine</h2>")[1])
        self.assertIn("40.00 <small>1.00</small>", text)
        json.dumps(scaling.entries(work, results, []), allow_nan=False)
        if shutil.which("gnuplot"):
            self.assertEqual(text.count("<svg"), len(lines.SUBJECTS), notes)

    def test_nothing_measured(self):
        work = measure.Growth("/fake", lines.SUBJECTS, False, 3, 1, 1, fakes.silent())
        text = page.render(work, [], [], [], [], False, plots.Plotter([]), pictures.draw)
        self.assertNotIn("n^", text)
        self.assertNotIn("<svg", text)

    def test_files(self):
        few = lines.Subject("tasks", "Tasks", (ONE,), (10, 100, 1000), (10, 100, 1000))
        with tempfile.TemporaryDirectory() as where, \
                unittest.mock.patch.object(lines, "SUBJECTS", (few,)), \
                contextlib.redirect_stdout(io.StringIO()) as said:
            program = os.path.join(where, "sley-bench")
            fakes.write_program(program, """#!/usr/bin/env python3
import json, sys
bench, values = sys.argv[1], dict(zip(sys.argv[2::2], sys.argv[3::2]))
entry = {"bench": bench, "workers": int(values["--workers"]), "metric": "ns_per_task", "unit": "ns",
         "median": 5.0, "min": 5.0, "max": 5.0, "runs": 1}
if "--size" in values:
    entry["size"] = int(values["--size"])
print(json.dumps(entry))
""")
            sley = fakes.sley(("spawn",))
            sley.path = program
            problems = []
            durations = progress.Durations(os.path.join(where, "durations.json"), True)
            whole = scaling.run(sley, where, True, plots.Plotter([]), durations, fakes.silent(),
                                problems)
            self.assertTrue(whole)
            self.assertTrue(any("sley-topology" in p or "cannot be started" in p for p in problems))
            with open(os.path.join(where, "scaling.json"), encoding="utf-8") as file:
                kept = json.load(file)
            self.assertEqual(kept["growth"][0]["verdict"], words.WITHIN)
            self.assertTrue(os.path.getsize(os.path.join(where, "scaling.html")))
            self.assertIn("None of 1 lines grows faster than n^1.2", said.getvalue())


if __name__ == "__main__":
    unittest.main()
