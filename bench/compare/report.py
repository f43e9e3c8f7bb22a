"""The page: one file that needs nothing else, in light and in dark.

What a reader wants to know, in that order: who is ahead, by how much, in what; whether the figures
can be trusted; then each row with its sentence, its picture and all its figures; then who took part
and how, who did not and why; and on which machine.
"""
import html
import math
import os

import stats
import table

STYLE = """
:root{color-scheme:light dark;--ink:#1c1e21;--soft:#5d646c;--paper:#fcfcfb;--rule:#d9dcdf;
--ahead:46,140,80;--behind:205,60,40;--sley:#c2480a;--warn:#fff1d6}
@media(prefers-color-scheme:dark){:root{--ink:#e4e6e8;--soft:#9ca3ab;--paper:#16181a;--rule:#34393e;
--ahead:64,170,104;--behind:225,86,66;--sley:#ff8a4c;--warn:#42351a}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:64rem;padding:2rem 1.2rem 4rem;background:var(--paper);
color:var(--ink);
font:16px/1.5 system-ui,-apple-system,"Segoe UI","Liberation Sans",Arial,sans-serif}
h1{font-size:1.9rem;line-height:1.2;margin:0 0 .3rem}
h2{font-size:1.3rem;margin:2.8rem 0 .2rem;padding-top:.6rem;border-top:1px solid var(--rule)}
h3{font-size:1rem;margin:1.4rem 0 .2rem;font-weight:600}
p{margin:.4rem 0 .8rem;max-width:46rem}
.soft,h3 span,small{color:var(--soft);font-weight:400}
.warn{background:var(--warn);padding:.6rem .9rem;border-radius:6px;max-width:none}
.lead{font-size:1.1rem}
.wide{overflow-x:auto;margin:.6rem 0}
table{border-collapse:collapse;font-size:.86rem;font-variant-numeric:tabular-nums}
th,td{padding:.22rem .6rem;text-align:right;border-bottom:1px solid var(--rule);white-space:nowrap}
th{color:var(--soft);font-weight:600}
th.l,td.l{text-align:left}
td.t{text-align:left;white-space:normal;min-width:12rem}
tr.sley td{color:var(--sley);font-weight:600}
.glance th,.glance td{padding:.22rem .5rem}
.glance td.r{min-width:3.8rem}
details{margin:.3rem 0 1rem}
summary{cursor:pointer;color:var(--soft);font-size:.9rem}
svg{width:100%;min-width:36rem;max-width:50rem;height:auto;display:block;font-family:inherit}
.key{font-size:.85rem;color:var(--soft)}
.key b{color:#e8590c}.key i{color:#4c7fb8;font-style:normal;font-weight:600}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.15rem 1.2rem;margin:.6rem 0}
dt{color:var(--soft)}dd{margin:0}
@media print{body{max-width:none}details>*{display:revert}}
"""

HOW = """
<p>Every program does the same work, one process per measurement. The programs of a row run one
after the other, round by round, so that what disturbs the machine disturbs everybody; the first
round is discarded. Each prints what it has done, and a wrong result is a failure, never a figure. Memory is
warmed before each run in the same way for all.</p>
<p><b>Ratio</b>: how many times better sley's median is in that row; above 1 sley is ahead,
whichever way better points. <b>cpus</b>: CPUs that the program and its children used on
average, from start to end. <b>others</b>: CPUs that everybody else on the machine used meanwhile: if it is not near 0, the
figures are not to be trusted. Absolute times move from machine to machine; compare ratios of one
run.</p>
"""


class Page:
    """What the page is about. extra: sections of its own, before those who took part."""

    title, how, extra = "sley beside its peers", HOW, ""

    def __init__(self, facts, run, failures, notes, quick):
        self.facts, self.results, self.programs = facts, run.results, run.programs
        self.why = run.programs[0].offers
        self.failures, self.notes, self.quick = failures, notes, quick


def text(value):
    return html.escape(str(value))


def linked(value):
    """Text in which addresses can be followed."""
    return " ".join(f'<a href="{text(word)}">{text(word.split("//", 1)[1].split("/")[0])}</a>'
                    if word.startswith(("https://", "http://")) else text(word)
                    for word in value.split())


def unique(values):
    return list(dict.fromkeys(values))


def tint(ratio):
    """The background of a ratio: green ahead, red behind, stronger with the distance."""
    if ratio is None or ratio <= 0:
        return ""
    strength = min(abs(math.log10(ratio)) / 1.6, 1) * 0.5 + 0.07
    colour = "--ahead" if ratio > 1 else "--behind"
    return f' style="background:rgba(var({colour}),{strength if ratio != 1 else 0:.2f})"'


def classed(names):
    return f' class="{names}"' if names else ""


def cell(kind, value, classes="", extra=""):
    return f"<{kind}{classed(classes)}{extra}>{value}</{kind}>"


def row(cells, classes=""):
    return f"<tr{classed(classes)}>{''.join(cells)}</tr>\n"


def wide(head, body, classes=""):
    return (f'<div class="wide"><table class="{classes}"><thead>{row(head)}</thead><tbody>\n{body}'
            "</tbody></table></div>\n")


def lead(results):
    ahead, compared = table.standing(results)
    if not compared:
        return "<p class=lead>Nothing to compare with in this run.</p>"
    ratios = [r.ratio for r in results if r.peer != "sley" and r.ratio]
    middle, low, high = stats.summarise(ratios)
    peers = len(unique(r.peer for r in results if r.peer != "sley"))
    return (f"<p class=lead>sley is ahead in <b>{ahead} of {compared}</b> comparisons with {peers} "
            f"other system{'' if peers == 1 else 's'}; the median ratio is <b>{table.times(middle)}"
            f"</b>, from {table.times(low)} to {table.times(high)}.</p>")


def warnings(page):
    found = []
    busy = table.busiest(page.results)
    if busy > table.BUSY:
        found.append(f"Other programs used up to {busy:.2f} CPUs while this was measured. Do not "
                     "trust these figures; repeat them on a quiet machine.")
    if page.quick:
        found.append("Taken with --quick: smaller sizes, 3 rounds. Good for a first look.")
    if page.failures:
        found.append("Something failed; see the end of the page.")
    return "".join(f'<p class="warn">{text(line)}</p>' for line in found)


def glance(results):
    """Every ratio on one screen: figures down, peers across."""
    peers = sorted(unique(r.peer for r in results if r.peer != "sley"))
    if not peers:
        return ""
    head = [cell("th", name, "l") for name in ("row", "figure", "workers")]
    head += [cell("th", "sley")] + [cell("th", text(name)) for name in peers]
    body, last = "", None
    for key in unique((r.bench, r.metric.name, r.workers) for r in results):
        here = {r.peer: r for r in results if (r.bench, r.metric.name, r.workers) == key}
        if set(here) <= {"sley"}:
            continue
        cells = [cell("td", text(key[0]) if key[0] != last else "", "l"),
                 cell("td", text(key[1]), "l"), cell("td", key[2])]
        ours = here.get("sley")
        cells.append(cell("td", own_figure(ours) if ours else "failed"))
        for name in peers:
            theirs = here.get(name)
            value = table.times(theirs.ratio) if theirs else '<span class="soft">\u2013</span>'
            cells.append(cell("td", value, "r", tint(theirs.ratio) if theirs else ""))
        body, last = body + row(cells), key[0]
    return ("<h2>At a glance</h2><p>sley's median, and how many times better it is than each "
            "peer's. Green: sley is ahead. \u2013: not measured.</p>" + wide(head, body, "glance"))


def behind(results):
    """Where a peer is ahead, the widest lead first: what has to be mended, or explained."""
    lost = sorted((r for r in results if r.peer != "sley" and r.ratio is not None and r.ratio < 1),
                  key=lambda r: r.ratio)
    if not lost:
        return ""
    head = [cell("th", name, "l" if name in ("row", "figure", "peer") else "")
            for name in ("row", "figure", "workers", "peer", "peer's", "sley's", "ratio")]
    body = ""
    for r in lost:
        ours = next(o for o in results if o.peer == "sley" and
                    (o.bench, o.metric.name, o.workers) == (r.bench, r.metric.name, r.workers))
        body += row([cell("td", text(r.bench), "l"), cell("td", text(r.metric.name), "l"),
                     cell("td", r.workers), cell("td", text(r.peer), "l"), cell("td", own_figure(r)),
                     cell("td", own_figure(ours)), cell("td", table.times(r.ratio), "", tint(r.ratio))])
    return ("<h2>Where another is ahead</h2><p>Each either has its reason in docs/performance.md, or is "
            "a defect.</p>" + wide(head, body))


def own_figure(result):
    median = table.figure(stats.summarise(result.values)[0])
    return f"{median} <small>{text(result.metric.unit)}</small>"


def figures(results):
    """All figures of one row of the comparison."""
    names = ("metric", "workers", "peer", "median", "min", "max", "unit", "ratio", "runs", "cpus",
             "others")
    left = {"metric", "peer", "unit"}
    compared = len({result.peer for result in results}) > 1
    body = ""
    for workers in unique(r.workers for r in results):
        for result in table.ranked([r for r in results if r.workers == workers]):
            texts = table.cells(result)
            shade = {"ratio": "" if result.peer == "sley" else tint(result.ratio)}
            body += row([cell("td", text(texts[name]), "l" if name in left else "",
                              shade.get(name, "")) for name in names],
                        "sley" if result.peer == "sley" and compared else "")
    return wide([cell("th", name, "l" if name in left else "") for name in names], body)


def figure_title(metric):
    words = "; ".join(filter(None, (f"{metric.unit}, {metric.better} is better", metric.title)))
    return f"<h3>{text(metric.name)} <span>({text(words)})</span></h3>\n"


def section(page, bench, plotter):
    """One row: its sentence, its pictures, its figures."""
    mine = [r for r in page.results if r.bench == bench]
    sentence = page.why.get(bench, "")
    out = (f'<h2 id="{text(bench)}">{text(bench)}</h2>\n'
           f"<p>{text(sentence[:1].upper() + sentence[1:])}.</p>")
    drawn = False
    for name in unique(r.metric.name for r in mine):
        here = [r for r in mine if r.metric.name == name]
        metric = here[0].metric
        picture = plotter.draw(here, text(f"{bench}: {metric.title or name}"))
        if picture:
            out += f'{figure_title(metric)}<div class="wide plot">{picture}</div>'
            drawn = True
    if not drawn:
        return out + figures(mine)
    return out + f"<details><summary>All figures</summary>{figures(mine)}</details>"


def key_line(results):
    counts = sorted(unique(r.workers for r in results)) or [1]
    first = f"{counts[0]} worker{'' if counts[0] == 1 else 's'}"
    second = "" if len(counts) < 2 else f", \u25cb with {counts[-1]}"
    return ('<p class="key">In the plots: <b>sley</b>, <i>peers</i>; '
            f"\u25cf with {first}{second}; "
            "whiskers from the fastest to the slowest run; \u00d7 is the ratio.</p>")


def partakers(page):
    body = "".join(row([cell("td", text(p.name), "l"), cell("td", text(p.version), "l"),
                        cell("td", text(p.about), "t"), cell("td", linked(p.link), "t")])
                   for p in page.programs)
    head = [cell("th", name, "l") for name in ("name", "version", "what it is", "how it is tuned")]
    return "<h2>Who took part</h2>" + wide(head, body)


def lists(page):
    out = ""
    for title, lines in (("What failed", page.failures),
                         ("What was left out", table.gather(page.notes))):
        if lines:
            items = "".join(f"<li>{text(line)}</li>" for line in lines)
            out += f"<h2>{title}</h2><ul>{items}</ul>"
    return out


def facts_list(page):
    items = "".join(f"<dt>{text(name)}</dt><dd>{text(value)}</dd>" for name, value in page.facts)
    return f"<h2>The machine</h2><dl>{items}</dl>"


def render(page, plotter, links="", sections_of_others=""):
    benches = unique(r.bench for r in page.results)
    sections = "".join(section(page, bench, plotter) for bench in benches)
    taken = dict(page.facts).get("taken", "")
    return (f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width,initial-scale=1">'
            f"<title>{text(page.title)}</title><style>{STYLE}</style></head><body>\n"
            f'<h1>{text(page.title)}</h1><p class="soft">{text(taken)} \u00b7 '
            f"{text(dict(page.facts).get('processor', ''))}</p>\n"
            + links + warnings(page) + lead(page.results) + glance(page.results) + behind(page.results)
            + key_line(page.results) + sections + page.extra + sections_of_others + partakers(page)
            + lists(page) + "<h2>How it is measured</h2>" + page.how + facts_list(page)
            + "</body></html>\n")


def write(path, page, plotter, *told):
    """Whole or not at all. told: what story.py has to say."""
    content = render(page, plotter, *told)
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write(content)
    os.replace(path + ".new", path)
