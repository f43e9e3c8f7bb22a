"""By which power of n a cost grows: a straight line through the logarithms, by least squares.

The exponent of the *total* cost is what is asked for: 1 is linear. A run of few items is mostly the
start of the runtime, which is the same for all, and would hide what comes later; so there is a second
fit through the upper half of the range, and it is that one that judges.

What a cache does is no growth of the work, but looks like one: an item costs ten times as much
when it has to come from memory, and that happens somewhere between a thousand and a million. Spread
over three decades this is a tenth or two in the exponent, so the limit is above that. It is a limit
for this range and no more: below it nothing is called linear, it is said to be not above the limit.

A mean slope hides what begins at the end. So the last decade judges, too: where half of the last
point's cost is quadratic and the rest linear, the cost of its first point is 1.1 in place of 1 beside
the linear 1, so the slope is log10(10 * 2 / 1.1) = 1.26; the limit is just below. An item may become
1.8 times as dear in that decade for other reasons.

How far a straight line is to be trusted say the slopes between neighbouring sizes of the upper half,
the least and the greatest: a standard error of two or three points would say less.
"""
import math
from dataclasses import dataclass
from typing import Optional, Tuple

LIMIT = 1.2  # an exponent of the upper half above this is too fast
END_LIMIT = 1.25  # or one of the last decade above this
ENOUGH = 3  # points that a line needs to say something


@dataclass
class Fit:
    """Exponents; None where there are too few points."""

    overall: Optional[float]
    upper: Optional[float]  # of the upper half
    local: Optional[Tuple[float, float]]  # least and greatest between neighbours there
    end: Optional[float]  # of the last decade,
    last: Tuple[int, int]  # which is from here to there

    def too_fast(self):
        """The names of the exponents that are above their limits, as they are shown: with two
        places."""
        judged = (("upper", self.upper, LIMIT), ("end", self.end, END_LIMIT))
        return [name for name, value, limit in judged if value is not None and round(value, 2) > limit]


def logarithms(points):
    """(n, cost) as logarithms, those that have any, by n."""
    return [(math.log(n), math.log(cost)) for n, cost in sorted(points) if n > 0 and cost > 0]


def exponent(points):
    """The slope of log(cost) over log(n) through (n, cost); None for too few that can be used."""
    usable = logarithms(points)
    if len({x for x, _ in usable}) < 2:
        return None
    mean_x = sum(x for x, _ in usable) / len(usable)
    mean_y = sum(y for _, y in usable) / len(usable)
    above = sum((x - mean_x) * (y - mean_y) for x, y in usable)
    return above / sum((x - mean_x) ** 2 for x, _ in usable)


def upper_half(points):
    """The points from the middle of the range on, as logarithms have it, but at least ENOUGH."""
    points = sorted(points)
    if len(points) <= ENOUGH:
        return points
    middle = math.sqrt(points[0][0] * points[-1][0])
    half = [point for point in points if point[0] >= middle * (1 - 1e-9)]
    return half if len(half) >= ENOUGH else points[-ENOUGH:]


def neighbours(points):
    """(least, greatest) slope between two neighbours."""
    usable = logarithms(points)
    slopes = [(y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in zip(usable, usable[1:])]
    return (min(slopes), max(slopes)) if slopes else None


def last_decade(points):
    """The points from a tenth of the last number on, but at least two."""
    points = sorted(points)
    decade = [point for point in points if point[0] >= points[-1][0] / 10 * (1 - 1e-9)]
    return decade if len(decade) >= 2 else points[-2:]


def without_log(points):
    """What is left of n log n when the logarithm is taken away."""
    return [(n, cost / math.log2(n)) for n, cost in points if n > 1]


def fitted(points, sorts):
    """The Fit of (n, cost); of what sorts, next to n log n. Costs of zero are no points."""
    judged = [(n, cost) for n, cost in (without_log(points) if sorts else points) if cost > 0]
    half, last = upper_half(judged), last_decade(judged)
    if len(half) < ENOUGH:
        return Fit(exponent(judged), None, None, None, (0, 0))
    return Fit(exponent(judged), exponent(half), neighbours(half), exponent(last),
               (last[0][0], last[-1][0]))
