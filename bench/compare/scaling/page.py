"""The page: build/bench/scaling.html, in the style of the report.

First whether anything grows faster than it may; then how each cost grows, in a picture, a sentence
and all figures; then what more workers bring; then who steals from whom on other machines.
"""
import report
import table

from . import fit, machines, words, workers

ABOUT = f"""<p>The same rows of sley-bench with ever more of what each is about, on one worker; rounds in
turns over all sizes, the first one discarded, medians of the rest. Over the number of items the total
cost is a power of it: the exponent is the slope of a straight line through the logarithms, by least
squares, of the fastest rounds: over all sizes, over their upper half, where the start of a runtime
hides nothing any more, and over the last decade, where something that is beginning is seen first. How
straight the line is tell the slopes between neighbouring sizes of the upper half. 1.00 is linear; a line
above {fit.LIMIT:g} in the upper half or {fit.END_LIMIT:g} in the last decade is marked. Below that
stays what caches do: an item that has to come from memory costs several times one that does not.</p>"""

WORKERS = """<p>Every row with 1 worker and more. Where a fixed amount of work is divided among the
workers, the efficiency is the speed-up divided by their number; where each worker has its own, it is
how much of its pace a worker keeps beside the others. Rows without one are latencies, costs, or work
that all do at one object: there more workers are not meant to make it less.</p>"""

MACHINES = """<p>Made-up machines, as hwloc describes them: which workers a worker visits when it has
nothing to do, in that order, the nearest first; sley-topology tells it. Checked here: each worker
visits each other one once, and no far one before a near one.</p>"""


def warnings(work, quick):
    found = []
    if work.busy() > table.BUSY:
        found.append(f"Other programs used {work.busy():.2f} CPUs while this was measured. Do not "
                     "trust these figures; repeat them on a quiet machine.")
    if quick:
        found.append("Taken with --quick: fewer sizes, the largest ones left out. Good for a first "
                     "look.")
    return "".join(f'<p class="warn">{report.text(line)}</p>' for line in found)


def marked(work):
    """The defects, with what is known of each."""
    items = ""
    for subject, line in words.defects(work):
        known = f" {line.known}" if line.known else " Not explained: a defect."
        items += (f"<li><b>{report.text(subject.title)}, {report.text(line.title)}</b>: power "
                  f"{words.upper_powers(words.fitted(work, line))}.{report.text(known)}</li>")
    return f"<h2>Faster than linear</h2><ul>{items}</ul>" if items else ""


def glance(work):
    """Every line in one table."""
    left = {"of", "cost", "verdict"}
    names = ("of", "cost", "from", "to", "power", "upper half", "neighbours there",
             "last decade", "one, first", "one, last", "verdict")
    body = ""
    for subject, line in words.lines_of(work):
        points = work.points(line)
        found, said = words.fitted(work, line), words.verdict(work, line)
        local = " to ".join(words.power(slope) for slope in found.local) if found.local else "?"
        first, last = points[0], points[-1]
        cells = (subject.title, line.title, f"{first[0]:,}", f"{last[0]:,}",
                 words.power(found.overall), words.power(found.upper), local, words.power(found.end),
                 words.figure(first[1] / first[0], line.unit),
                 words.figure(last[1] / last[0], line.unit), said)
        bad = said in (words.FASTER, words.AT_END)
        shade = ' style="background:rgba(var(--behind),.3)"' if bad else ""
        body += report.row([report.cell("td", report.text(cell), "l" if name in left else "",
                                        shade if name == "verdict" else "")
                            for name, cell in zip(names, cells)])
    return report.wide([report.cell("th", name, "l" if name in left else "") for name in names],
                       body)


def figures(work, subject):
    names = ("cost", "number", "one: median", "min", "max", "all")
    body = ""
    for line in subject.lines:
        for n, median, low, high in work.points(line):
            cells = [line.title, f"{n:,}"]
            cells += [words.figure(value / n, line.unit) for value in (median, low, high)]
            cells.append(words.figure(median, line.unit))
            body += report.row([report.cell("td", report.text(cell), "l" if i == 0 else "")
                                for i, cell in enumerate(cells)])
    table_text = report.wide([report.cell("th", name, "l" if name == "cost" else "")
                              for name in names], body)
    return f"<details><summary>All figures</summary>{table_text}</details>"


def growth(work, plotter, draw):
    out = ""
    for subject in work.subjects:
        said = [text for line in subject.lines if (text := words.growth(work, subject, line))]
        if not said:
            continue
        items = "".join(f"<li>{report.text(text)}</li>" for text in said)
        picture = draw(plotter, work, subject)
        drawn = f'<div class="wide plot">{picture}</div>' if picture else ""
        out += f"<h3>{report.text(subject.title)}</h3>{drawn}<ul>{items}</ul>{figures(work, subject)}"
    return f"<h2>How cost grows</h2>{glance(work)}{out}" if out else ""


def worker_cell(cells, n):
    if n not in cells:
        return report.cell("td", "\u2013")
    value, efficiency = cells[n]
    beside = "" if efficiency is None or n == 1 else f" <small>{efficiency:.2f}</small>"
    return report.cell("td", table.figure(value) + beside)


def shared_work(results):
    rows = workers.table(results)
    if not rows:
        return ""
    counts = sorted({n for *_, cells in rows for n in cells})
    head = [report.cell("th", name, "l") for name in ("row", "figure", "unit", "kind")]
    head += [report.cell("th", f"{n}w") for n in counts]
    titles = {"shared": "divided", "worker": "per worker", "itself": ""}
    body = ""
    for bench, metric, unit, kind, cells in rows:
        body += report.row([report.cell("td", report.text(text), "l")
                            for text in (bench, metric, unit, titles[kind])]
                           + [worker_cell(cells, n) for n in counts])
    return ("<h2>More workers</h2>" + WORKERS + "<p>Median, and the efficiency beside it.</p>"
            + report.wide(head, body))


def other_machines(found):
    if not found:
        return ""
    head = [report.cell("th", name, "l") for name in ("machine", "worker", "steals from")]
    body = ""
    for machine in found:
        title = f"{report.text(machine.name)}<br><small>{report.text(machine.description)}</small>"
        if machine.problem:
            body += report.row([report.cell("td", title, "l"), report.cell("td", ""),
                                report.cell("td", report.text(machine.problem), "t")])
            continue
        for number, worker in enumerate(machines.shown(machine)):
            order = "; ".join(f"<small>{report.text(distance)}:</small> {victims}" for
                              distance, victims in machines.order(machine.victims[worker]))
            body += report.row([report.cell("td", title if number == 0 else "", "l"),
                                report.cell("td", f"{worker} of {machine.workers}", "l"),
                                report.cell("td", order, "t")])
    return "<h2>Other machines</h2>" + MACHINES + report.wide(head, body)


def render(work, results, others, facts, problems, quick, plotter, draw):
    items = "".join(f"<dt>{report.text(name)}</dt><dd>{report.text(value)}</dd>"
                    for name, value in facts)
    first = words.summary(work)
    body = (warnings(work, quick) + (f"<p class=lead>{report.text(first)}</p>" if first else "")
            + marked(work) + ABOUT + growth(work, plotter, draw) + shared_work(results)
            + other_machines(others))
    lines = "".join(f"<li>{report.text(line)}</li>" for line in problems)
    return ('<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width,initial-scale=1">'
            f"<title>How sley scales</title><style>{report.STYLE}</style></head><body>\n"
            "<h1>How cost grows, and what more workers bring</h1>" + body
            + (f"<h2>What failed or was left out</h2><ul>{lines}</ul>" if lines else "")
            + f"<h2>The machine</h2><dl>{items}</dl></body></html>\n")
