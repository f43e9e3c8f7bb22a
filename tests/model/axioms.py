#!/usr/bin/env python3
"""axioms.py MODEL: does the checker explore what the memory model allows, no more and no less?

It has the program `model` explore the random programs of programs.c without bounds, computes for
each of them every outcome that the axioms allow, and compares. The axioms are those of RC11 (Lahav,
Vafeiadis, Kang, Hur, Dreyer, "Repairing Sequential Consistency in C/C++11", 2017) with C++20's
release sequences, and what memory.c says it leaves out: no load reads from the future and
modification order is an order of execution, that is, program order, reads-from and modification
order together have no cycle.

The engine executes, these axioms judge whole executions: a mistake in one is not likely in the other.

An execution is a graph of events. A relation is a list with a bit mask per event: bit y of
relation[x] is set if x is related to y.
"""
import collections
import functools
import itertools
import subprocess
import sys

(LOAD_RELAXED, LOAD_ACQUIRE, STORE_RELAXED, STORE_RELEASE, ADD_RELAXED, EXCHANGE_ACQ_REL,
 EXCHANGE_SEQ_CST, FENCE_ACQUIRE, FENCE_RELEASE, FENCE_SEQ_CST) = range(10)

READS = {LOAD_RELAXED, LOAD_ACQUIRE, ADD_RELAXED, EXCHANGE_ACQ_REL, EXCHANGE_SEQ_CST}
WRITES = {STORE_RELAXED, STORE_RELEASE, ADD_RELAXED, EXCHANGE_ACQ_REL, EXCHANGE_SEQ_CST}
FENCES = {FENCE_ACQUIRE, FENCE_RELEASE, FENCE_SEQ_CST}
ACQUIRES = {LOAD_ACQUIRE, EXCHANGE_ACQ_REL, EXCHANGE_SEQ_CST, FENCE_ACQUIRE, FENCE_SEQ_CST}
RELEASES = {STORE_RELEASE, EXCHANGE_ACQ_REL, EXCHANGE_SEQ_CST, FENCE_RELEASE, FENCE_SEQ_CST}
WORDS = (0, 1)

INIT = -1  # the thread, and the kind, of the writes that were there before

Event = collections.namedtuple("Event", "thread position kind word value")


# --- relations -------------------------------------------------------------------------------

def bits(mask):
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


def union(*relations):
    return [functools.reduce(int.__or__, masks) for masks in zip(*relations)]


def compose(a, b):
    return [functools.reduce(int.__or__, (b[y] for y in bits(mask)), 0) for mask in a]


def closure(a):
    a = a[:]
    for via in range(len(a)):
        for x in range(len(a)):
            if a[x] >> via & 1:
                a[x] |= a[via]
    return a


def reflexive(a):
    return [mask | 1 << x for x, mask in enumerate(a)]


def irreflexive(a):
    return not any(mask >> x & 1 for x, mask in enumerate(a))


def acyclic(a):
    return irreflexive(closure(a))


# --- executions ------------------------------------------------------------------------------

class Program:
    def __init__(self, threads):
        self.events = [Event(t, i, kind, None if kind in FENCES else word, t * 8 + i + 1)
                       for t, operations in enumerate(threads)
                       for i, (kind, word) in enumerate(operations)]
        self.real = len(self.events)
        self.events += [Event(INIT, 0, INIT, word, 0) for word in WORDS]
        self.count = len(self.events)
        self.sb = self.relation(lambda a, b: (a.thread == INIT != b.thread)
                                or (a.thread == b.thread and a.position < b.position))

    def relation(self, related):
        return [sum(1 << y for y, b in enumerate(self.events) if related(a, b))
                for a in self.events]

    def identity(self, chosen):
        return [1 << x if chosen(e) else 0 for x, e in enumerate(self.events)]

    def restrict(self, relation, allowed):
        return [sum(1 << y for y in bits(mask) if allowed(self.events[x], self.events[y]))
                for x, mask in enumerate(relation)]

    def orders(self, word):
        """Every modification order of the word that does not contradict program order."""
        first = self.real + word
        writes = [x for x in range(self.real)
                  if self.events[x].kind in WRITES and self.events[x].word == word]
        for order in itertools.permutations(writes):
            if not any(self.sb[b] >> a & 1 for a, b in itertools.combinations(order, 2)):
                yield (first,) + order

    def executions(self):
        """(modification orders, what each read reads from) of all of them, good or not."""
        reads = [x for x in range(self.real) if self.events[x].kind in READS]
        for orders in itertools.product(*(list(self.orders(word)) for word in WORDS)):
            sources = []
            for x in reads:
                order = orders[self.events[x].word]
                # A read-modify-write reads what it overwrites.
                sources.append([order[order.index(x) - 1]] if x in order else order)
            for choice in itertools.product(*sources):
                yield orders, dict(zip(reads, choice))

    def consistent(self, orders, source):
        rf, mo = [0] * self.count, [0] * self.count
        for x, w in source.items():
            rf[w] |= 1 << x
        for order in orders:
            for a, b in itertools.combinations(order, 2):
                mo[a] |= 1 << b
        if not acyclic(union(self.sb, rf, mo)):
            return False
        rb = [0] * self.count
        for x, w in source.items():
            rb[x] |= mo[w] & ~(1 << x)
        hb, eco = self.happens_before(rf), closure(union(rf, mo, rb))
        return (irreflexive(hb) and irreflexive(compose(hb, eco))
                and acyclic(self.seq_cst(hb, eco, mo, rb)))

    def happens_before(self, rf):
        fence = self.identity(lambda e: e.kind in FENCES)
        modifies = self.restrict(rf, lambda a, b: b.kind in WRITES)
        sw = self.identity(lambda e: e.kind in RELEASES)
        for step in (reflexive(compose(fence, self.sb)),
                     self.identity(lambda e: e.kind in WRITES), reflexive(closure(modifies)), rf,
                     reflexive(compose(self.sb, fence)),
                     self.identity(lambda e: e.kind in ACQUIRES)):
            sw = compose(sw, step)
        sw = [mask & ~(1 << x) for x, mask in enumerate(sw)]
        return closure(union(self.sb, sw))

    def seq_cst(self, hb, eco, mo, rb):
        """RC11's psc: what the total order of seq_cst events must contain."""
        def same(a, b):
            return a.word is not None and a.word == b.word
        elsewhere = self.restrict(self.sb, lambda a, b: not same(a, b))
        scb = union(self.sb, compose(compose(elsewhere, hb), elsewhere),
                    self.restrict(hb, same), mo, rb)
        access = self.identity(lambda e: e.kind == EXCHANGE_SEQ_CST)
        fence = self.identity(lambda e: e.kind == FENCE_SEQ_CST)
        before = union(access, compose(fence, reflexive(hb)))
        after = union(access, compose(reflexive(hb), fence))
        between = union(hb, compose(compose(hb, eco), hb))
        return union(compose(compose(before, scb), after),
                     compose(compose(fence, between), fence))

    def outcome(self, orders, source):
        @functools.lru_cache(None)
        def written(x):
            event = self.events[x]
            return written(source[x]) + 32 if event.kind == ADD_RELAXED else event.value

        read = [written(source[x]) if x in source else 0 for x in range(self.real)]
        return "%s = %s" % (" ".join(map(str, read)),
                            " ".join(str(written(order[-1])) for order in orders))

    def outcomes(self):
        return {self.outcome(*e) for e in self.executions() if self.consistent(*e)}


# --- comparing -------------------------------------------------------------------------------

def explored(model):
    """The outcomes by program, both as text."""
    out = subprocess.run([model, "--model", "litmus_programs", "--bound", "100", "--outcomes"],
                         check=True, stdout=subprocess.PIPE, text=True).stdout
    seen = collections.defaultdict(set)
    for line in out.split("\n"):
        if line.startswith("  outcome: "):
            program, outcome = line[len("  outcome: "):].split(" = ", 1)
            seen[program].add(outcome)
    return seen


def parse(program):
    return [[tuple(map(int, operation.split(","))) for operation in thread.split()]
            for thread in program.split("|")]


def main():
    seen, wrong = explored(sys.argv[1]), 0
    for program, outcomes in seen.items():
        allowed = Program(parse(program)).outcomes()
        for outcome in sorted(outcomes - allowed):
            print(f"{program}: explored, but not allowed: {outcome}")
        for outcome in sorted(allowed - outcomes):
            print(f"{program}: allowed, but not explored: {outcome}")
        wrong += outcomes != allowed
    print(f"{len(seen)} programs, {sum(map(len, seen.values()))} outcomes, {wrong} programs wrong")
    return 1 if wrong or not seen else 0


if __name__ == "__main__":
    sys.exit(main())
