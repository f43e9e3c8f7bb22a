"""The conclusions: sentences about the data, each of which is true of them, whatever they are.

What is said is decided by the data alone: there is no finding that is always there, and none that
names a winner by its name. say.py has the words and what counts as equal, advice.py what to choose,
settings.py with which settings, falls.py where each falls over; here is who is ahead, at each point,
at all, and ours against theirs.
"""
from . import advice, falls, say, settings

EQUAL = ("Designs are equal to the best where the ranges of their runs, minimum to maximum, overlap with "
         "its range. What is told are medians.")


# --- point by point -----------------------------------------------------------------------------

def equals(data, point, figure):
    """The best design, by medians, and those that are equal to it; the better ones first."""
    leader, _ = data.best(point, figure)
    found = [d for d in data.designs(point) if say.overlap(data, point, leader, d, figure)]
    sign = -1 if figure == say.RATE else 1
    return sorted(found, key=lambda d: (d != leader, sign * data.median(point, d, figure)))


def leaders(data, point, figure, alone, together):
    """Who is best in a figure, each with its median."""
    found = equals(data, point, figure)
    said = [f"{d} ({say.figure_words(data.median(point, d, figure), figure)})" for d in found]
    return f"{said[0]} {alone}" if len(said) == 1 else f"{say.listed(said)} {together}"


def winner(data, point):
    """Who is best at a point, and how far the slowest is behind."""
    first = equals(data, point, say.RATE)
    slowest = max(data.designs(point), key=lambda d: data.behind(point, d, say.RATE))
    text = f"With {say.at(point)}, " + leaders(data, point, say.RATE, "is fastest",
                                                "are equal in throughput")
    if slowest not in first:
        much = say.by(data.behind(point, slowest, say.RATE), "more than", "as many as")
        text += f"; {first[0]} makes {much} {slowest}, the fewest"
    return text + "; " + leaders(data, point, say.P99, "has the best p99", "are equal in p99") + "."


# --- one design for everything ------------------------------------------------------------------

def near(data, design, figure, limit):
    """At how many of all points it is within the limit of the best, and how far away it is at worst."""
    done = say.done_by(data, design)
    far = [point for point in done if data.behind(point, design, figure) > limit]
    text = f"at {len(done) - len(far)} of {len(say.tried(data))} points"
    if far:
        factor, point = say.worst(data, far, design, figure)
        text += f" (at worst {say.times(factor)} times away, with {say.at(point)})"
    return text


def everywhere(data, design):
    """Whether a design that is told nothing of the mix does well at all points."""
    failed = len(say.failed_by(data, design))
    missing = len(say.tried(data)) - len(say.done_by(data, design)) - failed
    return (f"{design} is within a factor of {say.CLOSE:g} of the fastest design "
            f"{near(data, design, say.RATE, say.CLOSE)}, and of {say.PRICE:g} of the best p99 "
            f"{near(data, design, say.P99, say.PRICE)}" + f"; it fails at {failed}" * (failed > 0)
            + f"; it was not measured at {missing}" * (missing > 0) + ".")


# --- ours and theirs ----------------------------------------------------------------------------

def lost(data, point, designs):
    """Whether none of them gets through the point, and that was tried."""
    return (not any((point, design) in data.runs for design in designs)
            and any((point, design) in data.fell for design in designs))


def compare(data, point, figure, others):
    """Whether ours is "ahead", "equal" or "behind" at the point; None: one of the two is not there.
    Who could not do it is behind; what neither could do is nobody's."""
    mine, my_value = data.best(point, figure, data.ours)
    other, value = data.best(point, figure, others)
    if mine and other:
        if say.overlap(data, point, mine, other, figure):
            return "equal"
        return "ahead" if (my_value > value) == (figure == say.RATE) else "behind"
    if other and lost(data, point, data.ours):
        return "behind"
    return "ahead" if mine and lost(data, point, others) else None


def split(data, figure):
    """Points at which the best of ours is ahead of the best of the others, equal, and behind."""
    others = [design for design in say.names(data) if design not in data.ours]
    found = {"ahead": [], "equal": [], "behind": []}
    for point in say.tried(data):
        found.setdefault(compare(data, point, figure, others), []).append(point)
    return found["ahead"], found["equal"], found["behind"]


def furthest(data, figure, points):
    """Of the points at which ours is behind: by how much at worst; "" if none of ours is there."""
    found = []
    for point in points:
        mine, value = data.best(point, figure, data.ours)
        if mine:
            best, theirs = data.best(point, figure)
            found.append((theirs / value if figure == say.RATE else value / theirs, point, best))
    if not found:
        return ""
    factor, point, best = max(found)
    much = (f"{best} makes {say.by(factor, 'more requests', 'as many requests')}" if figure == say.RATE
            else f"its p99 is {say.by(factor, 'above that of', 'that of')} {best}")
    return f" It is furthest behind with {say.at(point)}, where {much}."


def standing_in(data, figure, name):
    """One sentence or a few, or None if ours or theirs are not there."""
    ahead, equal, behind = split(data, figure)
    count = len(ahead) + len(equal) + len(behind)
    if not count:
        return None
    text = (f"In {name} the best design of sley is ahead of the best of the others at {len(ahead)} "
            f"of {count} points, equal at {len(equal)}, behind at {len(behind)}")
    if not behind:
        return text + "."
    none = [point for point in behind if data.best(point, figure, data.ours)[0] is None]
    text += f": {say.places(behind, say.tried(data))}." + furthest(data, figure, behind)
    return text + (f" No design of sley got through {say.places(none, say.tried(data))}."
                   if none else "")


def standing(data):
    found = [standing_in(data, say.RATE, "throughput"), standing_in(data, say.P99, "p99")]
    found = [text for text in found if text]
    return [EQUAL] + found if found else []


# --- all of it ----------------------------------------------------------------------------------

def conclusions(data, used=None):
    """(heading, sentences) in the order in which they are read. `used`: a settings.Used, what the
    runs were made with, if that is known."""
    points = sorted(data.points())
    parts = [
        ("What to choose", advice.sentences(data)),
        ("Recommended settings", settings.sentences(data, used) if used else []),
        ("One design for every mix", [everywhere(data, design) for design in say.names(data)]),
        ("Who is ahead", standing(data)),
        ("Where each falls over", falls.sentences(data)),
        ("Point by point", ([EQUAL] if points else []) + [winner(data, point) for point in points]),
    ]
    return [(title, sentences) for title, sentences in parts if sentences]
