"""What the other commands have found, as sections of the report: one page tells all of it.

Only what is there: a link to a page that exists, and the sentences that hold for the figures that it
was made of. Each section says when and how its figures were taken, since it may have been another
day than the rest of the page.
"""
import os

import kept
import report
import table
from mix import words as mix_words
from scaling import words as growth_words

CHOICES = "What to choose", "Who is ahead"  # of the conclusions of cpu-io


def bullets(lines):
    return "<ul>" + "".join(f"<li>{report.text(line)}</li>" for line in lines) + "</ul>"


def section(name, title, body, taken, link):
    """One of the sections, or "" without a body."""
    if not body:
        return ""
    when = f'<p class="soft">{report.text(taken.words())}</p>' if taken.machine else ""
    more = f'<p><a href="{report.text(link)}">All of it</a></p>' if link else ""
    return f'<h2 id="{name}">{report.text(title)}</h2>{when}{body}{more}'


def link_to(out, *path):
    """The address from the report's directory, if the page is there."""
    return "/".join(path) if os.path.isfile(os.path.join(out, *path)) else None


def mixes(out):
    data, taken = kept.mixes(out)
    body = ""
    for title, lines in mix_words.conclusions(data) if data else ():
        if title in CHOICES:
            body += f"<h3>{report.text(title)}</h3>{bullets(lines)}"
    return section("cpu-io", "Computing and waiting", body, taken, link_to(out, "cpu-io.html"))


def growth(out):
    data, taken = kept.growth(out)
    first = growth_words.summary(data) if data else None
    return section("scaling", "How cost grows", bullets([first]) if first else "", taken,
                   link_to(out, "scaling.html"))


def loads(out, plotter):
    """The load tests' figures: downloads and servers under load, each row with its pictures."""
    results, taken = kept.results(os.path.join(out, "..", "load"))
    body = ""
    for bench in report.unique(r.bench for r in results):
        mine = [r for r in results if r.bench == bench]
        body += f"<h3>{report.text(bench)}</h3>"
        for name in report.unique(r.metric.name for r in mine):
            here = [r for r in mine if r.metric.name == name]
            picture = plotter.draw(here, report.text(f"{bench}: {here[0].metric.title or name}"))
            if picture:
                body += report.figure_title(here[0].metric) + f'<div class="wide plot">{picture}</div>'
        body += f"<details><summary>All figures</summary>{report.figures(mine)}</details>"
    ahead, compared = table.standing(results)
    if compared:
        body = (f"<p>sley is ahead in {ahead} of {compared} comparisons under load.</p>") + body
    return section("load", "Under load", body, taken, link_to(out, "..", "load", "report.html"))


def tell(out, plotter):
    """(navigation, sections) for the report that is written to `out`."""
    parts = [("Computing and waiting", "cpu-io", mixes(out)), ("How cost grows", "scaling", growth(out)),
             ("Under load", "load", loads(out, plotter))]
    there = [(title, name) for title, name, body in parts if body]
    if not there:
        return "", ""
    links = " \u00b7 ".join(f'<a href="#{name}">{title}</a>' for title, name in there)
    return f'<p class="soft">Also on this page: {links}</p>', "".join(body for _, _, body in parts)
