#!/usr/bin/env python3
"""mutants.py: explores all models, then shows that they would notice if the source were weaker.

A model that passes proves something only if it would fail without what it is about. So each memory
order in the modelled source is weakened by one step, each fence removed, each second look and each
state that somebody thought necessary dropped, one at a time; some model must then fail. A mutant
that survives is either one that cannot change anything, and then mutants.equivalent says why, or
it is a hole in the models, and this script fails.

Two kinds of mutants:
  orders  found by themselves: every operation of atomic.h that stands in the compiled source. They
          are weakened while the model runs (mutants/weaken.c), so they need no compilation. The
          first exploration notes which model reaches which operation; only those are asked.
  edits   written down in mutants.list: a piece of text in a file, and what stands there instead.
          The file is replaced in a tree of links and what depends on it is compiled again.

A mutant has a name that outlives the moving of lines: file, function, operation, which of several
equal ones, and what it becomes; or "edit" and the name in mutants.list.

  mutants.equivalent  names with reasons. One that is killed after all, or that names nothing, is a
                      failure. These are explored up to a limit only (EQUIVALENT_LIMIT), each time.
  mutants.killed      names with the model that killed them, asked first: it saves most of the time.
                      Written by --update; where it is wrong, only time is lost. A killer with
                      options behind it is one that needs more than the usual bound.

Results are kept in OUT/cache while the mutated file, the engine and the models asked stay the same.

  mutants.py check [OUT]   all models at bound 2, then all mutants
  mutants.py stress [OUT]  all models at bound 3, then ten million random schedules
  mutants.py list [OUT]    the names of all mutants
"""
import argparse
import collections
import concurrent.futures
import os
import pathlib
import re
import resource
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "mutants"))

from checker import (HERE, SOURCE, Broken, Cache, Models, Program, digest,  # noqa: E402
                     explore, file_of, function_at, only, read)

BOUND = 2
EQUIVALENT_LIMIT = 1000  # executions of an exploration, where no failure is expected
STRESS_SCHEDULES = 10_000_000
STRESS_SECONDS = 20  # of one exploration at bound 3

# What an operation becomes, by the end of its name.
WEAKER = {"acquire": ["relaxed"], "release": ["relaxed"], "acq_rel": ["acquire", "release"],
          "seq_cst": ["acq_rel"], "relaxed": []}
FENCES = {"fence_light": ["nothing"], "fence_heavy": ["seq_cst", "nothing"]}

Mutant = collections.namedtuple("Mutant", "name file where to old new")
Result = collections.namedtuple("Result", "state killer detail")
# state: killed, survived, unreached (no model has it) or broken (nothing can be said)


# --- the mutants -----------------------------------------------------------------------------

OPERATION = re.compile(rb"(?<![\x20-\x7e])"
                       rb"((?:sched|io|tests/model/(?:platform_model|models/\.\.))[\w/.]*\.[ch]):(\d+): "
                       rb"((load|store|exchange|cas|fetch|fence)_([a-z_]+)\([^\0]*)(?=\0)")


def mutants_of_orders(program):
    """Every operation in the program that was linked, weakened."""
    seen, text = {}, program.weakened.read_bytes()
    for file, line, operation, kind, rest in OPERATION.findall(text):
        seen[(file.decode(), int(line), operation.decode())] = (kind + b"_" + rest).decode()
    counts, mutants = collections.Counter(), []
    for (written, line, operation), name in sorted(seen.items()):
        file = os.path.normpath(written)
        order = next(o for o in sorted(WEAKER, key=len, reverse=True) if name.endswith(o)) \
            if name not in FENCES else None
        weaker = FENCES[name] if name in FENCES else WEAKER[order]
        if name.startswith("fence") and name not in FENCES:
            weaker = ["nothing"]
        key = f"{file} {function_at(read(SOURCE / file).split(chr(10)), line)} {operation}"
        counts[key] += 1
        if counts[key] > 1:
            key += f" #{counts[key]}"
        where = f"{written}:{line}: {operation}"
        mutants += [Mutant(f"{key} -> {to}", file, where, to, None, None) for to in weaker]
    return mutants


def paragraphs(path):
    """Blocks of lines, separated by empty ones; # begins a comment line."""
    if not path.exists():
        return []
    text = "\n".join(line for line in read(path).split("\n") if not line.startswith("#"))
    return [block.split("\n") for block in re.split(r"\n\s*\n", text.strip("\n")) if block.strip()]


def mutants_of_list():
    """And what is wrong with the list."""
    mutants, problems = [], []
    for block in paragraphs(HERE / "mutants.list"):
        try:
            mutants.append(edit(block))
        except Broken as broken:
            problems.append(str(broken))
    return mutants, problems


def edit(block):
    """A block: "NAME FILE [FUNCTION]", lines of old text with "-", of new text with "+"."""
    name, file, *function = block[0].split()
    old = [line[1:].strip() for line in block if line.startswith("-")]
    new = [line[1:].strip() for line in block if line.startswith("+")]
    text = read(SOURCE / file)
    found = list(re.finditer(r"\s*\n\s*".join(re.escape(line) for line in old), text))
    if function:
        lines = text.split("\n")
        found = [m for m in found
                 if function_at(lines, text[:m.start()].count("\n") + 1) == function[0]]
    if len(found) != 1 or not old:
        raise Broken(f"mutants.list: {name}: its text is {len(found)} times in {file}")
    return Mutant(f"edit {name}", file, found[0].start(), None, found[0].group(), "\n".join(new))


def read_equivalent():
    """Reasons by name. Several names may share one, which stands behind them and is indented."""
    reasons = {}
    for block in paragraphs(HERE / "mutants.equivalent"):
        reason = " ".join(line.strip() for line in block if line[0] == " ")
        reasons.update((line, reason) for line in block if line[0] != " ")
    return reasons


def read_killed():
    """Killers, with their options, by name."""
    lines = [line for block in paragraphs(HERE / "mutants.killed") for line in block]
    return dict(line.split(" | ") for line in lines)


# --- killing ---------------------------------------------------------------------------------

class Hunt:
    def __init__(self, program, models, cache, limit):
        self.program, self.models, self.cache, self.limit = program, models, cache, limit
        self.reached = collections.defaultdict(set)  # models by file and function, or None
        for operation, names in models.reached.items():
            written, line = operation.split(":")[:2]
            file = os.path.normpath(written)
            if (SOURCE / file).exists():
                function = function_at(read(SOURCE / file).split("\n"), int(line))
                self.reached[file, function] |= names
                self.reached[file, None] |= names
        self.equivalent, self.killed = read_equivalent(), read_killed()
        self.all_models = digest(*sorted((HERE / "models").glob("*.c")))

    def world(self, mutant, killer):
        """What a result depends on: all that is modelled, because a step that was made sure of twice
        may lose its other guard in another file. Who was killed by one model does not depend on the
        other models."""
        models = digest(file_of(killer.split()[0])) if killer else self.all_models
        return self.models.tested + self.models.engine + models

    def kept(self, mutant):
        then, value = self.cache.get(f"{mutant.name} {mutant.new}")
        try:
            if then and then == self.world(mutant, value[1]):
                return Result(*value)
        except Broken:
            pass  # the killer is gone
        return None

    def models_of(self, mutant):
        """Those that come into question: they reach the operation, or some operation of the edited
        function. If that has none of its own, because all is under a lock: those that reach the
        file, and those that are called after it."""
        if mutant.to:
            return self.models.reached[mutant.where]
        text = read(SOURCE / mutant.file)
        function = function_at(text.split("\n"), text[:mutant.where].count("\n") + 1)
        namesakes = {n for n in self.models.names
                     if n.startswith(pathlib.Path(mutant.file).stem + "_")}
        return self.reached[mutant.file, function] \
            or self.reached[mutant.file, None] | namesakes or self.models.names

    def candidates(self, mutant):
        """Models with options: the known killer, then all that come into question. Random schedules
        cost most and say least where nothing is expected: only if there is nothing else."""
        names, limits = self.models.good(self.models_of(mutant)), [self.limit]
        if mutant.name in self.equivalent:
            names = [n for n in names if n not in self.models.random] or names
            limits.append(EQUIVALENT_LIMIT)
        limit = ["--max-executions", str(min(n for n in limits if n))] if any(limits) else []
        tries = [[n] if n in self.models.random else [n, *limit] for n in names]
        known = self.killed.get(mutant.name, "").split()
        if known and self.models.good(known[:1]):
            tries = [known] + [t for t in tries if t != known]
        return tries

    def ask(self, mutant, program):
        environment = {"MODEL_WEAKEN": mutant.where, "MODEL_WEAKEN_TO": mutant.to} \
            if mutant.to else {}
        candidates, broken = self.candidates(mutant), None
        for name, *options in candidates:
            bound = [] if "--bound" in options else ["--bound", str(BOUND)]
            status, text = explore(program, only(name, self.models.names) + bound
                                   + options,
                                   **environment)
            if status == 1:
                killer = " ".join([name, *options])
                return Result("killed", re.sub(r" --max-executions \d+$", "", killer), text)
        if broken:
            raise broken
        if not candidates:
            return Result("unreached", "", "")
        return Result("survived", "", " ".join(c[0] for c in candidates))

    def hunt(self, mutant):
        result = self.kept(mutant)
        if result:
            return mutant, result, 0.0
        begin, slot = time.monotonic(), None
        try:
            if mutant.to:
                result = self.ask(mutant, self.program.weakened)
            else:
                slot = self.program.slots.get()
                result = self.ask(mutant, self.program.edited(mutant, slot))
        except Broken as broken:
            result = Result("broken", "", str(broken))
        finally:
            if slot:
                self.program.slots.put(slot)
        if result.state == "killed" or mutant.name in self.equivalent and result.state != "broken":
            self.cache.put(f"{mutant.name} {mutant.new}", self.world(mutant, result.killer), result)
        return mutant, result, time.monotonic() - begin


def verdict(mutant, result, equivalent):
    """What is wrong with it, or None."""
    if result.state == "broken":
        return f"broken: {mutant.name}: {result.detail}"
    if mutant.name in equivalent:
        if result.state == "killed":
            return f"listed as equivalent, but killed by {result.killer}: {mutant.name}"
        return None if equivalent[mutant.name] else f"equivalent without a reason: {mutant.name}"
    if result.state == "unreached":
        return f"not reached by any model: {mutant.name}"
    if result.state == "survived":
        return f"survived {result.detail}: {mutant.name}"
    return None


def write_killed(results, killed):
    killed = dict(killed)
    for mutant, result, _ in results:
        killed.pop(mutant.name, None)
        if result.state == "killed":
            killed[mutant.name] = result.killer
    lines = [f"{name} | {killer}\n" for name, killer in sorted(killed.items())]
    (HERE / "mutants.killed").write_text(
        "# Which model kills which mutant. Written by mutants.py --update.\n\n" + "".join(lines))


def wanted(mutants, settings):
    parts = settings.only or [""]
    return [m for m in mutants if any(part in m.name for part in parts)]


def processor_time():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def check(program, pool, settings):
    cache = Cache(program.out / "cache", settings.fresh)
    models = Models(program, cache)
    begin, processor = time.monotonic(), processor_time()
    models.explore_all(pool, settings.model, ["--bound", str(BOUND)])
    print(f"all models took {time.monotonic() - begin:.0f} s at bound {BOUND}, "
          f"of the processors {processor_time() - processor:.0f} s")
    problems = [f"the model {name} fails without a mutant" for name in sorted(models.bad)]
    edits, wrong = mutants_of_list()
    mutants = mutants_of_orders(program) + edits
    problems += wrong
    chosen = wanted(mutants, settings)
    if settings.only and not chosen:
        raise Broken(f"no mutant's name has '{' '.join(settings.only)}' in it")
    hunt = Hunt(program, models, cache, settings.limit)
    names = {m.name for m in mutants}
    problems += [f"listed as equivalent, but there is no such mutant: {name}"
                 for name in hunt.equivalent if name not in names]
    results = []
    for mutant, result, seconds in pool.map(hunt.hunt, chosen):
        results.append((mutant, result, seconds))
        problem = verdict(mutant, result, hunt.equivalent)
        if problem:
            problems.append(problem)
        if problem or settings.verbose:
            print(problem or f"{result.state}: {mutant.name} | {result.killer}",
                  f"({seconds:.1f} s)", flush=True)
    if settings.update:
        write_killed(results, hunt.killed)
    print(f"everything took {time.monotonic() - begin:.0f} s, "
          f"of the processors {processor_time() - processor:.0f} s")
    for problem in problems:
        print(f"problem: {problem}")
    killed = sum(r.state == "killed" and m.name not in hunt.equivalent for m, r, _ in results)
    equivalent = sum(m.name in hunt.equivalent and r.state in ("survived", "unreached")
                     for m, r, _ in results)
    blind = sum(reason.startswith("Not modelled:") for reason in hunt.equivalent.values())
    print(f"of the equivalent ones, {blind} are so only to the checker, which does not model what "
          "they break")
    print(f"{len(models.executions)} models, {sum(models.executions.values())} executions, "
          f"{killed} of {len(chosen)} mutants killed, {equivalent} equivalent")
    return 1 if problems else 0


def stress(program, pool, settings):
    models = Models(program, Cache(program.out / "cache.stress", True))
    models.explore_all(pool, settings.model, ["--bound", "3", "--seconds", str(settings.seconds)])
    each = -(-settings.schedules // len(models.executions))
    executions = sum(models.executions.values())
    models.explore_all(pool, settings.model, ["--random", str(each)])
    executions += sum(models.executions.values())
    print(f"{len(models.executions)} models, {executions} executions, {len(models.bad)} failed")
    return 1 if models.bad else 0


def main():
    parser = argparse.ArgumentParser(description="all models, and all mutants of what they model")
    parser.add_argument("task", choices=["check", "stress", "list"])
    parser.add_argument("out", nargs="?", type=pathlib.Path, default=SOURCE / "build" / "mutants")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--model", action="append", metavar="PREFIX",
                        help="only models whose names begin so")
    parser.add_argument("--only", action="append", metavar="TEXT",
                        help="only mutants with this in their names")
    parser.add_argument("--limit", type=int, metavar="N",
                        help="give up after N executions of an exploration")
    parser.add_argument("--verbose", action="store_true", help="a line per mutant")
    parser.add_argument("--fresh", action="store_true", help="without results that were kept")
    parser.add_argument("--update", action="store_true", help="writes mutants.killed")
    parser.add_argument("--seconds", type=int, default=STRESS_SECONDS,
                        help="stress: of one exploration at bound 3")
    parser.add_argument("--schedules", type=int, default=STRESS_SCHEDULES,
                        help="stress: random ones, over all models")
    settings = parser.parse_args()
    try:
        program = Program(settings.out.resolve(), settings.jobs)
        with concurrent.futures.ThreadPoolExecutor(settings.jobs) as pool:
            if settings.task == "list":
                for mutant in mutants_of_orders(program) + mutants_of_list()[0]:
                    print(mutant.name)
                return 0
            return (check if settings.task == "check" else stress)(program, pool, settings)
    except Broken as broken:
        print(f"mutants.py: {broken}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
