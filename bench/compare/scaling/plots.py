"""The pictures: total cost over number, both logarithmic, so that a power is a straight line.

Each line has its name and its exponent at its right end. The dotted line is what linear looks like.
"""
import subprocess

import plots as common
from mix.plots import position, spread

from . import words

COLOURS = ("#e8590c", "#4c7fb8", "#3a9d6e", "#8a63b8", "#a8893a", "#2aa3b8")
WIDTH, HEIGHT = 760, 320


def reference(rows):
    """Ends of a line of slope 1 through the last point of the first line."""
    numbers = [row[0] for line in rows for row in line]
    n, cost = rows[0][-1][:2]
    return [(end, cost * end / n) for end in (min(numbers), max(numbers))]


def head(subject, rows, unit):
    values = [row[1] for line in rows for row in line]
    numbers = [row[0] for line in rows for row in line]
    low, high = min(values) / 1.5, max(values) * 1.5
    letter = "s" if unit == "ns" else "B"
    text = (f"set terminal svg size {WIDTH},{HEIGHT} dynamic noenhanced font 'Arial,12.5' linewidth 1\n"
            f"set logscale xy\nset yrange [{low:.9g}:{high:.9g}]\n"
            f"set xrange [{min(numbers) / 1.3:.9g}:{max(numbers) * 1.3:.9g}]\nunset key\n"
            f"set format y '%.0s %c{letter}'\nset format x '%.0s %c'\nset border 3 lw 0.8\n"
            "set xtics out nomirror scale 0.6\nset ytics out nomirror scale 0.6\n"
            f"set xlabel {common.quote(subject.name)}\n"
            f"set grid lc rgb '{common.FAINT}' lw 0.4 dt (2,4)\n"
            "set lmargin 10\nset rmargin 42\nset tmargin 0.6\nset bmargin 3.2\n")
    return text, low, high


def script(data, subject, lines):
    """What gnuplot is told; lines have at least two points each that are above zero."""
    seconds = 1e-9 if lines[0].unit == "ns" else 1.0
    rows = [[(n, *(max(v, 1e-12) * seconds for v in found)) for n, *found in data.points(line)
             if found[0] > 0] for line in lines]
    text, low, high = head(subject, rows, lines[0].unit)
    heights = spread([position(max(row[-1][1], low), low, high) for row in rows], 0.02, 0.98, 0.06)
    text += common.block("linear", reference(rows))
    draws = [f"$linear using 1:2 with lines lc rgb '{common.FAINT}' lw 1 dt (1,3)"]
    for number, (line, row) in enumerate(zip(lines, rows)):
        colour = COLOURS[number % len(COLOURS)]
        label = f"{line.title}  {words.power(words.fitted(data, line).upper)}"
        text += common.block(f"l{number}", row)
        text += (f"set label {common.quote(label)} at graph 1.02, graph {heights[number]:.3f} left "
                 f"tc rgb '{colour}' font ',11'\n")
        draws.append(f"$l{number} using 1:2 with linespoints pt 7 ps 0.45 lw 1.8 lc rgb '{colour}'")
        draws.append(f"$l{number} using 1:3:(0):($4-$3) with vectors nohead lw 1.2 "
                     f"lc rgb '{colour}'")
    return text + "plot " + ", \\\n     ".join(draws) + "\n"


def drawable(data, subject):
    return [line for line in subject.lines
            if len([row for row in data.points(line) if row[1] > 0]) >= 2]


def draw(plotter, data, subject):
    """The SVG, or "" without gnuplot or anything to draw."""
    lines = drawable(data, subject)
    if not plotter.gnuplot or not lines:
        return ""
    title = f"{subject.title}: cost of all over their number"
    done = subprocess.run([plotter.gnuplot], input=script(data, subject, lines), capture_output=True,
                          text=True, check=False)
    if done.returncode != 0 or "<svg" not in done.stdout:
        plotter.notes.append(f"gnuplot could not draw {title}: {done.stderr.strip()[:200]}")
        return ""
    plotter.drawn += 1
    return common.inline(done.stdout, f"s{plotter.drawn}", title)
