"""What the data say, in sentences; tests/test_growth.py reads them and computes anew what they say.

`growth` tells one line; `defects` are those that grow faster than they may. Nothing is called linear:
what is below the limits is said to be so, with its exponents, and of too few points nothing is said.
The exponents are those of the fastest rounds: whatever else goes on can only add time, and does so
more often while a long run lasts than a short one.
"""
from . import fit

NONE, WITHIN = "cannot be told", f"not above n^{fit.LIMIT:g} over the upper half"
FASTER = f"faster than n^{fit.LIMIT:g} over the upper half"
AT_END = f"faster than n^{fit.END_LIMIT:g} at its end"


def fitted(growth, line):
    return fit.fitted([(n, low) for n, _, low, _ in growth.points(line)], line.sorts)


def verdict(growth, line):
    found = fitted(growth, line)
    if found.upper is None:
        return NONE
    fast = found.too_fast()
    return WITHIN if not fast else FASTER if "upper" in fast else AT_END


def figure(value, unit):
    """A time in ns or a number of bytes, for people."""
    steps = (("ns", 1), ("us", 1e3), ("ms", 1e6), ("s", 1e9)) if unit == "ns" else \
        (("B", 1), ("KiB", 1024), ("MiB", 1024 ** 2), ("GiB", 1024 ** 3))
    name, factor = [step for step in steps if value >= step[1]][-1] if value >= 1 else steps[0]
    scaled = value / factor
    return f"{scaled:.0f} {name}" if scaled >= 100 else f"{scaled:.3g} {name}"


def power(value):
    return "?" if value is None else f"{value:.2f}"


def powers(found):
    """The exponents in words; "" without any."""
    if found.overall is None:
        return ""
    return power(found.overall) + ("" if found.upper is None else f", {upper_powers(found)}")


def upper_powers(found):
    low, high = found.local
    between = (f"{power(low)} between all neighbours" if power(low) == power(high) else
               f"{power(low)} to {power(high)} between neighbours")
    return (f"{power(found.upper)} over the upper half ({between} there), {power(found.end)} from "
            f"{found.last[0]:,} to {found.last[1]:,}")


def growth(data, subject, line):
    """One line in words, or None if nothing is known of it."""
    points = data.points(line)
    if len(points) < 2:
        return None
    (low, first, _, _), (high, last, _, _) = points[0], points[-1]
    beside = " times the logarithm" if line.sorts else ""
    text = f"{subject.title}, {line.title}: {verdict(data, line)}. "
    said = powers(fitted(data, line))
    if said:
        text += f"The cost of all grows with this power of their number{beside}: {said}. "
    return text + (f"With {low:,} one costs {figure(first / low, line.unit)}, with {high:,} "
                   f"{figure(last / high, line.unit)}.")


def lines_of(data):
    """(subject, line) of all that has been measured."""
    return [(subject, line) for subject in data.subjects for line in subject.lines
            if data.points(line)]


def defects(data):
    """(subject, line) of what grows faster than it may."""
    return [(subject, line) for subject, line in lines_of(data)
            if verdict(data, line) in (FASTER, AT_END)]


def summary(data):
    """The first sentence of the page, or None without data."""
    judged = [pair for pair in lines_of(data) if verdict(data, pair[1]) != NONE]
    bad = defects(data)
    limits = (f"faster than n^{fit.LIMIT:g} over the upper half of the numbers, or than "
              f"n^{fit.END_LIMIT:g} at their end")
    if not judged:
        return None
    if not bad:
        return f"None of {len(judged)} lines grows {limits}."
    return (f"{len(bad)} of {len(judged)} lines grow {limits}: "
            + "; ".join(f"{subject.title}, {line.title}" for subject, line in bad) + ".")
