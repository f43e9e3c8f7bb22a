"""Reads what the programs print. Anything that is not exactly as agreed is a BadOutput.

Two dialects. sley-bench prints a JSON object per figure (`--json`). A peer prints lines `METRIC
VALUE` and one line `check VALUE`, which any language can do without a library. Both come out as the
same thing: a dictionary of metric name to value, in the row's order.

Strict on purpose: a peer that prints one line too many, a figure that is not a finite number, a
check that is almost right are programs that measure something else than we think.
"""
import json
import math

from rows import Metric


class BadOutput(Exception):
    """One line for people: what was wrong with a program's output."""


def excerpt(text, limit=60):
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 3] + "..."


def number(text, what):
    try:
        value = float(text)
    except (TypeError, ValueError):
        raise BadOutput(f"{what} is not a number: '{excerpt(str(text))}'") from None
    if not math.isfinite(value) or value < 0:
        raise BadOutput(f"{what} cannot be {value}")
    return value


def expect_metrics(row, found):
    """Every metric of the row is there and no other; a row without metrics takes what comes."""
    if not found:
        raise BadOutput("printed no figures")
    if not row.metrics:
        return found
    for metric in row.metrics:
        if metric.name not in found:
            raise BadOutput(f"did not print {metric.name}")
    for name in found:
        if not row.metric(name):
            raise BadOutput(f"printed the unknown figure {name}")
    return {metric.name: found[metric.name] for metric in row.metrics}


def parse_peer(text, row, expected_check):
    """The figures of a peer's run."""
    found = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) != 2:
            raise BadOutput(f"printed garbage: '{excerpt(line)}'")
        if words[0] in found:
            raise BadOutput(f"printed {words[0]} twice")
        found[words[0]] = words[1]
    if not found:
        raise BadOutput("printed no figures")
    check = found.pop("check", None)
    if check is None:
        raise BadOutput("did not print its check")
    if check != str(expected_check):
        raise BadOutput(f"wrong result: check is {excerpt(check)}, not {expected_check}")
    return expect_metrics(row, {name: number(value, name) for name, value in found.items()})


def parse_sley(text, row, bench, workers):
    """The figures of a run of sley-bench, and their metrics as sley-bench describes them."""
    found, metrics = {}, {}
    for line in text.splitlines():
        try:
            entry = json.loads(line)
            name, unit = entry["metric"], entry["unit"]
            place = entry["bench"], entry["workers"]
            value = number(entry["median"], name)
        except (ValueError, KeyError, TypeError):
            raise BadOutput(f"printed garbage: '{excerpt(line)}'") from None
        if place != (bench, workers):
            raise BadOutput(f"printed a figure of {place[0]} with {place[1]} workers")
        known = row.metric(name)
        if known and known.unit != unit:
            raise BadOutput(f"counts {name} in {unit}, not in {known.unit}")
        found[name], metrics[name] = value, known or Metric(name, unit)
    return expect_metrics(row, found), metrics


def parse_list(text):
    """The rows that a peer offers: the first word of each line. sley-bench: with its sentence."""
    rows = {}
    for line in text.splitlines():
        words = line.split(None, 1)
        if words:
            rows[words[0]] = words[1].strip() if len(words) > 1 else ""
    if not rows:
        raise BadOutput("lists no rows")
    return rows
