"""The sentences of `./run bench scaling`: read again, and what they say computed from the points by other
code (a line of statistics, not of fit.py); a sentence that is changed is refused."""
import math
import random
import re
import statistics
import unittest

import fakes  # noqa: F401  (finds the modules)
from scaling import lines, words

SETS = 2000
NUMBER = r"(-?\d[\d,]*(?:\.\d+)?)"
VERDICT = (r"cannot be told|not above n\^1\.2 over the upper half|faster than n\^1\.2 over the upper half"
           r"|faster than n\^1\.25 at its end")
UPPER = (rf"{NUMBER} over the upper half \((?:{NUMBER} between all neighbours|{NUMBER} to {NUMBER} between "
         rf"neighbours) there\), {NUMBER} from {NUMBER} to {NUMBER}")
COST = NUMBER + " one costs " + NUMBER + " (ns|us|ms|s)"
LINE = (rf"Tasks, (at once|sorted): ({VERDICT})\. (?:The cost of all grows with this power of their number"
        rf"( times the logarithm)?: {NUMBER}(?:, {UPPER})?\. )?With {COST}, with "
        rf"{COST.replace(' one costs ', ' ')}\.")
SUMMARY = (r"(?:None of (\d+) lines grows|(\d+) of (\d+) lines grow) faster than n\^1\.2 over the upper half "
           r"of the numbers, or than n\^1\.25 at their end(?:: (.*))?\.")
MEDIAN = 1.1  # of the fastest round, which the exponents are of; what one costs is told in medians
UNITS = {"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9}

PLAIN = lines.Line("spawn", "ns_per_task", "at once")
SORTED = lines.Line("sort", "ms", "sorted", sorts=True)


class Made:
    """Points of lines, as measured."""

    def __init__(self, costs):
        self.costs = costs  # line -> {n: fastest total cost}
        self.subjects = [lines.Subject("tasks", "Tasks", tuple(costs), (), ())]

    def points(self, line):
        return [(n, cost * MEDIAN, cost, cost * 2) for n, cost in sorted(self.costs[line].items())]


class Refused(AssertionError):
    pass


def demand(condition, why):
    if not condition:
        raise Refused(why)


def value(text):
    return float(text.replace(",", ""))


def slope(points):
    return statistics.linear_regression(*zip(*[(math.log10(n), math.log10(c)) for n, c in points])).slope


def is_power(text, wanted):
    demand(abs(value(text) - wanted) < 0.0051, f"{text} for {wanted}")


def is_cost(text, unit, wanted):
    """Three digits."""
    demand(abs(value(text) * UNITS[unit] - wanted) <= 0.0051 * wanted, f"{text} {unit} for {wanted}")


def of_interest(costs, line):
    """(all, upper half, last decade) of the points by which a line is judged."""
    found = sorted((n, c / (math.log2(n) if line.sorts else 1)) for n, c in costs.items()
                   if c > 0 and (n > 1 or not line.sorts))
    if len(found) <= 3:
        half = found
    else:
        half = [p for p in found if 2 * math.log(p[0]) >= math.log(found[0][0] * found[-1][0]) - 1e-9]
        half = half if len(half) >= 3 else found[-3:]
    last = [p for p in found if 10 * p[0] >= found[-1][0]] if found else []
    return found, half, last if len(last) > 1 else found[-2:]


def judge(costs, line):
    """None: not to be told; otherwise those of "upper", "end" that are above their limits. Borders
    are decided by what is shown."""
    _, half, last = of_interest(costs, line)
    if len(half) < 3:
        return None
    return [name for name, points, limit in (("upper", half, 1.2), ("end", last, 1.25))
            if float(f"{slope(points):.2f}") > limit]


def check(text, costs, line):
    found = re.fullmatch(LINE, text)
    demand(found, f"not understood: {text}")
    (title, verdict, log, power, upper, every, least, most, end, begin, to,
     low, first, unit, high, last, last_unit) = found.groups()
    demand(title == line.title, text)
    numbers, fast = sorted(costs), judge(costs, line)
    demand((value(low), value(high)) == (numbers[0], numbers[-1]), text)
    is_cost(first, unit, MEDIAN * costs[numbers[0]] / numbers[0])
    is_cost(last, last_unit, MEDIAN * costs[numbers[-1]] / numbers[-1])
    demand(("cannot" in verdict) == (fast is None) and ("not above" in verdict) == (fast == []), text)
    demand(("faster than n^1.2 " in verdict) == (bool(fast) and "upper" in fast), text)
    everything, half, decade = of_interest(costs, line)
    demand(bool(power) == (len(everything) > 1) and bool(upper) == (fast is not None), text)
    demand(bool(log) == (line.sorts and bool(power)), text)
    if power:
        is_power(power, slope(everything))
    if upper:
        is_power(upper, slope(half))
        is_power(end, slope(decade))
        demand((value(begin), value(to)) == (decade[0][0], decade[-1][0]), text)
        between = [slope(pair) for pair in zip(half, half[1:])]
        is_power(every or least, min(between))
        is_power(every or most, max(between))


def check_summary(text, made):
    none, bad, count, named = re.fullmatch(SUMMARY, text).groups() \
        if re.fullmatch(SUMMARY, text) else demand(False, f"not understood: {text}")
    judged = {line: judge(costs, line) for line, costs in made.costs.items()}
    known = [line for line, fast in judged.items() if fast is not None]
    wrong = [f"Tasks, {line.title}" for line in known if judged[line]]
    demand(int(none or count) == len(known) and int(bad or 0) == len(wrong), text)
    demand((named.split("; ") if named else []) == wrong, text)


def costs_of(chance):
    """Some power, or linear with something that begins or ends somewhere, and noise."""
    sizes = sorted(chance.sample([lead * 10 ** e for e in range(7) for lead in (1, 2, 3, 5)],
                                 chance.randint(1, 12)))
    power = chance.choice((0.3, 1, 1.15, 1.2, 1.25, 2, chance.uniform(0, 3)))
    setup = 10 ** chance.uniform(3, 15)
    begins, noise = 10 ** chance.uniform(2, 9), chance.choice((0, 0.02, 0.5))
    setup *= chance.choice((0, 1))
    kinds = (lambda n: n ** power, lambda n: n + n * n / begins, lambda n: n * (3 if n > begins else 1),
             lambda n: n * math.log2(n + 1))
    kind = chance.choice(kinds)
    return {n: (setup + 7e6 * kind(n)) * (1 + noise * chance.random()) for n in sizes}


def made(seed):
    chance = random.Random(seed)
    chosen = chance.choice(((PLAIN,), (SORTED,), (PLAIN, SORTED)))
    return Made({line: costs_of(chance) for line in chosen})


def said(data):
    """(sentence, line) of all."""
    found = [(words.growth(data, data.subjects[0], line), line) for line in data.costs]
    return [(text, line) for text, line in found if text]


def change(chance, text):
    """Another number, or another verdict."""
    spots = list(re.finditer(r"(?<![\^.\d])-?\d[\d,]*(\.\d+)?", text))
    if chance.random() < 0.3:
        for old, new in ((words.WITHIN, words.FASTER), (words.AT_END, words.WITHIN),
                         (words.FASTER, words.AT_END), (words.NONE, words.WITHIN)):
            if old in text:
                return text.replace(old, new)
    spot = chance.choice(spots)
    new = f"{value(spot.group()) * 10 + 1:.2f}" if "." in spot.group() else \
        f"{value(spot.group()) * 10 + 1:,.0f}"
    return text[:spot.start()] + new + text[spot.end():]


class Growth(unittest.TestCase):
    def test_all_are_true_of_any_data(self):
        verdicts = set()
        for seed in range(SETS):
            data = made(seed)
            try:
                for text, line in said(data):
                    check(text, data.costs[line], line)
                    verdicts.add(words.verdict(data, line))
                summary = words.summary(data)
                judged = [judge(costs, line) for line, costs in data.costs.items()]
                self.assertEqual(summary is None, judged.count(None) == len(judged))
                if summary:
                    check_summary(summary, data)
            except Refused as why:
                self.fail(f"seed {seed}: {why}")
        self.assertEqual(verdicts, {words.NONE, words.WITHIN, words.FASTER, words.AT_END})

    def test_what_is_changed_is_refused(self):
        tried, chance = 0, random.Random(1)
        for seed in range(500):
            data = made(seed)
            for text, line in said(data):
                wrong = change(chance, text)
                tried += 1
                with self.assertRaises(Refused, msg=f"seed {seed}: {wrong}"):
                    check(wrong, data.costs[line], line)
            text = words.summary(data)
            if text:
                with self.assertRaises(Refused, msg=f"seed {seed}: {text}"):
                    check_summary(re.sub(r"\d+(?= (of|lines))", lambda m: m.group() + "1", text), data)
        self.assertGreater(tried, 500)

    def test_of_other_data_it_is_refused(self):
        for seed in range(200):
            data, other = made(seed), made(seed + 10_000)
            for text, line in said(data):
                if line in other.costs:
                    with self.assertRaises(Refused):
                        check(text, other.costs[line], line)


if __name__ == "__main__":
    unittest.main()
