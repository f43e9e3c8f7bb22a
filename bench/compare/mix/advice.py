"""What to choose at each share of computing: throughput and its price in p99, both said.

A design is judged by its worst point, over all numbers of clients, since nobody knows tomorrow's.
Throughput alone would name designs whose slowest hundredth waits nine times as long as need be for
two per cent more requests; p99 alone would name some that make a fraction of them. So of all that
are as good as any in throughput (say.CLOSE) the one with the least p99 is taken; and where even
that is a price (say.PRICE), it is told, with who has the least.
"""
from . import say

RULE = (f"The rule: each design is judged by its worst point at the share. Of those whose distance "
        f"from the fastest is within a factor of {say.CLOSE:g} of the least, the one whose p99 is "
        "nearest to the best is taken.")


def regrets(data, design, share):
    """(throughput, p99): how many times worse than the best at worst; None: it cannot do all."""
    here = [point for point in data.points() if point.share == share]
    known = [point for point in here if (point, design) in data.runs]
    if len(known) < len(here):
        return None
    return tuple(say.worst(data, here, design, figure)[0] for figure in (say.RATE, say.P99))


def judged(speed, late):
    """Both figures of a design in words."""
    fast = ("no design is faster" if speed == 1 else
            f"the fastest makes {say.at_most(speed, 'more requests', 'as many requests')}")
    return fast + (", and no p99 is better" if late == 1 else
                   f", and its p99 is {say.at_most(late, 'above the best', 'the best')}")


def take(known):
    """The design of the rule: known has the regrets of each."""
    least = min(speed for speed, _ in known.values())
    good = [design for design, (speed, _) in known.items() if speed <= least * say.CLOSE]
    return min(good, key=lambda design: (known[design][1], known[design][0]))


def advice(data, share):
    most = say.clients_words(max(p.clients for p in data.points() if p.share == share))
    known = {design: regrets(data, design, share) for design in data.designs()}
    known = {design: found for design, found in known.items() if found}
    if not known:
        return (f"If {share} % of a request is computing, no design has figures with every "
                f"number of clients up to {most}.")
    chosen = take(known)
    text = (f"If {share} % of a request is computing, take {chosen}: with up to {most} "
            f"{judged(*known[chosen])}.")
    if known[chosen][1] <= say.PRICE:
        return text
    calm = min(known, key=lambda design: (known[design][1], known[design][0]))
    if known[calm][1] == known[chosen][1]:
        return text + " No design stays nearer to the best p99."
    return text + f" Where p99 counts more, take {calm}: {judged(*known[calm])}."


def sentences(data):
    found = [advice(data, share) for share in sorted({point.share for point in data.points()})]
    return [RULE] + found if found else []
