"""How the conclusions speak of points, figures and factors, and what the data say of each.

Whatever is compared is the median of the counted runs. Two designs are equal where the ranges of
their runs, minimum to maximum, overlap: a hundredth of a per cent between two medians names no
winner. Every sentence is text only; what makes it true is in the tests, computed by other code
from the raw figures (tests/mix_oracle.py), lest a mistake here be shared by its own check.
"""
import math

CLOSE = 1.15  # a design this near to the best is as good as it
FALLEN = 2.0  # one this far behind in throughput has fallen over
LATE = 10.0  # or one whose slowest hundredth takes so many times as long
PRICE = 3.0  # a p99 so many times the best is a price that must be told

RATE, P99 = "requests_per_s", "p99_us"


# --- words --------------------------------------------------------------------------------------

def times(value):
    return f"{value:.1f}" if value < 9.95 else f"{value:,.0f}"


def by(factor, percent, factors):
    """How much more: per cent where a factor would say 1.0 times."""
    if factor < 1.005:
        return f"less than 1 % {percent}"
    if factor < 1.095:
        return f"{100 * (factor - 1):.0f} % {percent}"
    return f"{times(factor)} times {factors}"


def at_most(factor, percent, factors):
    return "at most " * (factor >= 1.005) + by(factor, percent, factors)


def clients_words(count):
    return "1 client" if count == 1 else f"{count:,} clients"


def at(point):
    return f"{clients_words(point.clients)} and {point.share} % computing"


def listed(words):
    """a, b and c"""
    words = [str(word) for word in words]
    return " and ".join([", ".join(words[:-1])] * (len(words) > 1) + words[-1:])


def places(points, universe):
    """Points by their clients, with the shares; "every share" if there are no others in universe."""
    parts = []
    for count in sorted({point.clients for point in points}):
        shares = sorted(point.share for point in points if point.clients == count)
        every = len(shares) == sum(1 for point in universe if point.clients == count)
        parts.append(f"with {clients_words(count)} at "
                     + ("every share" if every else f"{listed(shares)} % computing"))
    return "; ".join(parts)


def rate(value):
    return f"{value:,.0f} requests/s"


def latency(us):
    return f"{us / 1000:,.1f} ms" if us >= 1000 else f"{us:,.0f} us"


def figure_words(value, figure):
    return rate(value) if figure == RATE else latency(value)


# --- what the data say --------------------------------------------------------------------------

def names(data):
    """All designs, those included that could not do a single point."""
    return list(dict.fromkeys(data.designs() + [design for _, design in data.fell]))


def tried(data):
    """All points, those included that no design could do; by clients, as they were measured."""
    found = set(data.points()) | {point for point, _ in data.fell}
    return sorted(found, key=lambda p: (p.clients, p.share))


def done_by(data, design):
    """The points that it gets through."""
    return [point for point in tried(data) if (point, design) in data.runs]


def failed_by(data, design):
    return [point for point in tried(data) if (point, design) in data.fell]


def overlap(data, point, one, other, figure):
    """Whether the ranges of their runs do."""
    (low, high), (low_too, high_too) = (
        (min(values), max(values)) for values in
        ([run[figure] for run in data.runs[point, design]] for design in (one, other)))
    return low <= high_too and low_too <= high


def worst(data, points, design, figure):
    """(how many times worse than the best, where) of the worst of the points; (1.0, None) if it is
    the best at all of them."""
    found = max(((data.behind(p, design, figure) or math.inf, p) for p in points),
                default=(1.0, None))
    return found if found[0] > 1 else (1.0, None)
