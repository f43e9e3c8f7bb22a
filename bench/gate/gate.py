"""The regression gate: how many instructions each hot path takes, against what it took.

    gate.py BUILD_DIR            compares with baseline.txt; exit 1 when a path has grown
    gate.py BUILD_DIR --renew    writes baseline.txt anew
    (./run check gate and ./run gate --renew build what is needed and call this)

What is counted and why is said in gate.c. LIMIT is far above what remains of chance (0.1 %: the I/O
thread of `read`) and far below what anyone would want to lose.

Another compiler makes other code, so counts of two compilers cannot be compared: the baseline names
its compiler and its processor architecture, and with another one nothing is judged. That is said
loudly and is exit status 77; it is not a pass.

A path that has become cheaper by more than the limit passes, with the advice to renew: or the gain
could be lost again unseen.
"""
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
BASELINE = os.path.join(HERE, "baseline.txt")
LIMIT = 3.0  # per cent
FEW, MANY = 2_000, 102_000  # operations; multiples of every batch
FAILED, USAGE, SKIPPED = 1, 2, 77

HEADER = """\
# Instructions per operation of each hot path; see gate.c. `./run gate --renew` writes this file;
# the commit that renews it says why. Counts are true for this compiler and architecture only.
"""

ADVICE = """\
Where it goes: valgrind --tool=callgrind {bin}/gate_PATH 100000, then callgrind_annotate.
If it is worth it: ./run gate --renew, and say in that commit what was bought with it."""


class GateError(Exception):
    """Nothing can be judged; one line why."""


def run(command):
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=300, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise GateError(f"{command[0]}: {error}") from None
    if done.returncode != 0:
        said = (done.stderr.strip().splitlines() or ["no word"])[-1]
        raise GateError(f"{' '.join(command)}: exit status {done.returncode}: {said}")
    return done


def collected(text):
    """The instructions that callgrind says it has seen."""
    found = re.search(r"Collected : (\d+)", text)
    if not found:
        raise GateError("callgrind does not say how many instructions it has seen")
    return int(found.group(1))


def instructions(program, operations):
    return collected(run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", program,
                          str(operations)]).stderr)


def per_operation(few, many):
    return round((many - few) / (MANY - FEW), 1)


def find_paths(directory):
    """Path -> program, of what has been built."""
    found = {name[len("gate_"):]: os.path.join(directory, name)
             for name in sorted(os.listdir(directory)) if name.startswith("gate_")}
    if not found:
        raise GateError(f"no gate programs in {directory}; build the target `gate`")
    return found


def measure(paths):
    """Path -> instructions per operation."""
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        runs = {(name, count): pool.submit(instructions, program, count)
                for name, program in paths.items() for count in (FEW, MANY)}
        return {name: per_operation(runs[name, FEW].result(), runs[name, MANY].result())
                for name in paths}


def compiler_name(first_line):
    """The first line of --version; gcc begins it with the name by which it was called."""
    return re.sub(r"^\S+ \(", "gcc (", first_line)


def describe(build):
    """What the counts depend on beside our source: (compiler, architecture)."""
    with open(os.path.join(build, "CMakeCache.txt"), encoding="utf-8") as cache:
        found = re.search(r"^CMAKE_C_COMPILER:\w+=(.+)$", cache.read(), re.M)
    if not found:
        raise GateError(f"{build} does not say which compiler it uses")
    said = run([found.group(1), "--version"]).stdout.splitlines() or ["unknown"]
    return compiler_name(said[0]), os.uname().machine


def read_baseline(text):
    """(compiler, architecture, path -> count)."""
    facts, counts = {}, {}
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        key, _, value = line.partition(" ")
        value = value.strip()
        if key in ("compiler", "architecture"):
            facts[key] = value
            continue
        try:
            counts[key] = float(value.split()[0])
        except (ValueError, IndexError):
            raise GateError(f"the baseline has a line that is none: {line}") from None
    if set(facts) != {"compiler", "architecture"} or not counts:
        raise GateError("the baseline is not complete; renew it")
    return facts["compiler"], facts["architecture"], counts


def write_baseline(compiler, architecture, counts, meanings):
    lines = [f"{name:<8} {count:8.1f}   {meanings[name]}" for name, count in counts.items()]
    facts = [f"compiler {compiler}", f"architecture {architecture}"]
    return HEADER + "\n".join(facts + lines) + "\n"


def judge(old, new):
    """(lines for people, what is wrong): every path, the baseline's and the built."""
    lines, wrong = [], []
    for name in sorted(set(old) | set(new)):
        if name not in new:
            wrong.append(f"{name}: in the baseline, but there is no such program")
        elif name not in old:
            wrong.append(f"{name}: {new[name]:.1f} instructions, not in the baseline: renew it")
        else:
            growth = 100 * (new[name] - old[name]) / old[name]
            gain = "  cheaper: renew, or it can be lost unseen" if growth < -LIMIT else ""
            lines.append(f"{name:<8} {new[name]:8.1f}  was {old[name]:8.1f}  {growth:+5.1f} %{gain}")
            if growth > LIMIT:
                wrong.append(f"{name}: {new[name]:.1f} instructions per operation, {growth:.1f} % "
                             f"more than the {old[name]:.1f} of the baseline ({LIMIT:g} % are allowed)")
    return lines, wrong


def check(build, counts):
    compiler, architecture = describe(build)
    with open(BASELINE, encoding="utf-8") as file:
        was_compiler, was_architecture, old = read_baseline(file.read())
    if (compiler, architecture) != (was_compiler, was_architecture):
        print(f"gate: SKIPPED: the baseline is of {was_compiler} on {was_architecture}, this is "
              f"{compiler} on {architecture}: their counts cannot be compared", file=sys.stderr)
        return SKIPPED
    lines, wrong = judge(old, counts())
    print("\n".join(lines))
    for line in wrong:
        print(f"gate: {line}", file=sys.stderr)
    if wrong:
        print(ADVICE.format(bin=os.path.join(build, "bin")), file=sys.stderr)
    return FAILED if wrong else 0


def renew(build, paths, counts):
    meanings = {name: run([program, "what"]).stdout.strip() for name, program in paths.items()}
    text = write_baseline(*describe(build), counts(), meanings)
    with open(BASELINE, "w", encoding="utf-8") as file:
        file.write(text)
    print(text, end="")
    return 0


def main(arguments):
    if len(arguments) not in (1, 2) or arguments[1:] not in ([], ["--renew"]):
        print("usage: gate.py BUILD_DIR [--renew]", file=sys.stderr)
        return USAGE
    build = os.path.abspath(arguments[0])
    try:
        paths = find_paths(os.path.join(build, "bin"))
        if len(arguments) == 2:
            return renew(build, paths, lambda: measure(paths))
        return check(build, lambda: measure(paths))
    except (GateError, OSError) as error:
        print(f"gate: {error}", file=sys.stderr)
        return FAILED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
