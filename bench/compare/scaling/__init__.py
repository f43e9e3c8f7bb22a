"""`./run bench scaling`: how the cost of everything grows with its number, and what more workers
bring.

Read lines.py (what is measured), measure.py (the measuring), fit.py (the exponent), words.py (what is
said of it), workers.py (efficiency), machines.py (steal orders elsewhere), plots.py and page.py (what
is shown).
"""
import json
import os

import machine
import session
import table
from mix.page import write

from . import lines, machines, measure, page, plots, words, workers

# Seconds; together with what a build takes they end within ten minutes.
QUICK_GROWTH, QUICK_WORKERS = 240, 240


def entries(work, results, others, facts=()):
    """What scaling.json keeps."""
    growth = []
    for subject, line in words.lines_of(work):
        found = words.fitted(work, line)
        growth.append({"subject": subject.title, "of": subject.name, "cost": line.title,
                       "bench": line.bench, "metric": line.metric, "unit": line.unit,
                       "exponent": found.overall, "exponent_upper_half": found.upper,
                       "exponent_neighbours": found.local, "exponent_last_decade": found.end,
                       "verdict": words.verdict(work, line),
                       "points": [{"n": n, "total": median, "min": low, "max": high}
                                  for n, median, low, high in work.points(line)]})
    efficiency = [{"bench": bench, "metric": metric, "unit": unit, "kind": kind,
                   "workers": [{"workers": n, "median": value, "efficiency": efficiency}
                               for n, (value, efficiency) in cells.items()]}
                  for bench, metric, unit, kind, cells in workers.table(results)]
    steals = [{"machine": m.name, "description": m.description, "problem": m.problem,
               "victims": {str(worker): [number for number, _ in victims]
                           for worker, victims in m.victims.items()}} for m in others]
    return {"machine": dict(facts), "quick": work.quick, "others": work.busy(), "growth": growth,
            "workers": efficiency, "steals": steals}


def run_workers(sley, quick, durations, show):
    """A session of sley alone, over numbers of workers. It may be interrupted."""
    benches = [name for name in sley.offers if name not in workers.ALONE]
    options = session.Options(quick=quick, rounds=3 if quick else 5, timeout=20 if quick else 300,
                              limit=QUICK_WORKERS if quick else None)
    return session.Session([sley], benches, workers.counts(machine.usable_cpus()), options,
                           durations, show)


def tell(work, results, others):
    """The tables on the terminal."""
    first = words.summary(work)
    print("\nHow cost grows, on one worker" + (f"\n  {first}" if first else ""))
    for subject, line in words.lines_of(work):
        text = words.growth(work, subject, line)
        if text:
            print(f"  {text}")
    print("\nMore workers: median, and efficiency")
    for bench, metric, unit, _, cells in workers.table(results):
        shown = "  ".join(f"{n}w {value:.4g}" + ("" if e is None or n == 1 else f" ({e:.2f})")
                          for n, (value, e) in cells.items())
        print(f"  {bench:<17}{metric:<24}{unit:<9}{shown}")
    print("\nWho steals from whom on other machines: worker 0")
    for other in others:
        text = other.problem or "; ".join(f"{distance}: {victims}" for distance, victims in
                                          machines.order(other.victims[0]))
        print(f"  {other.name:<14}{other.description:<36}{text}")


def run(sley, out, quick, plotter, durations, show, problems):
    """Measures, prints the tables, writes scaling.json and scaling.html. True: not interrupted;
    what has failed is appended to `problems`."""
    facts = machine.describe()
    beside = os.path.join(os.path.dirname(sley.path), "sley-topology")
    others = machines.discover(beside)
    work = measure.Growth(sley.path, lines.SUBJECTS, quick, 3 if quick else 5, 30 if quick else 300,
                          QUICK_GROWTH if quick else float("inf"), show)
    whole, by_workers = True, None
    try:
        work.run()
        by_workers = run_workers(sley, quick, durations, show)
        by_workers.run(lambda results: None)
    except KeyboardInterrupt:
        whole = False
        work.notes.append("interrupted: not all was measured")
    show.clear()
    durations.save()
    results = by_workers.results if by_workers else []
    tell(work, results, others)
    problems += [f"{bench} with {n:,}: {why}" for (bench, n), why in work.fell.items()]
    problems += [f"{other.name}: {other.problem}" for other in others if other.problem]
    problems += by_workers.failures if by_workers else []
    left_out = problems + work.notes + (table.gather(by_workers.notes) if by_workers else [])
    write(os.path.join(out, "scaling.json"),
          json.dumps(entries(work, results, others, facts), indent=1, allow_nan=False) + "\n")
    write(os.path.join(out, "scaling.html"),
          page.render(work, results, others, facts, left_out, quick, plotter, plots.draw))
    print(f"\nwritten: {os.path.join(out, 'scaling.json')}, {os.path.join(out, 'scaling.html')}")
    return whole
