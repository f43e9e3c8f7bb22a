"""By which power of n a cost grows: a straight line through the logarithms, by least squares.

The exponent of the *total* cost is what is asked for: 1 is linear. A run of few items is mostly the
start of the runtime, which is the same for all, and would hide what comes later; so there is a second
fit through the upper half of the range, and it is that one that judges.

What a cache does is no growth of the work, but looks like one: an item costs ten times as much
when it has to come from memory, and that happens somewhere between a thousand and a million. Spread
over three decades this is a tenth or two in the exponent, so the limit is above that; a quadratic
has 2, and even a hidden one, a thousandth of the linear term's size per item, is seen at a million.
"""
import math

LIMIT = 1.2  # an exponent of the upper half above this is faster than linear
ENOUGH = 3  # points that a line needs to say something


def exponent(points):
    """The slope of log(cost) over log(n) through (n, cost); None for too few that can be used."""
    usable = [(math.log(n), math.log(cost)) for n, cost in points if n > 0 and cost > 0]
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


def without_log(points):
    """What is left of n log n when the logarithm is taken away."""
    return [(n, cost / math.log2(n)) for n, cost in points if n > 1]


def grows(points, sorts):
    """(over all, over the upper half): the exponents; of what sorts, next to n log n."""
    judged = without_log(points) if sorts else points
    half = upper_half(judged)
    enough = len([cost for _, cost in half if cost > 0]) >= ENOUGH
    return exponent(judged), exponent(half) if enough else None
