import unittest

import fakes  # noqa: F401
import stats


class Summary(unittest.TestCase):
    def test_median_of_odd_and_even_counts(self):
        self.assertEqual(stats.summarise([3, 1, 2]), (2, 1, 3))
        self.assertEqual(stats.summarise([4, 1, 3, 2]), (2.5, 1, 4))
        self.assertEqual(stats.summarise([7]), (7, 7, 7))


class Ratio(unittest.TestCase):
    def test_above_one_is_sley_ahead_whichever_way_better_points(self):
        self.assertEqual(stats.ratio(10, 25, "less"), 2.5)
        self.assertEqual(stats.ratio(25, 10, "less"), 0.4)
        self.assertEqual(stats.ratio(25, 10, "more"), 2.5)
        self.assertEqual(stats.ratio(10, 25, "more"), 0.4)

    def test_zero(self):
        self.assertEqual(stats.ratio(0, 0, "less"), 1.0)
        self.assertIsNone(stats.ratio(0, 5, "less"))
        self.assertIsNone(stats.ratio(5, 0, "less"))
        self.assertIsNone(stats.ratio(5, 0, "more"))

    def test_never_infinite(self):
        self.assertIsNone(stats.ratio(1e-300, 1e300, "less"))


class Cpus(unittest.TestCase):
    def test_average_and_never_negative(self):
        self.assertEqual(stats.cpus(3.0, 2.0), 1.5)
        self.assertEqual(stats.cpus(-0.01, 2.0), 0.0)
        self.assertIsNone(stats.cpus(1.0, 0.0))


class Allot(unittest.TestCase):
    def test_no_limit(self):
        self.assertEqual(stats.allot({"a": 1000, "b": 1}, 5, None), {"a": 5, "b": 5})

    def test_all_fit(self):
        self.assertEqual(stats.allot({"a": 2, "b": 1}, 3, 9), {"a": 3, "b": 3})

    def test_the_slow_one_loses_rounds_and_nobody_else(self):
        self.assertEqual(stats.allot({"slow": 10, "a": 1, "b": 2}, 3, 30),
                         {"a": 3, "b": 3, "slow": 2})
        self.assertEqual(stats.allot({"slow": 10, "a": 1}, 3, 5), {"a": 3, "slow": 0})

    def test_time_is_over(self):
        self.assertEqual(stats.allot({"a": 1}, 3, -4), {"a": 0})


if __name__ == "__main__":
    unittest.main()
