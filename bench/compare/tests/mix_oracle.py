"""Says of a page of conclusions whether it is true, knowing the figures and the English only.

It shares no code with mix/: it reads each sentence, takes the figures as they were measured, and
computes anew what the sentence says of them. A sentence that it does not know, a number that is not
that of the data, a point too many or too few in a list, a sentence that is missing: Refused.
"""
import re

NEAR, FAR, SLOW, PRICEY = 1.15, 2.0, 10.0, 3.0
RULES = {
    "choose": "The rule: each design is judged by its worst point at the share. Of those whose distance "
              "from the fastest is within a factor of 1.15 of the least, the one whose p99 is nearest to "
              "the best is taken.",
    "equal": "Designs are equal to the best where the ranges of their runs, minimum to maximum, overlap "
             "with its range. What is told are medians.",
    "falls": "A design falls over where the fastest makes at least 2 times as many requests, or where its "
             "p99 is at least 10 times the best.",
}
CLIENTS = r"(1 client|[\d,]+ clients)"
AT = CLIENTS + r" and (\d+) % computing"
NUMBER = r"(\d[\d,]*(?:\.\d+)?)"
LITTLE, PERCENT = "(less than 1 %)", r"(\d+) %"


def excess(percent, factors, most=""):
    """How it is said how much more something is: three groups, of which one is there."""
    return rf"(?:{LITTLE} {percent}|{most}(?:{PERCENT} {percent}|{NUMBER} times {factors}))"


JUDGED = ("(no design is faster|the fastest makes " + excess("more requests", "as many requests", "at most ")
          + "), and (no p99 is better|its p99 is " + excess("above the best", "the best", "at most ") + ")")
PLACE = CLIENTS + r" at (every share|(?:\d+(?:, \d+)* and )?\d+ % computing)"
PLACES = r"(with .*? at (?:every share|[^.:]*? % computing))"


class Refused(AssertionError):
    pass


def demand(condition, why):
    if not condition:
        raise Refused(why)


def match(pattern, text):
    found = re.fullmatch(pattern, text, re.DOTALL)
    demand(found, f"not understood: {text}")
    return found.groups()


def number(text):
    return float(text.replace(",", ""))


def shown(text, value):
    """Whether the number is the value, rounded to the places that are shown."""
    places = len(text.partition(".")[2])
    step = 10.0 ** -places
    demand(abs(number(text) - value) <= 0.5 * step + 1e-9 * value, f"{text} for {value}")
    demand(places == 1 if value < 9.9 else True, f"too few places: {text}")


def exceeds(said, value):
    """Whether it is said right how much more than 1 the value is; said: the groups of excess()."""
    little, percent, factor = said
    if little:
        demand(1 < value <= 1.01, f"{said}: {value}")
    elif percent:
        demand(1 < value <= 1.1 and abs(float(percent) - 100 * (value - 1)) <= 0.5 + 1e-6, f"{said}: {value}")
    else:
        demand(value >= 1.09, f"{said}: {value}")
        shown(factor, value)


def count_of(words):
    return int(words.split()[0].replace(",", ""))


def middle(values):
    values, half = sorted(values), len(values) // 2
    return values[half] if len(values) % 2 else (values[half - 1] + values[half]) / 2


def same(one, other):
    return abs(one - other) <= 1e-9 * max(abs(one), abs(other))


class Oracle:
    """Places are (clients, share); `rates` and `lates` have place -> design -> its runs' figures."""

    def __init__(self, data, used=None):
        self.rates, self.lates, self.fails, self.used = {}, {}, {}, used
        self.ours, self.known = set(data.ours), {}
        for (point, design), runs in data.runs.items():
            place = point.clients, point.share
            self.rates.setdefault(place, {})[design] = [run["requests_per_s"] for run in runs]
            self.lates.setdefault(place, {})[design] = [run["p99_us"] for run in runs]
        for (point, design), why in data.fell.items():
            self.fails.setdefault((point.clients, point.share), {})[design] = why
        self.places = set(self.rates) | set(self.fails)
        self.designs = {d for found in (self.rates, self.fails) for here in found.values() for d in here}

    # What is so.

    def middles(self, table, place):
        """Kept, since a page asks for each many times."""
        key = table is self.rates, place
        if key not in self.known:
            self.known[key] = {design: middle(runs) for design, runs in table[place].items()}
        return self.known[key]

    def rate_ratio(self, place, design):
        """How many times as many requests the fastest makes."""
        medians = self.middles(self.rates, place)
        return max(medians.values()) / medians[design]

    def late_ratio(self, place, design):
        medians = self.middles(self.lates, place)
        return medians[design] / min(medians.values())

    def measured(self, design):
        return {place for place, here in self.rates.items() if design in here}

    def failed(self, design):
        return {place for place, here in self.fails.items() if design in here}

    def down(self, design):
        return {place for place in self.measured(design) if self.rate_ratio(place, design) >= FAR
                or self.late_ratio(place, design) >= SLOW}

    @staticmethod
    def touch(one, other):
        return not (max(one) < min(other) or max(other) < min(one))

    # What is read.

    def listed_places(self, text):
        """The places of "with 32 clients at 10 and 50 % computing; with ..."."""
        found = []
        for part in text.split("; "):
            clients, shares = match("with " + PLACE, part)
            count = count_of(clients)
            if shares == "every share":
                found += [place for place in self.places if place[0] == count]
            else:
                found += [(count, int(share)) for share in re.findall(r"\d+", shares)]
        demand(found and len(found) == len(set(found)), f"a place is named twice or none is: {text}")
        return set(found)

    @staticmethod
    def worst_is(ratios, factor, place):
        """The factor is the greatest of all, and it is there."""
        demand(place in ratios and same(ratios[place], max(ratios.values())), f"not the worst: {place}")
        shown(factor, ratios[place])

    # Section by section.

    def page(self, parts):
        """Every sentence, in its section, and each that there must be."""
        order = ["What to choose", "Recommended settings", "One design for every mix", "Who is ahead",
                 "Where each falls over", "Point by point"]
        titles = [title for title, _ in parts]
        demand(titles == [title for title in order if title in titles], f"sections: {titles}")
        wanted = {"What to choose": bool(self.rates), "Recommended settings": self.wants_settings(),
                  "One design for every mix": bool(self.designs), "Who is ahead": self.comparable() > 0,
                  "Where each falls over": bool(self.designs), "Point by point": bool(self.rates)}
        for title in order:
            demand((title in titles) == wanted[title], f"section {title}")
        checks = (self.choices, self.settings, self.every_mix, self.ahead, self.falling, self.points)
        for title, check in zip(order, checks):
            if title in titles:
                check(list(dict(parts)[title]))

    def all_subjects(self, found, wanted, what):
        demand(sorted(found) == sorted(wanted), f"{what}: {sorted(found)}, not {sorted(wanted)}")

    def ruled(self, lines, rule):
        demand(lines and lines[0] == RULES[rule], f"not the rule: {lines[:1]}")
        return lines[1:]

    def choices(self, lines):
        shares = [self.choice(line) for line in self.ruled(lines, "choose")]
        self.all_subjects(shares, {share for _, share in self.rates}, "shares")

    def worsts(self, share):
        here = [place for place in self.rates if place[1] == share]
        return {d: (max(self.rate_ratio(p, d) for p in here), max(self.late_ratio(p, d) for p in here))
                for d in self.designs if all(d in self.rates[p] for p in here)}

    def choice(self, text):
        share, rest = match(r"If (\d+) % of a request is computing, (.*)", text)
        share = int(share)
        demand(any(place[1] == share for place in self.rates), f"no such share: {share}")
        most = max(clients for clients, of in self.rates if of == share)
        worsts = self.worsts(share)
        if not worsts:
            clients, = match(r"no design has figures with every number of clients up to "
                             + CLIENTS + r"\.", rest)
            demand(count_of(clients) == most, text)
            return share
        found = match(r"take (\S+): with up to " + CLIENTS + f" {JUDGED}" + r"\.( .*)?", rest)
        chosen = found[0]
        demand(count_of(found[1]) == most and chosen in worsts, text)
        self.judgement(found[2:10], *worsts[chosen])
        least = min(speed for speed, _ in worsts.values())
        demand(worsts[chosen][0] <= least * NEAR * (1 + 1e-9), f"another is faster: {text}")
        for speed, late in worsts.values():
            demand(speed > least * NEAR * (1 - 1e-9) or late >= worsts[chosen][1] * (1 - 1e-9),
                   f"another has the better p99: {text}")
        self.price(found[10], chosen, worsts)
        return share

    def price(self, tail, chosen, worsts):
        """What must be said of a p99 that is far from the best, and with whom it is not."""
        late = worsts[chosen][1]
        demand((late > PRICEY) == bool(tail), f"the price of {chosen}, {late}: {tail}")
        least = min(p99 for _, p99 in worsts.values())
        if not tail:
            return
        if tail == " No design stays nearer to the best p99.":
            demand(same(late, least), tail)
            return
        other, *said = match(r" Where p99 counts more, take (\S+): " + JUDGED + r"\.", tail)
        demand(other in worsts and same(worsts[other][1], least) and least < late, tail)
        self.judgement(said, *worsts[other])

    def judgement(self, said, speed, late):
        for (words, *much), value, best in ((said[:4], speed, "no design is faster"),
                                            (said[4:], late, "no p99 is better")):
            if words == best:
                demand(value == 1, f"{words}: {value}")
            else:
                exceeds(much, value)

    def wants_settings(self):
        measured = {design for here in self.rates.values() for design in here}
        return bool(self.used) and bool(measured & self.ours)

    def settings(self, lines):
        measured = {design for here in self.rates.values() for design in here}
        wanted = ["workers"] + [name for name, design in (
            ("threads_max of the blocking pool", "tasks+threads"),
            ("children of the process pool", "tasks+processes"), ("stall threshold", "tasks"))
            if design in measured]
        demand([line.split(":")[0] for line in lines] == wanted, f"settings: {lines}")
        for line in lines:
            name, rest = line.split(": ", 1)
            {"workers": self.workers, "threads_max of the blocking pool": self.threads_max,
             "children of the process pool": self.children, "stall threshold": self.stall}[name](rest)

    def workers(self, text):
        count, = match(r"(\d+), one for each CPU that may be used, as in these runs\. Other numbers were "
                       r"not tried here\.", text)
        demand(int(count) == self.used.workers, text)

    def threads_max(self, text):
        rest, = match(r"64, the default, as in these runs\. Others were not tried here\.(.*)", text)
        self.against_tasks(rest, "tasks+threads")

    def children(self, text):
        count, rest = match(r"(\d+), one for each worker, as in these runs\. Other numbers were not tried "
                            r"here\.(.*)", text)
        demand(int(count) == self.used.workers, text)
        self.against_tasks(rest, "tasks+processes")

    def against_tasks(self, text, design):
        here = [p for p in self.rates if p[1] > 0 and {"tasks", design} <= set(self.rates[p])]
        demand(bool(text) == bool(here), text)
        if not text:
            return
        triple = r"better at (\d+), equal at (\d+), worse at (\d+)"
        said = [int(word) for word in match(
            r" To compute there was, against computing in the task, at (\d+) points with computing: "
            f"in throughput {triple}; in p99 {triple}\\.", text)]
        rates = [self.sign(self.rates[p][design], self.rates[p]["tasks"]) for p in here]
        lates = [-self.sign(self.lates[p][design], self.lates[p]["tasks"]) for p in here]
        demand(said == [len(here)] + [found.count(sign) for found in (rates, lates)
                                      for sign in (1, 0, -1)], text)

    def sign(self, one, other):
        """1: the first is larger beyond noise."""
        if self.touch(one, other):
            return 0
        return 1 if min(one) > max(other) else -1

    def stall(self, text):
        longest = max(share for _, share in self.rates) / 100  # of a millisecond
        value, default, rest = match(r"(\d+) ms, (the default(?:, |\. ))?(.*)", text)
        if self.used.stall_ms == 0:
            demand((value, default) == ("10", "the default. ") and rest == "In these runs it was off "
                   "(SLEY_STALL_MS=0), so they say nothing of relief.", text)
            return
        demand(int(value) == self.used.stall_ms and (default == "the default, ") == (value == "10")
               and default != "the default. ", text)
        at_most, rest = match(r"as in these runs\. A request computes for at most (\d+(?:\.\d+)?) ms at a "
                              r"time in them, which is (.*)", rest)
        demand(same(float(at_most), longest), text)
        if longest >= self.used.stall_ms:
            demand(rest == "not below it: leave relief on, these figures were made with it.", text)
            return
        demand(rest == "below it, so they say nothing of a lower one; where requests compute for more "
               f"than {self.used.stall_ms} ms at a time, leave relief on: it is what gives the worker to "
               "the others meanwhile.", text)

    def every_mix(self, lines):
        self.all_subjects([self.one_for_all(line) for line in lines], self.designs, "designs")

    def one_for_all(self, text):
        near = r"at (\d+) of (\d+) points(?: \(at worst " + NUMBER + " times away, with " + AT + r"\))?"
        design, *found = match(r"(\S+) is within a factor of 1\.15 of the fastest design " + near
                               + ", and of 3 of the best p99 " + near
                               + r"(?:; it fails at (\d+))?(?:; it was not measured at (\d+))?\.", text)
        places, failed = self.measured(design), self.failed(design)
        for said, ratio, limit in ((found[:5], self.rate_ratio, NEAR),
                                   (found[5:10], self.late_ratio, PRICEY)):
            ratios = {place: ratio(place, design) for place in places}
            inside = sum(1 for value in ratios.values() if value <= limit)
            demand((int(said[0]), int(said[1])) == (inside, len(self.places)), text)
            demand((said[2] is None) == (inside == len(places)), text)
            if said[2]:
                self.worst_is(ratios, said[2], (count_of(said[3]), int(said[4])))
        missing = len(self.places - places - failed)
        demand([int(word or 0) for word in found[10:]] == [len(failed), missing], text)
        demand("0" not in found[10:], text)
        return design

    def comparison(self, table, larger):
        """place -> 1, 0, -1: the best of ours against the best of the others."""
        found = {}
        for place in self.places:
            here, fails = table.get(place, {}), self.fails.get(place, {})
            sides = []
            for mine in (True, False):
                runs = [here[d] for d in here if (d in self.ours) == mine]
                pick = max if larger else min
                tried = runs or [d for d in fails if (d in self.ours) == mine]
                sides.append((pick(runs, key=middle) if runs else None, bool(tried)))
            (ours, ours_tried), (theirs, theirs_tried) = sides
            if not (ours_tried and theirs_tried) or not (ours or theirs):
                continue
            if not (ours and theirs):
                found[place] = 1 if ours else -1
            else:
                found[place] = self.sign(ours, theirs) * (1 if larger else -1)
        return found

    def comparable(self):
        return len(self.comparison(self.rates, True))

    def ahead(self, lines):
        names = [self.standing(line) for line in self.ruled(lines, "equal")]
        demand(names == ["throughput", "p99"], f"{names}")

    def standing(self, text):
        name, ahead, count, equal, behind, rest = match(
            r"In (throughput|p99) the best design of sley is ahead of the best of the others at (\d+) of "
            r"(\d+) points, equal at (\d+), behind at (\d+)(.*)\.", text)
        larger = name == "throughput"
        found = self.comparison(self.rates if larger else self.lates, larger)
        signs = list(found.values())
        demand([int(ahead), int(equal), int(behind), int(count)]
               == [signs.count(1), signs.count(0), signs.count(-1), len(signs)], text)
        lost = {place for place, sign in found.items() if sign < 0}
        demand(bool(lost) == bool(rest), text)
        if lost:
            self.behind(rest, larger, lost)
        return name

    def behind(self, text, larger, lost):
        words = r"(\S+) makes " + excess("more requests", "as many requests") if larger else \
            "its p99 is " + excess("above that of", "that of") + r" (\S+?)"
        listed, clients, share, *how, none = match(
            ": " + PLACES + r"(?:\. It is furthest behind with " + AT + ", where " + words
            + r")?(?:\. No design of sley got through " + PLACES + ")?", text)
        demand(self.listed_places(listed) == lost, text)
        silent = {p for p in lost if not self.ours & set(self.rates.get(p, ()))}
        demand((self.listed_places(none) if none else set()) == silent, text)
        ratio = self.rate_ratio if larger else self.late_ratio
        gaps = {p: min(ratio(p, d) for d in self.rates[p] if d in self.ours) for p in lost - silent}
        demand(bool(gaps) == bool(clients), text)
        if gaps:
            place, design = (count_of(clients), int(share)), how.pop(0 if larger else -1)
            demand(place in gaps and same(gaps[place], max(gaps.values())), f"not the worst: {text}")
            demand(design not in self.ours and design in self.rates[place]
                   and same(ratio(place, design), 1), text)
            exceeds(how, gaps[place])

    def falling(self, lines):
        found = [self.fall(line) for line in self.ruled(lines, "falls")]
        wanted = [(d, "falls") for d in self.designs if self.measured(d)]
        wanted += [(d, why) for d in self.designs
                   for why in {here[d] for here in self.fails.values() if d in here}]
        self.all_subjects(found, wanted, "falls")

    def fall(self, text):
        """(design, "falls") or (design, why it fails)."""
        design, verb, rest = match(r"(\S+) (fails|falls over at) (.*)\.", text)
        if verb == "fails":
            listed, why = match(PLACES + r": (.*)", rest)
            mine = {p for p in self.failed(design) if self.fails[p][design] == why}
            demand(self.listed_places(listed) == mine, text)
            return design, why
        places, down = self.measured(design), self.down(design)
        if not down:
            demand(rest == f"none of the {len(places)} points that it gets through", text)
            return design, "falls"
        said = match(r"(\d+) of the (\d+) points that it gets through: " + PLACES + "; at worst "
                     r"(?:the fastest makes " + NUMBER + r" times as many requests \(" + AT + r"\))?( and )?"
                     r"(?:its p99 is " + NUMBER + r" times the best \(" + AT + r"\))?", rest)
        demand((int(said[0]), int(said[1])) == (len(down), len(places)), text)
        demand(self.listed_places(said[2]) == down, text)
        demand(bool(said[6]) == bool(said[3] and said[7]) and (said[3] or said[7]), text)
        for part, ratio, limit in ((said[3:6], self.rate_ratio, FAR), (said[7:10], self.late_ratio, SLOW)):
            ratios = {place: ratio(place, design) for place in places}
            demand(bool(part[0]) == (max(ratios.values()) >= limit), text)
            if part[0]:
                self.worst_is(ratios, part[0], (count_of(part[1]), int(part[2])))
        return design, "falls"

    def points(self, lines):
        found = [self.winner(line) for line in self.ruled(lines, "equal")]
        self.all_subjects(found, self.rates, "points")

    def winner(self, text):
        clients, share, rates, first, *much, last, lates = match(
            "With " + AT + r", (.*?(?:is fastest|are equal in throughput))"
            r"(?:; (\S+) makes " + excess("more than", "as many as") + r" (\S+), the fewest)?; (.*)\.", text)
        place = count_of(clients), int(share)
        demand(place in self.rates, text)
        top, equals = self.best(rates, self.rates[place], max, ("is fastest", "are equal in throughput"))
        self.best(lates, self.lates[place], min, ("has the best p99", "are equal in p99"))
        medians = {d: middle(runs) for d, runs in self.rates[place].items()}
        if last is None:
            demand(min(medians[d] for d in equals) == min(medians.values()), f"not told: {text}")
            return place
        demand(first == top and last not in equals and medians.get(last) == min(medians.values()), text)
        exceeds(much, medians[first] / medians[last])
        return place

    def best(self, text, here, pick, ends):
        """(the first of those that are named, all of them): it must be the best, they all whose runs
        touch its, each with its figure."""
        alone, together = ends
        listed, end = match(f"(.*) ({alone}|{together})", text)
        items = [match(r"(\S+) \(" + NUMBER + r" (requests/s|us|ms)\)", item)
                 for item in re.split(r", | and ", listed)]
        leader, named = items[0][0], {item[0] for item in items}
        demand(named <= set(here) and middle(here[leader]) == pick(map(middle, here.values())), text)
        demand(named == {d for d, runs in here.items() if self.touch(here[leader], runs)}
               and len(items) == len(named) and (end == alone) == (len(items) == 1), text)
        for design, value, unit in items:
            scale, step = (1000.0, 0.1) if unit == "ms" else (1.0, 1.0)
            figure = middle(here[design]) / scale
            demand(abs(number(value) - figure) <= 0.5 * step + 1e-9 * figure, f"{value} for {figure}")
            demand((unit == "requests/s") == (pick is max), text)
        return leader, named
