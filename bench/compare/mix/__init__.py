"""`./run bench cpu-io`: requests that wait and compute, by every design, at every mix.

Read points.py (what is measured), sweep.py (the measuring), words.py (the conclusions; say.py has what
they share, advice.py, settings.py and falls.py parts of them), plots.py and page.py (what is shown).
"""
import json
import os

import machine

from . import page, points, settings as recommended, sweep, words

QUICK_LIMIT = 530  # seconds from the start of the command, building included; a round may end later


def record(work, facts, used):
    """What cpu-io.json keeps."""
    data = work.data
    return {"machine": dict(facts), "quick": work.settings.quick, "others": work.busy(),
            "workers": used.workers, "stall_ms": used.stall_ms, "points": entries(data),
            "fell": [{"share": point.share, "clients": point.clients, "design": design, "why": why}
                     for (point, design), why in data.fell.items()]}


def entries(data):
    """Every counted run's figures."""
    return [{"share": point.share, "clients": point.clients, "cpu_us": point.cpu_us,
             "io_us": point.io_us, "design": design, "runs": runs}
            for (point, design), runs in data.runs.items()]


def run(sley_bench, peers, out, quick, plotter, show, failures, spent=0.0):
    """Measures, prints the conclusions, writes cpu-io.json and cpu-io.html. `spent`: seconds
    that building has taken. True: not interrupted."""
    settings = sweep.Settings(quick=quick, workers=machine.usable_cpus(), rounds=3 if quick else 5,
                              seconds=0.2 if quick else 0.8, timeout=30 if quick else 300,
                              limit=max(QUICK_LIMIT - spent, QUICK_LIMIT / 4) if quick
                              else float("inf"))
    work = sweep.Sweep(sweep.designs(sley_bench, peers), settings, show)
    facts, whole = machine.describe(), True
    used = recommended.environment(settings.workers)
    try:
        work.run()
    except KeyboardInterrupt:
        whole = False
        work.notes.append("interrupted: not all points were measured")
    show.clear()
    for title, lines in words.conclusions(work.data, used):
        print(f"\n{title}")
        for line in lines:
            print(f"  {line}")
    page.write(os.path.join(out, "cpu-io.json"), json.dumps(record(work, facts, used), indent=1) + "\n")
    page.write(os.path.join(out, "cpu-io.html"),
               page.render(work, facts, failures, plotter, used))
    print(f"\nwritten: {os.path.join(out, 'cpu-io.json')}, {os.path.join(out, 'cpu-io.html')}")
    return whole
