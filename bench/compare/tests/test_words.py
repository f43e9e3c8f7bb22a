"""The conclusions of `./run bench cpu-io`: true of any data, as an oracle has it that shares no code with
them; and that oracle refuses what is not."""
import os
import random
import re
import unittest
import unittest.mock

import fakes
import made_up
from made_up import NAMES, equal, measured
from mix import advice, falls, points, say, settings, sweep, words
from mix_oracle import Oracle, Refused

USED = settings.Used(2)
SETS = 2000
SOURCES = os.path.join(os.path.dirname(os.path.abspath(fakes.__file__)), "..", "..", "..")


def page_of(data):
    return words.conclusions(data, USED)


def section(data, title):
    return dict(page_of(data)).get(title, [])


def true(data, page, used=USED):
    try:
        Oracle(data, used).page(page)
    except Refused:
        return False
    return True


class Properties(unittest.TestCase):
    def test_all_are_true_of_any_data(self):
        for seed in range(SETS):
            data = made_up.any_data(random.Random(seed))
            try:
                Oracle(data, USED).page(page_of(data))
            except Refused as why:
                self.fail(f"seed {seed}: {why}")

    def test_with_any_settings(self):
        for seed in range(200):
            data = made_up.any_data(random.Random(seed))
            for used in (None, settings.Used(1, 0), settings.Used(7, 1), settings.Used(100, 500)):
                Oracle(data, used).page(words.conclusions(data, used))

    def test_of_a_whole_sweep(self):
        for seed in range(20):
            data = made_up.whole(random.Random(seed))
            self.assertEqual(len(page_of(data)), 6)
            Oracle(data, USED).page(page_of(data))

    def test_no_data_no_words(self):
        self.assertEqual(words.conclusions(points.Data(), USED), [])

    def test_nobody_gets_through(self):
        data = points.Data(ours=sweep.SLEY_DESIGNS)
        data.fell[points.Point(0, 1), "go"] = "went wrong"
        self.assertTrue(true(data, page_of(data)))
        self.assertEqual(section(data, "Where each falls over")[1:],
                         ["go fails with 1 client at every share: went wrong."])


def mutate_number(chance, text, data):
    """Another number in the place of one; those of a rule included."""
    spots = list(re.finditer(r"(?<![\w.,])\d[\d,]*(\.\d+)?(?![\w,]*\d)", text))
    if not spots:
        return None
    spot = chance.choice(spots)
    old = float(spot.group().replace(",", ""))
    new = chance.choice((old * 10, old + 1, old + 2, old * 2 + 1))
    return text[:spot.start()] + (f"{new:,.1f}" if "." in spot.group() else f"{new:,.0f}") \
        + text[spot.end():]


def mutate_name(chance, text, data):
    """Another design in the place of one."""
    here = [name for name in NAMES if re.search(rf"(?<![\w+]){re.escape(name)}(?![\w+])", text)]
    if not here:
        return None
    old = chance.choice(here)
    new = chance.choice([name for name in NAMES if name != old])
    return re.sub(rf"(?<![\w+]){re.escape(old)}(?![\w+])", new, text, count=1)


PHRASES = [("is fastest", "has the best p99"),
           ("no design is faster", "the fastest makes at most 4 % more requests"),
           ("no p99 is better", "its p99 is at most 4 % above the best"), ("every share", "7 % computing"),
           ("at 0 % computing", "at 0 and 7 % computing"), ("ahead of", "behind"), (" and 100 %", " %"),
           ("in throughput better", "in p99 better"), ("falls over at", "fails"),
           ("behind at", "ahead at"), ("; it fails at", "; it was not measured at"),
           (", the fewest", ""), ("which is below it", "which is not below it"),
           ("are equal in p99", "has the best p99"), ("take", "do not take")]


def mutate_phrase(chance, text, data):
    here = [(old, new) for old, new in PHRASES if old in text]
    if not here:
        return None
    old, new = chance.choice(here)
    return text.replace(old, new, 1)


def cut_short(chance, text, data):
    """A part of what is said is left away."""
    parts = re.split(r"(?<=[;,.]) ", text)
    if len(parts) < 2:
        return None
    del parts[chance.randrange(len(parts))]
    return " ".join(parts)


def mutants(chance, page, data):
    """(what was done, page): one sentence is another, or is missing, or there twice."""
    for title, lines in page:
        for number, text in enumerate(lines):
            if title == "Where each falls over" and " fails " in text:
                text = text.split(":")[0]  # the reason is somebody else's words
            for change in (mutate_number, mutate_name, mutate_phrase, cut_short):
                new = change(chance, text, data)
                if new and new != text:
                    new += lines[number][len(text):]
                    yield new, [(t, l[:number] + [new] + l[number + 1:] if t == title else l)
                                for t, l in page]
            for less in (lines[:number] + lines[number + 1:], lines + [lines[number]]):
                yield f"less or more of {text}", [(t, less if t == title else l) for t, l in page]


class Mutation(unittest.TestCase):
    """The oracle is worth as much as it refuses. Figures without ties: two designs with the same
    figures may be named for each other."""

    def test_what_is_changed_is_refused(self):
        tried = 0
        for seed in range(30):
            chance = random.Random(seed)
            data = made_up.any_data(chance, untied=True)
            page = page_of(data)
            self.assertTrue(true(data, page))
            for what, mutant in mutants(chance, page, data):
                tried += 1
                self.assertFalse(true(data, mutant), f"seed {seed}: {what}")
        self.assertGreater(tried, 2000)

    def test_the_page_of_other_data_is_refused(self):
        for seed in range(50):
            one, other = (made_up.whole(random.Random(seed + more)) for more in (0, 1000))
            self.assertFalse(true(one, page_of(other)))

    def refused(self, data, title, old, new):
        page = page_of(data)
        lines = dict(page)[title]
        self.assertTrue(any(old in line for line in lines), lines)
        changed = [line.replace(old, new) for line in lines]
        self.assertFalse(true(data, [(t, changed if t == title else l) for t, l in page]), new)

    def test_a_number_within_another_is_not_it(self):
        data = measured({"tasks": [1120.0], "go": [100.0]})
        self.refused(data, "Point by point", "makes 11 times", "makes 1 times")
        data = measured({"tasks": [620.0], "go": [100.0]})
        self.refused(data, "Point by point", "makes 6.2 times", "makes 16.2 times")
        self.refused(data, "Point by point", "makes 6.2 times", "makes 6 times")

    def test_what_the_page_once_said(self):
        data = equal({"tasks": 100.0, "go": 50.0})
        self.refused(data, "Where each falls over", "go falls over at 15 of the 15 points that it gets "
                     "through: with 1 client at every share; with 32 clients at every share; with 1,000 "
                     "clients at every share;", "go falls over from 1 client and 0 % computing on;")
        data = measured({"loop": [99.0, 100.0, 101.0], "go": [99.8, 99.9, 100.0]})
        self.refused(data, "Point by point", "loop (100 requests/s) and go (100 requests/s) are equal in "
                     "throughput", "loop (100 requests/s) is fastest")


class Mistakes(unittest.TestCase):
    """What could be wrong in mix/, and would once have been agreed to by its own check."""

    def seen(self, where, name, mistake):
        with unittest.mock.patch.object(where, name, mistake):
            for seed in range(200):
                data = made_up.any_data(random.Random(seed))
                if not true(data, page_of(data)):
                    return True
        return False

    def test_each_is_seen(self):
        overlap, places, worst = say.overlap, say.places, say.worst
        for where, name, mistake in (
                (say, "overlap", lambda data, point, one, other, figure: one == other),
                (say, "overlap", lambda data, point, one, other, figure: one == other or (
                    overlap(data, point, one, other, figure) and figure == say.RATE)),
                (say, "times", lambda value: f"{value + 0.1:.1f}"),
                (say, "times", lambda value: f"{int(value)}"),
                (say, "places", lambda points, universe: places(points[:1], universe)),
                (say, "worst", lambda data, points, *rest: worst(data, points[:1], *rest)),
                (say, "tried", lambda data: sorted(data.points(), key=lambda p: (p.clients, p.share))),
                (say, "failed_by", lambda *_: []),
                (say, "PRICE", 9.0), (say, "CLOSE", 1.3),
                (falls, "LIMITS", ((say.RATE, 3.0), (say.P99, 10.0))),
                (falls, "fallen", lambda data, point, design: data.behind(point, design, say.RATE) >= 2),
                (advice, "take", lambda known: min(known, key=known.get)),
                (advice, "take", lambda known: max(known, key=known.get)),
                (words, "lost", lambda *_: False),
                (settings, "compared", lambda data, design, figure: ([], [], data.points()))):
            with self.subTest(name=name):
                self.assertTrue(self.seen(where, name, mistake))


class Winners(unittest.TestCase):
    def test_within_the_noise_nobody_is(self):
        data = measured({"tasks": [99.0, 100.0, 101.0], "go": [99.8, 99.9, 100.0], "loop": [50.0]})
        text = words.winner(data, data.points()[0])
        self.assertIn("tasks (100 requests/s) and go (100 requests/s) are equal in throughput; tasks makes "
                      "2.0 times as many as loop, the fewest;", text)

    def test_beyond_it_somebody_is(self):
        data = measured({"tasks": [100.0, 101.0], "go": [99.8, 99.9], "loop": [50.0]})
        text = words.winner(data, data.points()[0])
        self.assertIn("tasks (100 requests/s) is fastest; tasks makes 2.0 times", text)
        self.assertIn("; tasks (10.0 ms) has the best p99.", text)

    def test_alone(self):
        data = measured({"go": [100.0]})
        self.assertEqual(words.winner(data, data.points()[0]),
                         "With 32 clients and 50 % computing, go (100 requests/s) is fastest; go (10.0 ms) "
                         "has the best p99.")

    def test_close_is_close(self):
        near, far = equal({"tasks": 100.0, "go": 114.0}), equal({"tasks": 100.0, "go": 116.0})
        self.assertIn("of the fastest design at 15 of 15 points, and", words.everywhere(near, "tasks"))
        self.assertIn("of the fastest design at 0 of 15 points (at worst 1.2 times away, with 1,000 clients "
                      "and 100 % computing), and", words.everywhere(far, "tasks"))

    def test_whoever_wins_is_named(self):
        for best in NAMES:
            data = equal({name: 900.0 if name == best else 100.0 for name in NAMES})
            text = " ".join(line for _, lines in page_of(data) for line in lines)
            self.assertIn(f"{best} is within a factor of 1.15 of the fastest design at 15 of 15", text)
            self.assertIn(f"take {best}: with up to 1,000 clients no design is faster, and no p99 is better.",
                          text)
            for name in NAMES:
                self.assertEqual(f" {name} falls over at 15 of the 15 points" in text, name != best, name)


def with_failures(data, name, clients):
    """The design cannot do those any more."""
    for point in data.points():
        if point.clients == clients:
            data.remove(point, name)
            data.fell[point, name] = "thread number 5: no memory"
    return data


class Standing(unittest.TestCase):
    def test_ahead_and_behind(self):
        for ours, theirs, said in ((100.0, 50.0, "at 15 of 15 points, equal at 0, behind at 0."),
                                   (50.0, 50.0, "at 0 of 15 points, equal at 15, behind at 0."),
                                   (50.0, 100.0, "at 0 of 15 points, equal at 0, behind at 15: with 1 client "
                                                 "at every share; ")):
            lines = words.standing(equal({"tasks": ours, "go": theirs}))
            self.assertEqual([said in line for line in lines], [False, True, True], lines)

    def test_where_it_has_fallen_over_it_has_lost(self):
        data = with_failures(equal({"tasks": 100.0, "go": 50.0}), "tasks", 1000)
        line = words.standing(data)[1]
        self.assertIn("ahead of the best of the others at 10 of 15 points, equal at 0, behind at 5: with "
                      "1,000 clients at every share. No design of sley got through with 1,000 clients at "
                      "every share.", line)

    def test_so_have_the_others(self):
        data = with_failures(equal({"tasks": 50.0, "go": 100.0}), "go", 1000)
        self.assertIn("ahead of the best of the others at 5 of 15 points", words.standing(data)[1])

    def test_only_ours_or_only_theirs_says_nothing(self):
        self.assertEqual(words.standing(equal({"go": 1.0})), [])
        self.assertEqual(words.standing(equal({"tasks": 1.0})), [])


class Falls(unittest.TestCase):
    def test_who_gets_up_again_has_not_fallen_for_good(self):
        data = points.Data(ours=sweep.SLEY_DESIGNS)
        for clients, rate in ((1, 100.0), (32, 40.0), (1000, 100.0)):
            for share in (0, 50):
                measured({"tasks": [100.0], "go": [rate if share else 100.0]},
                         {"tasks": [5.0], "go": [5.0]}, points.Point(share, clients), data)
        self.assertEqual(falls.falls(data, "go"),
                         "go falls over at 1 of the 6 points that it gets through: with 32 clients at 50 % "
                         "computing; at worst the fastest makes 2.5 times as many requests (32 clients and "
                         "50 % computing).")
        self.assertEqual(falls.falls(data, "tasks"),
                         "tasks falls over at none of the 6 points that it gets through.")

    def test_who_could_not(self):
        data = with_failures(equal({"tasks": 100.0, "threads": 100.0}), "threads", 1000)
        self.assertEqual(falls.failures(data, "threads"),
                         ["threads fails with 1,000 clients at every share: thread number 5: no memory."])


class Advice(unittest.TestCase):
    def test_the_price_of_throughput_is_told(self):
        data = measured({"processes": [100.0], "tasks": [80.0]}, {"processes": [900.0], "tasks": [100.0]})
        self.assertEqual(advice.advice(data, 50),
                         "If 50 % of a request is computing, take processes: with up to 32 clients no design "
                         "is faster, and its p99 is at most 9.0 times the best. Where p99 counts more, take "
                         "tasks: the fastest makes at most 1.2 times as many requests, and no p99 is better.")

    def test_of_those_as_fast_the_one_with_the_better_p99(self):
        data = measured({"processes": [100.0], "tasks": [92.0]}, {"processes": [900.0], "tasks": [100.0]})
        self.assertEqual(advice.advice(data, 50),
                         "If 50 % of a request is computing, take tasks: with up to 32 clients the fastest "
                         "makes at most 9 % more requests, and no p99 is better.")

    def test_who_cannot_do_all_is_not_taken(self):
        data = with_failures(equal({"tasks": 100.0, "go": 500.0}), "go", 1000)
        self.assertIn("take tasks", advice.advice(data, 50))
        data = with_failures(data, "tasks", 1)
        self.assertEqual(advice.advice(data, 50), "If 50 % of a request is computing, no design has figures "
                         "with every number of clients up to 1,000 clients.")


class Settings(unittest.TestCase):
    def test_what_computing_elsewhere_brings(self):
        for other, said in ((200.0, "in throughput better at 12, equal at 0, worse at 0; in p99 better at 12"),
                            (100.0, "in throughput better at 0, equal at 12, worse at 0"),
                            (50.0, "in throughput better at 0, equal at 0, worse at 12")):
            data = equal({"tasks": 100.0, "tasks+threads": other})
            self.assertIn(f"at 12 points with computing: {said}", section(data, "Recommended settings")[1])

    def test_only_of_what_there_is(self):
        self.assertEqual(section(equal({"go": 1.0}), "Recommended settings"), [])
        lines = section(equal({"tasks+processes": 1.0}), "Recommended settings")
        self.assertEqual([line.split(":")[0] for line in lines],
                         ["workers", "children of the process pool"])
        self.assertNotIn("To compute there", lines[1])

    def test_the_environment_of_the_runs(self):
        for text, wanted in (("", 10), ("0", 0), ("25", 25), ("soon", 10)):
            with unittest.mock.patch.dict(os.environ, {"SLEY_STALL_MS": text}):
                self.assertEqual(settings.environment(3), settings.Used(3, wanted))

    def test_the_library_s_defaults_are_these(self):
        def has(path, pattern):
            with open(os.path.join(SOURCES, path), encoding="utf-8") as file:
                self.assertRegex(re.sub(r"[\s*]+", " ", file.read()), pattern)
        has("sched/include/sley/blocking.h",
            rf"General: {settings.THREADS_MAX} threads, what sley_to_thread")
        has("sched/include/sley/runtime.h",
            rf"SLEY_STALL_MS in the environment .*else {settings.STALL_MS} ms")
        has("bench/cpu_io/tasks.c", r"sley_to_thread\(compute_job, run, NULL\)")
        has("bench/cpu_io/tasks.c", r"\.min = run->load->workers, \.max = run->load->workers")
        has("bench/cpu_io/tasks.c", r"sley_options options = \{\.workers = load->workers\}")


class Say(unittest.TestCase):
    def test_factors(self):
        self.assertEqual([say.times(f) for f in (1.0, 1.26, 9.94, 9.96, 12.4, 12345.0)],
                         ["1.0", "1.3", "9.9", "10", "12", "12,345"])
        self.assertEqual([say.at_most(f, "more", "as many") for f in (1.0001, 1.03, 1.2)],
                         ["less than 1 % more", "at most 3 % more", "at most 1.2 times as many"])
        self.assertEqual(say.by(1.03, "more", "as many"), "3 % more")

    def test_lists(self):
        self.assertEqual([say.listed(range(count)) for count in (1, 2, 3)], ["0", "0 and 1", "0, 1 and 2"])

    def test_places(self):
        all_of = [points.Point(share, clients) for share in (0, 50, 90) for clients in (1, 1000)]
        self.assertEqual(say.places(all_of[:4], all_of), "with 1 client at 0 and 50 % computing; with 1,000 "
                         "clients at 0 and 50 % computing")
        self.assertEqual(say.places(all_of, all_of), "with 1 client at every share; with 1,000 clients at "
                         "every share")


if __name__ == "__main__":
    unittest.main()
