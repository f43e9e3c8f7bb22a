"""The pictures: throughput and latency over the share of computing, a line for each design.

One picture for each number of clients and figure. The designs of sley have one colour in three
shades of line, the others have theirs, and each line has its name at its right end, so that nobody
looks back and forth to a legend.
"""
import subprocess

import plots as common

TITLES = {"requests_per_s": "requests/s", "p50_us": "p50, us", "p99_us": "p99, us",
          "max_us": "longest, us"}
COLOURS = {"tasks": "#e8590c", "tasks+threads": "#f08c4a", "tasks+processes": "#b8480a",
           "loop": "#4c7fb8", "threads": "#3a9d6e", "processes": "#8a63b8", "go": "#2aa3b8",
           "asyncio": "#a8893a", "asyncio+threads": "#8f7a52", "asyncio+processes": "#6e6a5a"}
WIDTH, HEIGHT = 760, 340


def lines(data, clients, figure):
    """design -> [(share, median, min, max)], for those that have any."""
    found = {}
    for point in data.points():
        if point.clients != clients:
            continue
        for design in data.designs(point):
            values = [run[figure] for run in data.runs[point, design]]
            found.setdefault(design, []).append(
                (point.share, data.median(point, design, figure), min(values), max(values)))
    return {design: sorted(rows) for design, rows in found.items()}


def spread(values, low, high, gap):
    """Moves the heights of labels (0 to 1) apart by at least `gap`, keeping their order."""
    order = sorted(range(len(values)), key=lambda i: values[i])
    placed, floor = [0.0] * len(values), low
    for i in order:
        placed[i] = max(values[i], floor)
        floor = placed[i] + gap
    over = floor - gap - high
    if over > 0:
        ceiling = high
        for i in reversed(order):
            placed[i] = min(placed[i], ceiling)
            ceiling = placed[i] - gap
    return placed


def position(value, low, high):
    import math
    return math.log(value / low) / math.log(high / low) if high > low else 0.5


def script(rows, figure):
    values = [max(row[1], 1e-9) for line in rows.values() for row in line]
    low, high = min(values) / 1.4, max(values) * 1.4
    names = list(rows)
    heights = spread([position(max(rows[n][-1][1], 1e-9), low, high) for n in names], 0.02, 0.98, 0.055)
    text = (f"set terminal svg size {WIDTH},{HEIGHT} dynamic noenhanced font 'Arial,12.5' linewidth 1\n"
            f"set logscale y\nset yrange [{low:.9g}:{high:.9g}]\nset xrange [-2:102]\nunset key\n"
            "set format y '%g'\nset border 3 lw 0.8\nset xtics out nomirror 0,10,100 scale 0.6\n"
            "set ytics out nomirror scale 0.6\nset xlabel 'computing, % of a request'\n"
            f"set grid lc rgb '{common.FAINT}' lw 0.4 dt (2,4)\n"
            "set lmargin 11\nset rmargin 19\nset tmargin 0.6\nset bmargin 3.2\n")
    draws = []
    for number, name in enumerate(names):
        colour = COLOURS.get(name, common.PEER)
        text += common.block(f"l{number}", rows[name])
        text += (f"set label {common.quote(name)} at graph 1.02, graph {heights[number]:.3f} left "
                 f"tc rgb '{colour}' font ',11.5'\n")
        width = 2.6 if name in ("tasks", "tasks+threads", "tasks+processes") else 1.4
        draws.append(f"$l{number} using 1:2 with linespoints pt 7 ps 0.45 lw {width} "
                     f"lc rgb '{colour}'")
    return text + "plot " + ", \\\n     ".join(draws) + "\n"


def draw(plotter, data, clients, figure):
    """The SVG, or "" without gnuplot or anything to draw."""
    rows = lines(data, clients, figure)
    if not plotter.gnuplot or not rows:
        return ""
    title = f"{TITLES[figure]} over the share of computing, {clients} clients"
    done = subprocess.run([plotter.gnuplot], input=script(rows, figure), capture_output=True,
                          text=True, check=False)
    if done.returncode != 0 or "<svg" not in done.stdout:
        plotter.notes.append(f"gnuplot could not draw {title}: {done.stderr.strip()[:200]}")
        return ""
    plotter.drawn += 1
    return common.inline(done.stdout, f"m{plotter.drawn}", title)
