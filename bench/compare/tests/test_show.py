import html.parser
import os
import pty
import re
import shutil
import tempfile
import unittest
import xml.etree.ElementTree

import fakes
import plots
import progress
import report
import session
import table
from rows import Metric

NS = Metric("ns", "ns", title="a & b")
OPS = Metric("ops", "1/s", better="more")


def result(name, workers, values, metric=NS, bench="switch", ratio=None, others=0.0):
    return session.Result(bench, name, f"{name} 1", workers, metric, values, ratio, 1.0, others)


def some_results():
    found = []
    for workers in (1, 2):
        found += [result("sley", workers, [10, 12, 11]), result("go", workers, [50, 60, 55]),
                  result("a<b", workers, [900, 1000, 950])]
        session.set_ratios(found[-3:])
    return found


class Table(unittest.TestCase):
    def test_digits(self):
        self.assertEqual([table.figure(v) for v in (0.1234, 12.345, 123.45, 1234.5)],
                         ["0.123", "12.35", "123.5", "1234"])
        self.assertEqual([table.times(v) for v in (None, 0.5, 12.3, 456.7)],
                         ["-", "0.50", "12.3", "457"])

    def test_a_line_has_what_the_header_says(self):
        line = table.line(table.cells(result("go", 2, [50, 60, 55], ratio=5.0, others=0.1)))
        self.assertEqual(line.split(),
                         ["switch", "2", "ns", "go", "55.00", "50.00", "60.00", "ns", "5.00", "3",
                          "1.00", "0.10"])
        self.assertEqual(len(table.header().split()), len(line.split()))

    def test_sley_first_then_from_best_to_worst(self):
        less = [result("b", 1, [3]), result("a", 1, [2]), result("sley", 1, [5])]
        self.assertEqual([r.peer for r in table.ranked(less)], ["sley", "a", "b"])
        more = [result("b", 1, [3], OPS), result("a", 1, [2], OPS), result("sley", 1, [1], OPS)]
        self.assertEqual([r.peer for r in table.ranked(more)], ["sley", "b", "a"])

    def test_lines_that_say_the_same_are_one(self):
        lines = ["py: switch, 2 workers: one thread", "go: died", "py: wake, 2 workers: one thread",
                 "py: wake, 1 worker: late: by far", "go: wake, 1 worker: one thread"]
        self.assertEqual(table.gather(lines),
                         ["py: one thread (switch, 2 workers; wake, 2 workers)", "go: died",
                          "py: wake, 1 worker: late: by far", "go: wake, 1 worker: one thread"])
        self.assertEqual(table.gather(["go: died", "go: died"]), ["go: died"])

    def test_standing(self):
        found = some_results()
        self.assertEqual(table.standing(found), (4, 4))
        found.append(result("x", 1, [1], ratio=0.9))
        found.append(result("y", 1, [1], ratio=None))
        self.assertEqual(table.standing(found), (4, 5))


class Entry(unittest.TestCase):
    def test_keys(self):
        entry = result("go", 2, [50, 60, 55], OPS, ratio=5.0).entry()
        self.assertEqual(entry, {"bench": "switch", "peer": "go", "version": "go 1", "workers": 2,
                                 "metric": "ops", "unit": "1/s", "better": "more", "median": 55,
                                 "min": 50, "max": 60, "runs": 3, "ratio": 5.0})


class Plots(unittest.TestCase):
    def test_best_on_top(self):
        self.assertEqual(plots.order(some_results()), ["sley", "go", "a<b"])
        self.assertEqual(plots.order([result("a", 1, [1], OPS), result("b", 1, [2], OPS)]),
                         ["b", "a"])

    def test_the_axis_holds_everything(self):
        self.assertTrue(plots.axis([1, 100])[0])
        self.assertFalse(plots.axis([50, 100])[0])
        self.assertEqual(plots.axis([0, 0]), (False, 0, 1))
        self.assertFalse(plots.axis([0, 1, 1000])[0])
        for values in ([1, 100], [50, 100], [0, 5], [7]):
            _, low, high = plots.axis(values)
            self.assertTrue(low <= min(values) and max(values) <= high and low < high)

    def test_the_script_has_every_program_and_figure(self):
        text = plots.script(some_results())
        for word in ("'sley'", "'go'", "'a<b'", "11.00 ns", "5.00\u00d7", "logscale x"):
            self.assertIn(word, text)

    def test_quotes_in_names(self):
        self.assertEqual(plots.quote("it's\n"), "'it''s '")

    def test_nothing_to_compare_draws_nothing(self):
        self.assertEqual(plots.Plotter([], "true").draw([result("sley", 1, [1])], "t"), "")

    def test_a_gnuplot_that_fails_is_a_note(self):
        notes = []
        self.assertEqual(plots.Plotter(notes, "false").draw(some_results(), "t"), "")
        self.assertRegex(notes[0], "could not draw")

    @unittest.skipUnless(shutil.which("gnuplot"), "gnuplot is not installed")
    def test_drawn(self):
        for results in (some_results(), [result("sley", 1, [0]), result("go", 1, [0])]):
            notes = []
            svg = plots.Plotter(notes).draw(results, "title")
            self.assertEqual(notes, [])
            ids = [e.get("id") for e in xml.etree.ElementTree.fromstring(svg).iter() if e.get("id")]
            self.assertEqual(len(ids), len(set(ids)))
            self.assertTrue(all(name.startswith("p1-") for name in ids))
            used = set(re.findall(r"href='#([^']+)'", svg))
            self.assertLessEqual(used, set(ids))
            self.assertNotIn("black", svg)
            self.assertIn("rgb(232,89,12)", svg)  # plots.SLEY
            self.assertNotRegex(svg, r"<g [^>]*>\s*</g>")


class Balance(html.parser.HTMLParser):
    """Every element that is opened is closed, in order."""

    EMPTY = {"meta", "br"}

    def __init__(self):
        super().__init__()
        self.open, self.seen = [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-3:]}"
        self.open.pop()


class Report(unittest.TestCase):
    def page(self, results, failures=(), notes=(), plotter=None):
        class Run:
            programs = [fakes.sley(("switch",)), fakes.peer("a<b"), fakes.peer("go")]
        Run.results = results
        Run.programs[2].link = "https://example.org/x one thread & more"
        page = report.Page([("processor", "a <fast> one"), ("taken", "today")], Run, list(failures),
                           list(notes), False)
        text = report.render(page, plotter or plots.Plotter([]))
        balance = Balance()
        balance.feed(text)
        self.assertEqual(balance.open, [])
        return text, balance.seen

    def test_all_is_there_and_escaped(self):
        text, _ = self.page(some_results(), ["go: <died>"], ["x & y"])
        for word in ("4 of 4", "a&lt;b", "a &lt;fast&gt; one", "go: &lt;died&gt;", "x &amp; y",
                     'href="https://example.org/x"', "&amp; more"):
            self.assertIn(word, text)
        self.assertNotIn("a<b", text)

    def test_nothing_is_loaded_from_elsewhere(self):
        _, seen = self.page(some_results())
        for tag, attributes in seen:
            self.assertNotIn(tag, ("link", "script", "img", "iframe"))
            self.assertNotIn("src", attributes)

    def test_empty_and_alone(self):
        self.assertIn("Nothing to compare", self.page([])[0])
        self.assertIn("Nothing to compare", self.page([result("sley", 1, [1])])[0])

    def test_a_busy_machine_is_said(self):
        self.assertIn("Do not trust", self.page([result("sley", 1, [1], others=0.9)])[0])
        self.assertNotIn("Do not trust", self.page([result("sley", 1, [1], others=0.01)])[0])

    def test_who_is_ahead_of_us(self):
        found = some_results()
        self.assertEqual(report.behind(found), "")
        found += [result("sley", 1, [10], bench="wake"), result("go", 1, [5], bench="wake"),
                  result("a<b", 1, [1], bench="wake"), result("c", 1, [10], bench="wake")]
        session.set_ratios(found[-4:])
        rows = report.behind(found).split("<tbody>")[1].split("</tr>")
        self.assertIn("a&lt;b", rows[0])  # the widest lead first
        self.assertIn("0.10", rows[0])
        self.assertIn("<td class=\"l\">go</td>", rows[1])
        self.assertEqual(len(rows), 3)

    def test_tint(self):
        self.assertIn("ahead", report.tint(2.0))
        self.assertIn("behind", report.tint(0.5))
        self.assertEqual(report.tint(None), "")


class Progress(unittest.TestCase):
    def test_times_for_people(self):
        self.assertEqual([progress.span(s) for s in (0, 59, 61, 3600, 7265)],
                         ["1 s", "59 s", "1 min 01 s", "1 h 00 min", "2 h 01 min"])

    def test_a_log_has_plain_lines(self):
        show = fakes.silent()
        show.block("switch starts")
        show.now("this very moment")
        show.clear()
        self.assertEqual(show.stream.getvalue(), "switch starts\n")

    def test_a_terminal_has_one_line_that_is_rewritten(self):
        control, terminal = pty.openpty()
        with os.fdopen(terminal, "w") as stream:
            show = progress.Progress(stream)
            show.block("switch starts")
            show.now("one")
            show.now("two")
            show.line("stays")
            expected = b"\r\033[Kone\r\033[Ktwo\r\033[Kstays\r\n"
            said = b""
            while len(said) < len(expected):
                said += os.read(control, 1000)
            self.assertEqual(said, expected)
        os.close(control)

    def test_durations_are_kept_and_garbage_is_none(self):
        with tempfile.TemporaryDirectory() as where:
            path = os.path.join(where, "out", "durations.json")
            first = progress.Durations(path, True)
            first.learn("switch", 1, "go", 1.5)
            first.save()
            self.assertEqual(progress.Durations(path, True).expect("switch", 1, "go"), 1.5)
            self.assertNotEqual(progress.Durations(path, False).expect("switch", 1, "go"), 1.5)
            for text in ("garbage", "[1]", '{"a":"b"}', '{"a":null}'):
                with open(path, "w", encoding="utf-8") as file:
                    file.write(text)
                self.assertEqual(progress.Durations(path, True).expect("switch", 1, "go"), 0.5)


if __name__ == "__main__":
    unittest.main()
