"""Who steals from whom on machines that are not here, as sley-topology tells it of hwloc's synthetic
ones.

Each worker has to visit each other one once, the near ones first; `check` looks whether that is so of
what the program has printed.
"""
import json
from dataclasses import dataclass, field

import process

MACHINES = (
    ("a laptop", "package:1 l3:1 core:4 pu:2"),
    ("two dies", "package:1 l3:2 core:4 pu:1"),
    ("two sockets", "package:2 numa:1 l3:1 core:4 pu:2"),
    ("a server", "package:2 numa:2 l3:2 core:4 pu:2"),
)
# Nearest first, as sched/topology_report.c names them.
NEAR = ("same processor", "SMT sibling", "same L3", "same NUMA node", "same package", "rest")
SHOWN = 4  # workers of a machine


@dataclass
class Machine:
    name: str
    description: str
    summary: str = ""
    workers: int = 0
    victims: dict = field(default_factory=dict)  # worker -> [(victim, distance)]
    problem: str = None


def read(machine, text):
    """Fills it from what sley-topology --json prints."""
    entry = json.loads(text)
    machine.summary = entry["machine"].split(" (")[0]
    machine.victims = {steal["worker"]: [(victim["worker"], victim["distance"])
                                         for victim in steal["victims"]]
                       for steal in entry["steals"]}
    machine.workers = len(machine.victims)


def check(machine):
    """What is wrong with the orders, or None."""
    everybody = set(machine.victims)
    for worker, victims in machine.victims.items():
        if sorted(number for number, _ in victims) != sorted(everybody - {worker}):
            return f"worker {worker} does not visit each other one once"
        ranks = [NEAR.index(distance) for _, distance in victims if distance in NEAR]
        if len(ranks) < len(victims):
            return f"worker {worker} has a victim at an unknown distance"
        if ranks != sorted(ranks):
            return f"worker {worker} visits a far one before a near one"
    return None


def discover(sley_topology, execute=process.run):
    found = []
    for name, description in MACHINES:
        machine = Machine(name, description)
        run = execute([sley_topology, "--machine", description, "--json"], 60)
        try:
            machine.problem = run.problem
            if not run.problem:
                read(machine, run.output)
                machine.problem = check(machine)
        except (ValueError, KeyError, TypeError):
            machine.problem = "sley-topology printed something else than its JSON"
        found.append(machine)
    return found


def ranges(numbers):
    """2, 3, 4, 7 -> "2-4, 7", in the given order."""
    out = []
    for number in numbers:
        if out and number == out[-1][1] + 1:
            out[-1][1] = number
        else:
            out.append([number, number])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in out)


def order(victims):
    """[(distance, the victims there in their order)], nearest first."""
    groups = {}
    for number, distance in victims:
        groups.setdefault(distance, []).append(number)
    return [(distance, ranges(numbers)) for distance, numbers in groups.items()]


def shown(machine):
    """The workers whose order is shown: the first ones, and the last."""
    workers = sorted(machine.victims)
    return workers if len(workers) <= SHOWN else workers[:SHOWN - 1] + workers[-1:]
