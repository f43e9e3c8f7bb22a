"""checker.py: the model checker as a program that is built and run. For mutants.py.

Program is the checker with weaken.c in it; it can be built again with an edit in one file. Models
explores all models and notes which operations each of them reaches. Cache keeps results.
"""
import collections
import hashlib
import json
import os
import pathlib
import queue
import re
import subprocess
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent.parent
SOURCE = HERE.parent.parent

RUN_TIMEOUT = 900  # seconds of one run: it hangs
CALLS = ["model_load", "model_store", "model_modify", "model_cas", "model_fence",
         "model_fence_light", "model_fence_heavy"]


class Broken(Exception):
    """The checker or the compiler failed, or a list is wrong: nothing can be said."""


def read(path):
    return path.read_text(encoding="utf-8")


# --- the source ------------------------------------------------------------------------------

HEAD = re.compile(r"^[A-Za-z_][^;={]*?\b(\w+)\((?!\()")


def function_at(lines, number):
    """The name of the function that line `number` (from 1) stands in."""
    for line in reversed(lines[:number]):
        match = HEAD.match(line)
        if match and not line.rstrip().endswith(";"):
            return match.group(1)
    return "(file)"


def bodies(text):
    """Function names of a file with the text that belongs to them."""
    found, name = {}, None
    for line in text.split("\n"):
        match = HEAD.match(line)
        if match:
            name = match.group(1)
        if name:
            found[name] = found.get(name, "") + line + "\n"
    return found


def compiled_sources():
    """What is compiled as part of the engine, and what against it: files with their objects' names
    as build.sh gives them."""
    engine = [p for p in [*HERE.glob("*.c"), *HERE.glob("*.S")] if p.name != "litmus.c"]
    models = [HERE / "litmus.c", *(HERE / "models").glob("*.c")]
    names = [line for line in read(HERE / "sources.txt").split("\n") if line and line[0] != "#"]
    sources = {(SOURCE / "sched" / n).resolve(): object_name(f"sched/{n}") for n in names}
    return ({p: object_name(p.relative_to(SOURCE)) for p in sorted(engine)},
            sources | {p: object_name(p.relative_to(SOURCE)) for p in sorted(models)})


def object_name(path):
    return str(path).replace("/", "_") + ".o"


def digest(*paths):
    total = hashlib.sha256()
    for path in paths:
        total.update(path.read_bytes() + b"\0")
    return total.hexdigest()


# --- building --------------------------------------------------------------------------------

class Program:
    """The model checker in OUT/base, with weaken.c in it."""

    def __init__(self, out, jobs):
        self.out, self.base = out, out / "base"
        self.base.mkdir(parents=True, exist_ok=True)
        command([HERE / "build.sh", SOURCE, self.base])
        stamp = read(self.base / "flags").split()
        self.cc, self.flags = stamp[0], stamp[1:]
        self.engine, self.sources = compiled_sources()
        self.objects = {p: self.base / n for p, n in (self.engine | self.sources).items()}
        weaken = self.base / "weaken.o"
        command([self.cc, "-O2", "-std=gnu17", "-Wall", "-Wextra", "-DSLEY_MODEL", f"-I{HERE}",
                 f"-I{SOURCE}/sched", f"-I{SOURCE}/sched/include", "-c", "-o", weaken,
                 HERE / "mutants" / "weaken.c"])
        self.weakened = self.base / "weakened"
        command([self.cc, "-no-pie", "-o", self.weakened, *self.objects.values(), weaken]
                + [f"-Wl,--wrap={call}" for call in CALLS])
        self.slots = queue.Queue()
        for slot in range(jobs):
            self.slots.put(self.make_slot(slot))

    def make_slot(self, number):
        """A tree of links, in which one file at a time is another."""
        slot = self.out / f"slot{number}"
        command(["rm", "-rf", slot])
        for directory in ("sched", "io", "tests/model"):
            (slot / "src" / directory).parent.mkdir(parents=True, exist_ok=True)
            command(["cp", "-rs", SOURCE / directory, slot / "src" / directory])
        return slot

    def dependents(self, mutant):
        """The files that must be compiled again: those that mention the changed function, or one
        in a header that does, and so on."""
        path = SOURCE / mutant.file
        if path.suffix == ".c":
            return [path]
        text = read(path)
        changed = {function_at(text.split("\n"), text[:mutant.where].count("\n") + 1)}
        headers = [bodies(read(p)) for d in ("sched", "io") for p in (SOURCE / d).glob("*.h")]
        while True:
            word = re.compile(r"\b(" + "|".join(changed) + r")\b")
            more = {n for h in headers for n, body in h.items() if word.search(body)} - changed
            if not more:
                return [p for p in self.sources if word.search(read(p))]
            changed |= more

    def edited(self, mutant, slot):
        """Builds the program with an edit in it."""
        target = slot / "src" / mutant.file
        text = read(SOURCE / mutant.file)
        target.unlink()
        target.write_text(text[:mutant.where] + mutant.new + text[mutant.where + len(mutant.old):])
        flags = [f.replace(str(SOURCE), str(slot / "src")) for f in self.flags]
        objects = dict(self.objects)
        try:
            for path in self.dependents(mutant):
                objects[path] = slot / self.sources[path]
                command([self.cc, *flags, "-w", "-c", "-o", objects[path],
                         slot / "src" / path.relative_to(SOURCE)])
            command([self.cc, "-no-pie", "-o", slot / "model", *objects.values()])
        finally:
            target.unlink()
            target.symlink_to(SOURCE / mutant.file)
        return slot / "model"


def command(arguments):
    done = subprocess.run([str(a) for a in arguments], capture_output=True, text=True)
    if done.returncode != 0:
        raise Broken(f"{arguments[0]} failed:\n{done.stderr[-3000:]}")


def explore(program, arguments, **environment):
    """One run of the checker: its exit code and what it printed."""
    try:
        done = subprocess.run([str(program), *arguments], env={**os.environ, **environment},
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors="replace", timeout=RUN_TIMEOUT)
    except subprocess.TimeoutExpired:
        raise Broken(f"{' '.join(arguments)} took more than {RUN_TIMEOUT} s") from None
    again = done.returncode == 2 and "could not be repeated" in done.stdout
    if again and "--unreduced" not in arguments:
        # It failed, but not again when nothing was left out: so nothing is, from the beginning.
        return explore(program, [*arguments, "--unreduced"], **environment)
    if done.returncode not in (0, 1):
        raise Broken(f"{' '.join(arguments)} ended with {done.returncode}:\n{done.stdout[-2000:]}")
    return done.returncode, done.stdout


# --- what was found out before ---------------------------------------------------------------

class Cache:
    """Results by name, each good for one state of the world: a digest of what it depends on."""

    def __init__(self, path, fresh):
        self.path, self.lock, self.entries = path, threading.Lock(), {}
        if path.exists() and not fresh:
            try:
                self.entries = json.loads(read(path))
            except ValueError:
                pass  # not one of ours: begin anew

    def get(self, name):
        """(world, value), or (None, None)."""
        with self.lock:
            return self.entries.get(name, (None, None))

    def put(self, name, world, value):
        with self.lock:
            self.entries[name] = (world, value)
            whole = self.path.with_suffix(".new")
            whole.write_text(json.dumps(self.entries))
            whole.replace(self.path)


# --- the models ------------------------------------------------------------------------------

def only(name, names):
    """The options for one model alone: --model takes the beginnings of names."""
    others = [n for n in names if n.startswith(name) and n != name]
    return ["--model", name] + [x for n in others for x in ("--skip", n)]


def file_of(model):
    """A model's name begins with the name of its file."""
    stems = [p.stem for p in (HERE / "models").glob("*.c") if model.startswith(p.stem)]
    if not stems:
        raise Broken(f"the model {model} is not named after its file")
    return HERE / "models" / (max(stems, key=len) + ".c")


def compiler_version():
    """The first line that the compiler of build.sh says of itself."""
    compiler = os.environ.get("CC", "gcc")
    said = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=False)
    return said.stdout.split("\n")[0]


class Models:
    def __init__(self, program, cache):
        self.program, self.cache = program, cache
        lines = explore(program.weakened, ["--list", "--skip", "litmus"])[1].split("\n")
        self.names = [line.split()[0] for line in lines if line]
        self.executions, self.seconds = {}, {}  # by model
        self.reached = collections.defaultdict(set)  # models by operation
        self.bad, self.random = set(), set()  # models that fail; that are of random schedules
        self.headers = sorted((HERE / "models").glob("*.h"))
        engine = [HERE / "mutants" / "weaken.c", *program.engine, *sorted(HERE.glob("*.h"))]
        self.engine = digest(*engine, *self.headers)
        self.tested = digest(*sorted((SOURCE / "sched").rglob("*.[chS]")),
                             *sorted((SOURCE / "io").rglob("*.[ch]")),
                             *sorted(HERE.glob("*.txt"))) + compiler_version()

    def explore_all(self, pool, prefixes, options):
        wanted = [n for n in self.names if any(n.startswith(p) for p in prefixes or [""])]
        litmus = pool.submit(explore, self.program.weakened, ["--model", "litmus", *options])
        for job in [pool.submit(self.explore_one, name, options) for name in wanted]:
            job.result()
        status, text = litmus.result()
        if status != 0:
            print(text)
            self.bad.add("litmus")
        print("litmus: " + text.strip().split("\n")[-1].replace("models", "programs"))

    def explore_one(self, name, options):
        world = self.engine + self.tested + digest(file_of(name))
        then, kept = self.cache.get(f"{name} {options}")
        if then == world:
            text, reached, seconds = kept
        else:
            begin, note = time.monotonic(), self.program.out / f"reached.{name}"
            status, text = explore(self.program.weakened, only(name, self.names) + options,
                                   MODEL_REACHED=str(note))
            reached = [line.split("\t")[1] for line in read(note).strip().split("\n") if line]
            note.unlink()
            seconds = time.monotonic() - begin
            if status == 0:
                self.cache.put(f"{name} {options}", world, (text, reached, seconds))
            else:
                self.bad.add(name)
        lines = text.strip().split("\n")
        kept = " (kept)" if then == world else ""
        sys.stdout.write("\n".join(lines[:-1]) + kept + "\n")  # in one piece: others write too
        sys.stdout.flush()
        self.seconds[name] = seconds
        if ", pct " in text:
            self.random.add(name)
        self.executions[name] = int(re.search(r"(\d+) executions$", lines[-1]).group(1))
        for operation in reached:
            self.reached[operation].add(name)

    def good(self, names):
        """Those that can judge a mutant, fastest first."""
        return sorted((n for n in names if n in self.executions and n not in self.bad),
                      key=lambda n: self.seconds[n])
