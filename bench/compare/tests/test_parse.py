import unittest

import fakes
import parse
from rows import ROWS, UNKNOWN

SWITCH, MEMORY = ROWS["switch"], ROWS["memory"]


class Peer(unittest.TestCase):
    def refused(self, text, about, row=SWITCH, check=10):
        with self.assertRaisesRegex(parse.BadOutput, about):
            parse.parse_peer(text, row, check)

    def test_good(self):
        self.assertEqual(parse.parse_peer("ns_per_switch 18.5\ncheck 10\n", SWITCH, 10),
                         {"ns_per_switch": 18.5})

    def test_figures_come_in_the_order_of_the_row(self):
        found = parse.parse_peer("check 5\nns_to_wake 3\nns_to_create 2\nbytes_per_task 1e3\n",
                                 MEMORY, 5)
        self.assertEqual(list(found.items()),
                         [("bytes_per_task", 1000.0), ("ns_to_create", 2.0), ("ns_to_wake", 3.0)])

    def test_garbage(self):
        self.refused("", "no figures")
        self.refused("hello to the world\ncheck 10\n", "garbage: 'hello to the world'")
        self.refused("ns_per_switch\ncheck 10\n", "garbage")
        self.refused("ns_per_switch 1\nns_per_switch 2\ncheck 10\n", "twice")
        self.refused("ns_per_switch 1\nns_per_nothing 1\ncheck 10\n", "unknown figure")
        self.refused("bytes_per_task 1\nns_to_wake 3\ncheck 10\n", "not print ns_to_create", MEMORY)
        self.refused("x" * 5000 + " y z\n", r"garbage: '.{1,60}'$")

    def test_numbers(self):
        self.refused("ns_per_switch fast\ncheck 10\n", "not a number: 'fast'")
        self.refused("ns_per_switch nan\ncheck 10\n", "cannot be nan")
        self.refused("ns_per_switch inf\ncheck 10\n", "cannot be inf")
        self.refused("ns_per_switch -1\ncheck 10\n", "cannot be -1")

    def test_check(self):
        self.refused("ns_per_switch 1\n", "did not print its check")
        self.refused("ns_per_switch 1\ncheck 11\n", "check is 11, not 10")
        self.refused("ns_per_switch 1\ncheck 10.0\n", "check is 10.0, not 10")
        self.refused("check 10\n", "no figures")


class Sley(unittest.TestCase):
    def parse(self, text, row=SWITCH, bench="switch", workers=2):
        return parse.parse_sley(text, row, bench, workers)

    def refused(self, text, about):
        with self.assertRaisesRegex(parse.BadOutput, about):
            self.parse(text)

    def test_good(self):
        values, metrics = self.parse(fakes.sley_output("switch", 2, {"ns_per_switch": (19, "ns")}))
        self.assertEqual(values, {"ns_per_switch": 19.0})
        self.assertIs(metrics["ns_per_switch"], SWITCH.metrics[0])

    def test_a_row_that_the_table_does_not_know(self):
        values, metrics = self.parse(fakes.sley_output("new", 2, {"a": (1, "s"), "b": (2, "B")}),
                                     UNKNOWN, "new")
        self.assertEqual(values, {"a": 1.0, "b": 2.0})
        self.assertEqual((metrics["b"].unit, metrics["b"].better), ("B", "less"))

    def test_bad(self):
        self.refused("", "no figures")
        self.refused("switch 18 ns\n", "garbage")
        self.refused('{"bench":"switch"}\n', "garbage")
        self.refused("[1,2]\n", "garbage")
        self.refused(fakes.sley_output("switch", 1, {"ns_per_switch": (1, "ns")}), "1 workers")
        self.refused(fakes.sley_output("switch", 2, {"ns_per_switch": (1, "us")}), "in us, not")
        self.refused(fakes.sley_output("switch", 2, {"other": (1, "ns")}), "ns_per_switch")


class List(unittest.TestCase):
    def test_words(self):
        self.assertEqual(parse.parse_list("switch   why and how\n\nwake\n"),
                         {"switch": "why and how", "wake": ""})
        with self.assertRaises(parse.BadOutput):
            parse.parse_list("\n")


class Checks(unittest.TestCase):
    def test_expected_values(self):
        self.assertEqual(ROWS["switch"].check(2, False), 20_000_000)
        self.assertEqual(ROWS["switch"].check(1, True), 1_000_000)
        self.assertEqual(ROWS["skynet"].check(1, False), 499_999_500_000)
        self.assertEqual(ROWS["skynet"].check(1, True), 4_999_950_000)
        self.assertEqual(ROWS["spawn"].check(1, False), 1000 * 1000 + 1_000_000)


if __name__ == "__main__":
    unittest.main()
