"""Where each design falls over, and where it cannot do at all what it is asked.

Few designs that fall stay fallen: one loop is far behind where there is much to compute and ahead
again where there is none. So nothing is said of "from here on": the points are listed.
"""
from . import say

RULE = (f"A design falls over where the fastest makes at least {say.FALLEN:g} times as many requests, "
        f"or where its p99 is at least {say.LATE:g} times the best.")
LIMITS = (say.RATE, say.FALLEN), (say.P99, say.LATE)


def fallen(data, point, design):
    return any((data.behind(point, design, figure) or limit) >= limit for figure, limit in LIMITS)


def worst_words(data, points, design):
    """By how much at worst, of what it has fallen in."""
    parts = []
    for (figure, limit), words in zip(LIMITS, ("the fastest makes {} times as many requests ({})",
                                               "its p99 is {} times the best ({})")):
        factor, point = say.worst(data, points, design, figure)
        if factor >= limit:
            parts.append(words.format(say.times(factor), say.at(point)))
    return " and ".join(parts)


def falls(data, design):
    """One sentence, or None if it gets through nothing."""
    done = say.done_by(data, design)
    points = [point for point in done if fallen(data, point, design)]
    if not done:
        return None
    if not points:
        return f"{design} falls over at none of the {len(done)} points that it gets through."
    return (f"{design} falls over at {len(points)} of the {len(done)} points that it gets through: "
            f"{say.places(points, say.tried(data))}; at worst "
            f"{worst_words(data, points, design)}.")


def failures(data, design):
    """A sentence for each reason why it cannot do a point."""
    reasons = {}
    for point in say.failed_by(data, design):
        reasons.setdefault(data.fell[point, design], []).append(point)
    return [f"{design} fails {say.places(points, say.tried(data))}: {reason}."
            for reason, points in reasons.items()]


def sentences(data):
    found = []
    for design in say.names(data):
        found += [falls(data, design)] + failures(data, design)
    found = [text for text in found if text]
    return [RULE] + found if found else []
