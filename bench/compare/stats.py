"""The few statistics that a noisy machine deserves.

Median, minimum and maximum of the counted runs, nothing else: a mean is moved by one interruption,
a confidence interval assumes a distribution that nobody has here. The ratio of two medians says how
many times better sley is, above 1 when sley is ahead, whichever way better points; so a column of
ratios can be read without looking at units.
"""
import math
import statistics


def summarise(values):
    """(median, min, max) of at least one value."""
    return statistics.median(values), min(values), max(values)


def ratio(ours, theirs, better):
    """How many times better `ours` is than `theirs`; None where no number says it.

    Zero is a possible figure (an idle runtime burns nothing): two zeros are equal, against one zero
    there is no ratio.
    """
    if ours == theirs:
        return 1.0
    above, below = (theirs, ours) if better == "less" else (ours, theirs)
    if below <= 0 or above <= 0:
        return None
    value = above / below
    return value if math.isfinite(value) else None


def cpus(seconds, wall):
    """CPUs used on average: CPU seconds per second. None for a time too short to say."""
    return max(seconds, 0.0) / wall if wall > 0 else None


def allot(costs, rounds, seconds):
    """How many of `rounds` each contestant gets, when all of it may take `seconds` in all.

    costs: what one run of each takes, by name. The quick ones are served first, so that one slow
    program takes rounds from nobody but itself. seconds None: no limit.
    """
    if seconds is None:
        return {name: rounds for name in costs}
    given = {}
    for name, cost in sorted(costs.items(), key=lambda item: item[1]):
        fits = rounds if cost * rounds <= seconds else int(seconds // cost) if seconds > 0 else 0
        given[name] = fits
        seconds -= fits * cost
    return given
