"""The page of conclusions: build/bench/cpu-io.html, in the style of the report.

First what to do, then the pictures, then every sentence, then every figure.
"""
import os

import report
import table

from . import plots, words

ABOUT = """<p>A request takes a millisecond when nobody else is there: it waits, then computes for a
part of that time. All clients are there before the first request, each issues its next one at the
moment of the last answer, and none ends before the last request is issued: what a client stands in
a queue is in its latencies. No request is answered before its time, in any design; both are checked
in each run. Each design answers the same requests on the same machine, one process per measurement,
round by round in turns, the first round discarded; medians of the rest. Computing is by processor
time, so a slow language has no more to compute than a fast one: what is compared is how a design
mixes computing and waiting. Where requests wait for nothing, a client that is a task, goroutine or
coroutine gives way after each.</p>"""

DESIGNS = {
    "tasks": "sley: a task per client, which computes where it is",
    "tasks+threads": "sley: a task per client, computing on the blocking pool's threads",
    "tasks+processes": "sley: a task per client, computing in a process pool",
    "loop": "one event loop on one thread (libuv, with a timerfd for exact waits)",
    "threads": "a kernel thread per client",
    "processes": "up to 128 processes that each wait and compute",
    "go": "a goroutine per client",
    "asyncio": "Python: a coroutine per client, which computes where it is",
    "asyncio+threads": "Python: coroutines, computing in a thread pool",
    "asyncio+processes": "Python: coroutines, computing in a process pool",
}


def pictures(data, plotter):
    out = ""
    for clients in sorted({point.clients for point in data.points()}):
        out += f"<h2>{clients:,} client{'' if clients == 1 else 's'}</h2>"
        for figure in ("requests_per_s", "p99_us", "p50_us", "max_us"):
            picture = plots.draw(plotter, data, clients, figure)
            if picture:
                out += (f"<h3>{report.text(plots.TITLES[figure])}</h3>"
                        f'<div class="wide plot">{picture}</div>')
    return out


def sentences(data, used):
    out = ""
    for title, lines in words.conclusions(data, used):
        items = "".join(f"<li>{report.text(line)}</li>" for line in lines)
        out += f"<h2>{report.text(title)}</h2><ul>{items}</ul>"
    return out


def figures(data):
    head = [report.cell("th", name, "l" if name in ("design",) else "") for name in
            ("clients", "computing", "design", "requests/s", "p50 us", "p99 us", "max us", "CPU s")]
    body = ""
    for point in sorted(data.points(), key=lambda p: (p.clients, p.share)):
        for design in sorted(data.designs(point),
                             key=lambda d: -data.median(point, d, "requests_per_s")):
            cells = [report.cell("td", f"{point.clients:,}"), report.cell("td", f"{point.share} %"),
                     report.cell("td", report.text(design), "l")]
            cells += [report.cell("td", table.figure(data.median(point, design, name)))
                      for name in ("requests_per_s", "p50_us", "p99_us", "max_us", "cpu_s")]
            body += report.row(cells, "sley" if design in data.ours else "")
    return f"<details><summary>All figures</summary>{report.wide(head, body)}</details>"


def render(sweep, facts, failures, plotter, used=None):
    data, warnings = sweep.data, []
    if sweep.busy() > table.BUSY:
        warnings.append(f"Other programs used {sweep.busy():.2f} CPUs while this was measured. Do not "
                        "trust these figures; repeat them on a quiet machine.")
    if sweep.settings.quick:
        warnings.append("Taken with --quick: few points, short runs. Good for a first look.")
    items = "".join(f"<dt>{report.text(name)}</dt><dd>{report.text(value)}</dd>"
                    for name, value in facts)
    who = "".join(f"<dt>{report.text(name)}</dt><dd>{report.text(DESIGNS.get(name, ''))}</dd>"
                  for name in data.designs())
    drawn = pictures(data, plotter)
    return ('<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width,initial-scale=1">'
            f"<title>Computing and waiting</title><style>{report.STYLE}</style></head><body>\n"
            "<h1>Computing and waiting: which design?</h1>"
            + "".join(f'<p class="warn">{report.text(line)}</p>' for line in warnings)
            + ABOUT + f"<dl>{who}</dl>" + sentences(data, used) + drawn + figures(data)
            + "".join(f'<p class="warn">{report.text(line)}</p>' for line in failures + sweep.notes)
            + f"<h2>The machine</h2><dl>{items}</dl></body></html>\n")


def write(path, content):
    """Whole or not at all."""
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write(content)
    os.replace(path + ".new", path)
