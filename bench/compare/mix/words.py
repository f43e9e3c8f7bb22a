"""The conclusions: sentences about the data, each of which can be checked against it.

A sentence is a Claim: text, and the condition that makes it true. The condition is computed from the
data anew and does not know how the sentence was found, so the tests can let random data be told in
words and then ask each claim whether it holds. What is said is decided by the data alone: there is
no sentence that is always there, and none that names a winner by its name.
"""
from dataclasses import dataclass
from typing import Callable

CLOSE = 1.15  # a design this near to the best is as good as it
FALLEN = 2.0  # one this far behind in throughput has fallen over
LATE = 10.0  # or one whose slowest hundredth takes so many times as long


@dataclass
class Claim:
    text: str
    condition: Callable  # of a Data

    def holds(self, data):
        """Data that do not even have what the sentence speaks of do not make it true."""
        try:
            return bool(self.condition(data))
        except (KeyError, TypeError):
            return False


def times(value):
    return f"{value:.1f}" if value < 10 else f"{value:.0f}"


def at(point):
    clients = "1 client" if point.clients == 1 else f"{point.clients:,} clients"
    return f"{clients} and {point.share} % computing"


def rate(value):
    return f"{value:,.0f} requests/s"


def latency(us):
    return f"{us / 1000:,.1f} ms" if us >= 1000 else f"{us:,.0f} us"


# --- who wins where -----------------------------------------------------------------------------

def winner(data, point):
    """Who is fastest at a point, and by how much the slowest is behind."""
    design, value = data.best(point, "requests_per_s")
    late_design, late = data.best(point, "p99_us")
    worst = max(data.designs(point), key=lambda d: data.behind(point, d, "requests_per_s") or 0)
    factor = data.behind(point, worst, "requests_per_s")
    text = f"With {at(point)}, {design} is fastest: {rate(value)}"
    if worst != design and factor:
        text += f", {times(factor)} times {worst}'s"
    text += f"; the best p99, {latency(late)}, is {late_design}'s."

    def holds(d):
        rates = {n: d.median(point, n, "requests_per_s") for n in d.designs(point)}
        lates = {n: d.median(point, n, "p99_us") for n in d.designs(point)}
        return (all(rates[design] >= r for r in rates.values())
                and all(rates[worst] <= r for r in rates.values())
                and all(lates[late_design] <= l for l in lates.values())
                and rate(rates[design]) in text and latency(lates[late_design]) in text)
    return Claim(text, holds)


# --- one design for everything ------------------------------------------------------------------

def misses(data, design, figure):
    """The points at which it is not close to the best, the worst first: (factor, point)."""
    found = [(data.behind(p, design, figure), p) for p in data.points()]
    return sorted(((f, p) for f, p in found if f and f > CLOSE), reverse=True)


def everywhere(data, design):
    """Whether a design that is told nothing of the mix does well at all points."""
    count = sum(1 for p in data.points() if data.median(p, design, "requests_per_s") is not None)
    far = misses(data, design, "requests_per_s")
    if not count:
        return None
    if not far:
        text = (f"{design} is within {round(100 * (CLOSE - 1))} % of the fastest design at all "
                f"{count} points it was measured at.")
    else:
        factor, point = far[0]
        text = (f"{design} is within {round(100 * (CLOSE - 1))} % of the fastest design at "
                f"{count - len(far)} of {count} points; it is furthest behind, {times(factor)} "
                f"times, with {at(point)}.")

    def holds(d):
        factors = {p: d.behind(p, design, "requests_per_s") for p in d.points()}
        factors = {p: f for p, f in factors.items() if f}
        missed = {p: f for p, f in factors.items() if f > CLOSE}
        if len(factors) != count or len(missed) != len(far):
            return False
        return not far or (max(missed.values()) == missed[far[0][1]]
                           and times(missed[far[0][1]]) in text)
    return Claim(text, holds)


# --- where it falls over ------------------------------------------------------------------------

def falls(data, design):
    """The first point, by clients and then by share, at which a design is far behind."""
    for point in sorted(data.points(), key=lambda p: (p.clients, p.share)):
        reason = data.fell.get((point, design))
        if reason:
            text = f"{design} cannot do {at(point)}: {reason}."
            return Claim(text, lambda d, p=point, r=reason: d.fell.get((p, design)) == r)
        slow = data.behind(point, design, "requests_per_s")
        late = data.behind(point, design, "p99_us")
        if slow and slow >= FALLEN:
            text = (f"{design} falls over from {at(point)} on: {times(slow)} times slower than the "
                    "fastest.")
            return Claim(text, lambda d, p=point, t=text: (
                first_fall(d, design) == p
                and times(d.behind(p, design, "requests_per_s")) in t))
        if late and late >= LATE:
            text = (f"{design} falls over from {at(point)} on: its p99 is {times(late)} times the "
                    "best one's.")
            return Claim(text, lambda d, p=point, t=text: (
                first_fall(d, design) == p and times(d.behind(p, design, "p99_us")) in t))
    text = f"{design} does not fall over at any point."
    return Claim(text, lambda d: first_fall(d, design) is None)


def first_fall(data, design):
    for point in sorted(data.points(), key=lambda p: (p.clients, p.share)):
        if (point, design) in data.fell or (data.behind(point, design, "requests_per_s") or 0) >= FALLEN \
                or (data.behind(point, design, "p99_us") or 0) >= LATE:
            return point
    return None


# --- ours and theirs ----------------------------------------------------------------------------

def standing(data):
    """At how many points the best of ours is at least as good as the best of the others."""
    claims = []
    for figure, name in (("requests_per_s", "throughput"), ("p99_us", "p99")):
        ahead, lost = split(data, figure)
        if not ahead and not lost:
            continue
        text = (f"In {name} the best design of sley is at least as good as the best of the others "
                f"at {len(ahead)} of {len(ahead) + len(lost)} points")
        text += "." if not lost else "; not with " + "; ".join(at(p) for p in lost) + "."
        claims.append(Claim(text, lambda d, f=figure, a=ahead, l=lost: split(d, f) == (a, l)))
    return claims


def split(data, figure):
    """The points at which ours is at least as good, and the others."""
    ahead, lost = [], []
    for point in data.points():
        theirs = [d for d in data.designs(point) if d not in data.ours]
        _, mine = data.best(point, figure, data.ours)
        _, other = data.best(point, figure, theirs)
        if mine is None or other is None:
            continue
        good = mine >= other if figure == "requests_per_s" else mine <= other
        (ahead if good else lost).append(point)
    return ahead, lost


# --- what to choose -----------------------------------------------------------------------------

def behind_words(factor):
    """How far behind the fastest, for people: per cent where a factor would say 1.0."""
    percent = f"{100 * (factor - 1):.0f}"
    return f"{percent} % behind" if factor < 1.1 else f"{times(factor)} times behind"


def most_clients(data, share):
    return max(p.clients for p in data.points() if p.share == share)


def regret(data, design, share):
    """By how much it is behind the fastest at worst, over all numbers of clients; None: unknown."""
    factors = [data.behind(p, design, "requests_per_s") for p in data.points() if p.share == share]
    return max(factors) if factors and all(factors) else None


def advice(data, share):
    """The design that is never far behind at this share."""
    known = {d: regret(data, d, share) for d in data.designs()}
    known = {d: r for d, r in known.items() if r}
    if not known:
        return None
    design = min(known, key=known.get)
    most = most_clients(data, share)
    up_to = "1 client" if most == 1 else f"up to {most:,} clients"
    text = f"If {share} % of a request is computing, take {design}: "
    text += (f"the fastest with {up_to}." if known[design] == 1 else
             f"at worst {behind_words(known[design])} the fastest, with {up_to}.")

    def holds(d):
        mine = regret(d, design, share)
        others = [regret(d, n, share) for n in d.designs()]
        return (mine is not None and all(r is None or mine <= r for r in others)
                and most_clients(d, share) == most
                and (mine == 1) == (": the fastest with" in text)
                and (mine == 1 or behind_words(mine) in text))
    return Claim(text, holds)


def conclusions(data):
    """(heading, claims) in the order in which they are read."""
    points, designs = data.points(), data.designs()
    parts = [
        ("What to choose", [advice(data, share) for share in sorted({p.share for p in points})]),
        ("One design for every mix", [everywhere(data, design) for design in designs]),
        ("Who is ahead", standing(data)),
        ("Where each falls over", [falls(data, design) for design in designs]),
        ("Point by point", [winner(data, point) for point in points]),
    ]
    return [(title, [claim for claim in claims if claim]) for title, claims in parts if any(claims)]
