"""What the data say, in sentences that can be checked against them; see mix/words.py.

`growth` tells one line; `defects` are those that are faster than linear. Nothing is called linear
that has too few points to tell. The exponent is that of the fastest rounds: whatever else goes on
can only add time, and does so more often while a long run lasts than a short one.
"""
from mix.words import Claim

from . import fit

NONE, LINEAR, FASTER = "cannot be told", "linear", "faster than linear"


def exponents(growth, line):
    return fit.grows([(n, low) for n, _, low, _ in growth.points(line)], line.sorts)


def verdict(growth, line):
    _, upper = exponents(growth, line)
    return NONE if upper is None else FASTER if upper > fit.LIMIT else LINEAR


def figure(value, unit):
    """A time in ns or a number of bytes, for people."""
    steps = (("ns", 1), ("us", 1e3), ("ms", 1e6), ("s", 1e9)) if unit == "ns" else \
        (("B", 1), ("KiB", 1024), ("MiB", 1024 ** 2), ("GiB", 1024 ** 3))
    name, factor = [step for step in steps if value >= step[1]][-1] if value >= 1 else steps[0]
    scaled = value / factor
    return f"{scaled:.0f} {name}" if scaled >= 100 else f"{scaled:.3g} {name}"


def power(value):
    return "?" if value is None else f"{value:.2f}"


def growth(data, subject, line):
    """One line in words, or None if nothing is known of it."""
    points = data.points(line)
    if len(points) < 2:
        return None
    (low, first, _, _), (high, last, _, _) = points[0], points[-1]
    overall, upper = exponents(data, line)
    said = verdict(data, line)
    beside = " times the logarithm" if line.sorts else ""
    text = (f"{subject.title}, {line.title}: {said}. ")
    if overall is not None:
        text += f"The cost of all grows with the power {power(overall)} of their number{beside}"
        text += f", {power(upper)} over the upper half. " if upper is not None else ". "
    text += (f"With {low:,} one costs {figure(first / low, line.unit)}, with {high:,} "
             f"{figure(last / high, line.unit)}.")

    def holds(d):
        mine = d.points(line)
        all_of, half = exponents(d, line)
        return (verdict(d, line) == said and (mine[0][0], mine[-1][0]) == (low, high)
                and (all_of is None or power(all_of) in text)
                and (half is None or power(half) in text)
                and figure(mine[0][1] / low, line.unit) in text
                and figure(mine[-1][1] / high, line.unit) in text)
    return Claim(text, holds)


def lines_of(data):
    """(subject, line) of all that has been measured."""
    return [(subject, line) for subject in data.subjects for line in subject.lines
            if data.points(line)]


def defects(data):
    """(subject, line) of what grows faster than it may."""
    return [(subject, line) for subject, line in lines_of(data) if verdict(data, line) == FASTER]


def summary(data):
    """The first sentence of the page, or None without data."""
    judged = [pair for pair in lines_of(data) if verdict(data, pair[1]) != NONE]
    bad = defects(data)
    if not judged:
        return None
    if not bad:
        text = f"Nothing grows faster than linear: {len(judged)} of {len(judged)} lines do not."
    else:
        text = (f"{len(bad)} of {len(judged)} lines grow faster than linear: "
                + "; ".join(f"{subject.title}, {line.title}" for subject, line in bad) + ".")

    def holds(d):
        count = sum(verdict(d, line) != NONE for _, line in lines_of(d))
        return count == len(judged) and defects(d) == bad
    return Claim(text, holds)
