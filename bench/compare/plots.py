"""One picture per figure, drawn by gnuplot as SVG, to stand in the page itself.

A dot for each program and number of workers, its minimum and maximum as a whisker, the median and
the ratio to sley in words at the right. Dots and not bars: the slowest peer is often a hundred
times slower, so most axes are logarithmic, and a bar on a logarithmic axis has a length that means
nothing. Programs are sorted, the best on top, so that the order alone can be read.

Colours. The page is read in light and in dark. What gnuplot draws in black becomes `currentColor`,
the text colour of the page; the two other colours are of medium brightness and stand out on both.
gnuplot's fixed ids become unique, since all pictures share one document.

Without gnuplot the page has its tables and says what is missing.
"""
import re
import shutil
import subprocess

import stats
import table

SLEY, PEER, FAINT = "#e8590c", "#4c7fb8", "#888888"
LOGARITHMIC = 8  # times that the largest figure must exceed the smallest
LINE = 19  # pixels per dot
WIDTH = 760


class Plotter:
    def __init__(self, notes, gnuplot=None):
        self.gnuplot = gnuplot or shutil.which("gnuplot")
        self.notes, self.drawn = notes, 0
        if not self.gnuplot:
            notes.append("gnuplot is not installed: the report has no plots")

    def draw(self, results, title):
        """The SVG of one metric of a row, or "" if there is nothing to compare or to draw with."""
        if not self.gnuplot or len({result.peer for result in results}) < 2:
            return ""
        done = subprocess.run([self.gnuplot], input=script(results), capture_output=True, text=True,
                              check=False)
        if done.returncode != 0 or "<svg" not in done.stdout:
            self.notes.append(f"gnuplot could not draw {title}: {done.stderr.strip()[:200]}")
            return ""
        self.drawn += 1
        return inline(done.stdout, f"p{self.drawn}", title)


def order(results):
    """Programs from the best to the worst, by the best of their medians."""
    best = {}
    for result in results:
        median = stats.summarise(result.values)[0]
        key = median if result.metric.better == "less" else -median
        best[result.peer] = min(best.get(result.peer, key), key)
    return sorted(best, key=lambda name: best[name])


def lines(results):
    """The dots from top to bottom: (y, result), y falling; a gap between programs."""
    placed, y = [], 0.0
    for name in order(results):
        mine = sorted((r for r in results if r.peer == name), key=lambda r: r.workers)
        for result in mine:
            placed.append((y, result))
            y -= 1
        y -= 0.55
    return placed


def axis(values):
    """(logarithmic, low, high) so that all values fit, whatever they are."""
    positive = [value for value in values if value > 0]
    if not positive:
        return False, 0, 1
    low, high = min(positive), max(positive)
    if high / low >= LOGARITHMIC and len(positive) == len(values):
        return True, low / 1.6, high * 1.6
    return False, 0, high * 1.06


def words(result):
    """What stands at the right of a dot."""
    median = stats.summarise(result.values)[0]
    text = f"{table.figure(median)} {result.metric.unit}"
    if result.peer == "sley":
        return text
    return text + ("" if result.ratio is None else f"   {table.times(result.ratio)}\u00d7")


def quote(text):
    return "'" + text.replace("'", "''").replace("\n", " ") + "'"


def series(placed, chosen):
    return [(y, *stats.summarise(result.values)) for y, result in placed if chosen(result)]


def block(name, rows):
    body = "\n".join(" ".join(f"{value:.9g}" for value in row) for row in rows)
    return f"${name} << EOD\n{body}\nEOD\n"


def labels(placed):
    """Names at the left, one per program, and figures at the right, one per dot."""
    texts, seen = [], {}
    several = len({result.workers for _, result in placed}) > 1
    for y, result in placed:
        seen.setdefault(result.peer, []).append(y)
        count = f"{result.workers}w   " if several else ""
        texts.append(f"set label {quote(count + words(result))} at graph 1.015, first {y:.3f} "
                     "left font ',11.5'")
    for name, ys in seen.items():
        colour = f" tc rgb '{SLEY}'" if name == "sley" else ""
        texts.append(f"set label {quote(name)} at graph -0.015, first {sum(ys) / len(ys):.3f} "
                     f"right{colour}")
    return "unset ytics\n" + "\n".join(texts) + "\n"


def script(results):
    """What gnuplot is told."""
    placed = lines(results)
    first = min(result.workers for result in results)
    every = [value for _, result in placed for value in stats.summarise(result.values)]
    logarithmic, low, high = axis(every)
    height = int(LINE * (2 - min(y for y, _ in placed)) + 40)
    kinds = [("sley", True), ("peer", False)]
    text = (f"set terminal svg size {WIDTH},{height} dynamic noenhanced font 'Arial,12.5' "
            "linewidth 1\n")
    draws = [f"$all using (lo):1:(($2)-(lo)):(0) with vectors nohead lc rgb '{FAINT}' "
             "lw 0.5 dt (1,4)"]
    text += block("all", series(placed, lambda r: True))
    for kind, ours in kinds:
        colour = SLEY if ours else PEER
        for many in (False, True):
            name = f"{kind}{'N' if many else '1'}"
            rows = series(placed, lambda r, o=ours, m=many: (r.peer == "sley") == o
                          and (r.workers > first) == m)
            if not rows:
                continue
            text += block(name, rows)
            draws.append(f"${name} using 3:1:($4-$3):(0) with vectors nohead "
                         f"lc rgb '{colour}' lw 2")
            draws.append(f"${name} using 2:1 with points pt {6 if many else 7} ps 0.75 "
                         f"lc rgb '{colour}' lw 2")
    text += f"lo = {low:.9g}\nset xrange [{low:.9g}:{high:.9g}]\n"
    text += f"set yrange [{min(y for y, _ in placed) - 0.9:.3f}:0.9]\n"
    text += "set logscale x\n" if logarithmic else ""
    text += "set format x '%g'\nset border 1 lw 0.8\nset xtics out nomirror scale 0.6\n"
    text += f"set grid xtics lc rgb '{FAINT}' lw 0.4 dt (2,4)\nunset key\n"
    text += "set lmargin 13\nset rmargin 25\nset tmargin 0.3\nset bmargin 2.2\n"
    return text + labels(placed) + "plot " + ", \\\n     ".join(draws) + "\n"


def inline(svg, prefix, title):
    """gnuplot's document as an element of the page."""
    svg = svg[svg.index("<svg"):]
    svg = re.sub(r"<title>.*?</title>|<desc>.*?</desc>", "", svg, flags=re.S)
    svg = re.sub(r"<filter .*?</filter>", "", svg, flags=re.S)
    svg = re.sub(r'<rect x="0" y="0" [^>]*fill="none"/>', "", svg)
    used = set(re.findall(r"xlink:href='#(gpPt\d+|gpDot)'", svg))
    svg = re.sub(r"\t*<(circle|path|rect|use) [^>]*\bid='(gp\w+)'[^>]*/>\n",
                 lambda found: found.group(0) if found.group(2) in used else "", svg)
    svg = re.sub(r"(id='gp\w+' stroke-width=)'[\d.]+'", r"\1'0.5'", svg)  # rings, not hairlines
    svg = re.sub(r"\bid=(['\"])", rf"id=\1{prefix}-", svg)
    svg = svg.replace("href='#", f"href='#{prefix}-").replace("url(#", f"url(#{prefix}-")
    svg = re.sub(r"rgb\( *(\d+), *(\d+), *(\d+)\)", r"rgb(\1,\2,\3)", svg)
    svg = re.sub(r"(['\"])black\1", r"\1currentColor\1", svg)
    svg = re.sub(r' ?font-family="[^"]*"', "", svg)
    count = 1
    while count:  # groups in which nothing is drawn
        svg, count = re.subn(r"<g [^>]*>\s*</g>\n?", "", svg)
    return svg.replace("<svg", f'<svg role="img" aria-label="{title}"', 1)
