"""What the other commands have found, told again: kept figures, sections of the report, the gallery."""
import contextlib
import io
import json
import os
import random
import shutil
import tempfile
import unittest
import xml.etree.ElementTree

import fakes
import gallery
import kept
import made_up
import mix
import plots
import report
import scaling
import session
import story
from mix import settings, sweep
from scaling import lines, measure, words
from test_scaling import result as figure_of
from test_show import Balance

FACTS = [("processor", "a <fast> one"), ("usable CPUs", "2 of 2"), ("taken", "2026-01-01")]


def write(where, name, content):
    os.makedirs(where, exist_ok=True)
    with open(os.path.join(where, name), "w", encoding="utf-8") as file:
        file.write(content if isinstance(content, str) else json.dumps(content))


def stalls():
    found = [session.Result("stall", name, name, n, fakes.rows.row_of("stall").metric("late_p99_us"),
                            [value]) for n in (1, 2) for name, value in (("sley", 100.0), ("go", 900.0))]
    session.set_ratios(found[:2])
    session.set_ratios(found[2:])
    return found


class Directory(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.root = scratch.name
        self.out = os.path.join(self.root, "build", "bench")
        os.makedirs(self.out)

    def mixes(self, quick=False, others=0.0):
        work = sweep.Sweep([], sweep.Settings(quick, 2, 3, 0.1, 30), None)
        work.data, work.others, work.wall = made_up.whole(random.Random(5), quick), others, 1.0
        write(self.out, "cpu-io.json", mix.record(work, FACTS, settings.Used(2)))
        return work.data

    def growth(self, quick=False):
        work = measure.Growth("/fake", lines.SUBJECTS, quick, 3, 1, 1, fakes.silent())
        for subject in lines.SUBJECTS:
            for line in subject.lines:
                for n in subject.full:
                    total = 100.0 + 7.0 * n * (n if line.metric == "ns_per_op" else 1)
                    each = total / line.scale / (1 if line.whole else n)
                    work.values[line.bench, line.metric, n] = [each, each * 1.1, each * 1.2]
        write(self.out, "scaling.json", scaling.entries(work, [], [], FACTS))
        return work

    def results(self, quick=False, others=0.0, where=None):
        where = where or self.out
        write(where, "results.json", [one.entry() for one in stalls()])
        kept.write_taken(where, FACTS, quick, others)


class Kept(Directory):
    def test_mixes_come_back(self):
        data = self.mixes()
        again, taken = kept.mixes(self.out)
        self.assertEqual((again.runs, again.fell), (data.runs, data.fell))
        self.assertEqual((taken.machine["processor"], taken.quick), ("a <fast> one", False))

    def test_growth_comes_back(self):
        work = self.growth()
        again, _ = kept.growth(self.out)
        self.assertEqual(words.summary(again), words.summary(work))
        for subject, line in words.lines_of(work):
            self.assertEqual(again.points(line), work.points(line), line)
            self.assertEqual(words.growth(again, subject, line), words.growth(work, subject, line))

    def test_results_come_back(self):
        self.results(others=0.5)
        again, taken = kept.results(self.out)
        self.assertEqual([one.entry() for one in again],
                         [{**one.entry(), "runs": 3} for one in stalls()])
        self.assertTrue(taken.busy())

    def test_what_is_not_there_or_is_garbage_has_not_been_measured(self):
        for text in (None, "", "[1", "[1]", "{}", '{"points": [1]}', '{"growth": [{}]}', "null", "7"):
            for name in ("results.json", "cpu-io.json", "scaling.json", "taken.json"):
                if text is not None:
                    write(self.out, name, text)
            self.assertEqual(kept.results(self.out)[0], [], text)
            self.assertIsNone(kept.mixes(self.out)[0], text)
            self.assertIsNone(kept.growth(self.out)[0], text)
        self.assertEqual(story.tell(self.out, plots.Plotter([])), ("", ""))

    def test_words_of_the_machine(self):
        taken = kept.Taken(dict(FACTS), True, 0.7)
        self.assertEqual(taken.words(), "a <fast> one, 2 of 2 CPUs, 2026-01-01; taken with --quick; "
                         "others used 0.70 CPUs: not to be trusted")


class Story(Directory):
    def test_all_of_it_on_one_page(self):
        self.mixes()
        self.growth()
        self.results(where=os.path.join(self.root, "build", "load"))
        for name in ("cpu-io.html", "scaling.html"):
            write(self.out, name, "x")
        links, sections = story.tell(self.out, plots.Plotter([]))

        class Run:
            programs, results = [fakes.sley(("skynet",))], [figure_of("skynet", "ms", "ms", 1, 1.0)]
        text = report.render(report.Page(FACTS, Run, [], [], False), plots.Plotter([]), links, sections)
        balance = Balance()
        balance.feed(text)
        self.assertEqual(balance.open, [])
        for name in ("cpu-io", "scaling", "load"):
            self.assertIn(f'href="#{name}"', links)
            self.assertIn(f'<h2 id="{name}">', sections)
        self.assertIn('href="cpu-io.html"', sections)
        self.assertNotIn("report.html", sections)  # there is none of the load
        self.assertIn("2 of 19 lines grow faster than n^1.2 over", sections)
        self.assertIn("ahead in 2 of 2 comparisons under load", sections)
        self.assertIn("a &lt;fast&gt; one", sections)


class Gallery(Directory):
    def setUp(self):
        super().setUp()
        write(self.root, "README.md", f"before\n{gallery.BEGIN}\nold\n{gallery.END}\nafter\n")

    def draw(self, any_quality=False):
        """(exit status, what it says)."""
        with contextlib.redirect_stdout(io.StringIO()), \
                contextlib.redirect_stderr(io.StringIO()) as said:
            status = gallery.command(self.out, any_quality, self.root)
        return status, said.getvalue()

    def readme(self):
        with open(os.path.join(self.root, "README.md"), encoding="utf-8") as file:
            return file.read()

    @unittest.skipUnless(shutil.which("gnuplot"), "gnuplot is not installed")
    def test_three_pictures(self):
        self.mixes()
        self.growth()
        self.results()
        self.assertEqual(self.draw(), (0, ""))
        for name, _, _ in gallery.PICTURES:
            path = os.path.join(self.root, "docs", "gallery", name)
            with open(path, encoding="utf-8") as file:
                text = file.read()
            self.assertLess(len(text), 60_000, name)
            root = xml.etree.ElementTree.fromstring(text)
            words_in = " ".join(root.itertext())
            self.assertIn("a <fast> one, 2 of 2 CPUs, 2026-01-01", words_in)
            self.assertIn("prefers-color-scheme:dark", text)
            self.assertNotRegex(text.replace("http://www.w3.org/", ""), "https?:|url\\((?!#)")
            self.assertIn(f"(docs/gallery/{name})", self.readme())
        self.assertTrue(self.readme().startswith(f"before\n{gallery.BEGIN}\n## In pictures"))
        self.assertTrue(self.readme().endswith(f"{gallery.END}\nafter\n"))
        self.assertNotIn("old", self.readme())
        before = self.readme()
        self.draw()
        self.assertEqual(self.readme(), before)

    @unittest.skipUnless(shutil.which("gnuplot"), "gnuplot is not installed")
    def test_quick_and_busy_only_for_a_look(self):
        self.mixes(quick=True)
        self.growth()
        self.results(others=1.5)
        status, said = self.draw()
        self.assertEqual(status, 1)
        self.assertIn("mix.svg: the figures are of a quick run", said)
        self.assertIn("lateness.svg: others used more than", said)
        self.assertEqual(os.listdir(os.path.join(self.root, "docs", "gallery")), ["growth.svg"])
        self.assertIn("old", self.readme())
        self.assertEqual(self.draw(any_quality=True), (0, ""))
        self.assertEqual(len(os.listdir(os.path.join(self.out, "gallery"))), 3)
        self.assertIn("old", self.readme())

    def test_nothing_there(self):
        status, said = self.draw()
        self.assertEqual(status, 1)
        self.assertIn("mix.svg: there is nothing to draw: ./run bench cpu-io has to come first", said)

    @unittest.skipUnless(shutil.which("gnuplot"), "gnuplot is not installed")
    def test_of_an_unknown_machine(self):
        self.results()
        os.remove(os.path.join(self.out, "taken.json"))
        self.assertIn("lateness.svg: on which machine the figures were taken is not known",
                      self.draw()[1])

    def test_no_marks(self):
        self.assertIsNone(gallery.put_between("no marks", [("a", "b")]))
        self.assertIsNone(gallery.put_between(gallery.END + gallery.BEGIN, [("a", "b")]))

    def test_the_readme_has_its_marks(self):
        with open(os.path.join(gallery.ROOT, "README.md"), encoding="utf-8") as file:
            self.assertIsNotNone(gallery.put_between(file.read(), []))

    def test_where_most_of_the_line_is(self):
        data = mix.points.Data()
        for share, clients in ((0, 32), (50, 32), (0, 1000), (50, 1000), (0, 10000), (50, 10000)):
            data.add(mix.points.Point(share, clients), "go", {})
        self.assertEqual(gallery.clients_shown(data), 1000)
        data.remove(mix.points.Point(50, 1000), "go")
        self.assertEqual(gallery.clients_shown(data), 32)

    def test_captions_are_wrapped(self):
        self.assertEqual(gallery.wrap("one two three", 7), ["one two", "three"])
        self.assertEqual(gallery.wrap("", 7), [""])


if __name__ == "__main__":
    unittest.main()
