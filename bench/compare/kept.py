"""Reads again what earlier commands have written: for the pages that tell of all of them, and for the
pictures of the gallery.

Each command keeps its figures in build/bench: results.json, cpu-io.json, scaling.json; `./run load`
in build/load/results.json. How and where they were taken stands in the files themselves, or for
results.json, which is a plain list, beside it. What is not there, or is not what it should be, is as
if it had not been measured.
"""
import json
import os
from dataclasses import dataclass, field

import rows
import session
import table
from mix import points
from mix.sweep import SLEY_DESIGNS
from scaling import lines


@dataclass
class Taken:
    """How a set of figures came about."""

    machine: dict = field(default_factory=dict)
    quick: bool = True
    others: float = None  # CPUs that others used meanwhile; None: not known

    def entry(self):
        return {"machine": self.machine, "quick": self.quick, "others": self.others}

    def busy(self):
        return self.others is None or self.others > table.BUSY

    def words(self):
        """One line for below a picture."""
        parts = [self.machine.get(name) for name in ("processor", "system", "kernel", "taken")]
        usable = self.machine.get("usable CPUs")
        parts.insert(1, f"{usable} CPUs" if usable else None)
        if self.machine.get("virtual machine") == "yes":
            parts.insert(1, "virtual machine")
        said = [", ".join(part for part in parts if part) or "machine not known"]
        if self.quick:
            said.append("taken with --quick")
        if self.others is not None and self.busy():
            said.append(f"others used {self.others:.2f} CPUs: not to be trusted")
        return "; ".join(said)


def read(*path):
    """What the JSON file has, or None."""
    try:
        with open(os.path.join(*path), encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError):
        return None


def write_taken(out, facts, quick, others):
    """How results.json came about, beside it."""
    with open(os.path.join(out, "taken.json"), "w", encoding="utf-8") as file:
        json.dump(Taken(dict(facts), quick, others).entry(), file, indent=1)
        file.write("\n")


def taken_of(entry):
    try:
        return Taken(dict(entry["machine"]), bool(entry["quick"]), entry["others"])
    except (KeyError, TypeError, ValueError):
        return Taken()


def results(directory):
    """(list of session.Result, Taken) of a results.json; ([], Taken()) if there is none. A result
    is of three values only: median, minimum and maximum are what was kept."""
    found = []
    try:
        for entry in read(directory, "results.json") or ():
            known = rows.row_of(entry["bench"]).metric(entry["metric"])
            metric = known or rows.Metric(entry["metric"], entry["unit"], entry["better"])
            values = sorted((entry["min"], entry["median"], entry["max"]))
            found.append(session.Result(entry["bench"], entry["peer"], entry["version"],
                                        entry["workers"], metric, [float(v) for v in values],
                                        entry["ratio"]))
    except (KeyError, TypeError, ValueError):
        return [], Taken()
    return found, taken_of(read(directory, "taken.json"))


def mixes(directory):
    """(points.Data, Taken) of cpu-io.json; (None, Taken()) if there is none."""
    kept, data = read(directory, "cpu-io.json"), points.Data(ours=SLEY_DESIGNS)
    try:
        for entry in kept["points"]:
            for run in entry["runs"]:
                data.add(points.Point(entry["share"], entry["clients"]), entry["design"],
                         {name: float(run[name]) for name in points.FIGURES})
        for entry in kept["fell"]:
            data.fell[points.Point(entry["share"], entry["clients"]), entry["design"]] = entry["why"]
    except (KeyError, TypeError, ValueError):
        return None, Taken()
    return (data, taken_of(kept)) if data.runs else (None, Taken())


class Growth:
    """What scaling.json has, as scaling/words.py and scaling/plots.py ask for it."""

    def __init__(self, kept):
        self.subjects = lines.SUBJECTS
        self.totals = {}
        for entry in kept["growth"]:
            self.totals[entry["bench"], entry["metric"], entry["subject"]] = sorted(
                (int(p["n"]), float(p["total"]), float(p["min"]), float(p["max"]))
                for p in entry["points"])

    def points(self, line):
        for subject in self.subjects:
            if line in subject.lines:
                return self.totals.get((line.bench, line.metric, subject.title), [])
        return []


def growth(directory):
    """(Growth, Taken) of scaling.json; (None, Taken()) if there is none."""
    kept = read(directory, "scaling.json")
    try:
        found = Growth(kept)
    except (KeyError, TypeError, ValueError):
        return None, Taken()
    return (found, taken_of(kept)) if found.totals else (None, Taken())
