"""`./run bench gallery`: the pictures of docs/gallery, from what the other commands have found.

Three that tell the story: how fast each design is at each mix of computing and waiting (cpu-io), how
late a short sleep ends while others compute (the row stall), and how little the cost of a task depends
on how many there are (scaling). Each is a file of its own that needs nothing else, and says in itself
on which machine it was taken, and when: a picture without that is an advertisement.

A picture in a README is seen in light and in dark, and nobody can tell it which: so it brings its own
paper, and both are in its style.

Figures of a quick run or of a busy machine are not put there. For a look, --quick draws them all the
same, into build/bench/gallery. The README has two marks between which the pictures are put, once all
three are there.
"""
import html
import os
import re
import sys

import kept
import plots
import table
from mix import plots as mix_plots
from scaling import plots as growth_plots

FAILED = 1
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BEGIN, END = "<!-- gallery -->", "<!-- end of the gallery -->"
CLIENTS = 1000  # of the mixes: the largest number up to this
TOP, BOTTOM, WIDTH = 40, 44, 760

STYLE = """
svg.page{color:#24292f;font-family:system-ui,"Segoe UI","Liberation Sans",Arial,sans-serif}
.paper{fill:#ffffff}.soft{fill:#5d646c}
@media(prefers-color-scheme:dark){svg.page{color:#e4e6e8}.paper{fill:#16181a}.soft{fill:#9ca3ab}}
"""


def wrap(words, width):
    """Lines of at most `width` characters."""
    lines = [""]
    for word in words.split():
        longer = f"{lines[-1]} {word}".strip()
        if len(longer) <= width or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def standalone(svg, title, caption):
    """An element of a page as a document: with a title above and a caption below."""
    box = re.search(r'viewBox="0 0 (\d+) (\d+)"', svg)
    width, height = int(box.group(1)), int(box.group(2))
    total = TOP + height + BOTTOM
    inner = re.sub(r"<svg[^>]*>", f'<svg y="{TOP}" width="{width}" height="{height}" '
                   f'viewBox="0 0 {width} {height}">', svg, count=1)
    lines = "".join(f'<text class="soft" x="12" y="{TOP + height + 14 + 15 * i}" font-size="11">'
                    f"{html.escape(line)}</text>" for i, line in enumerate(wrap(caption, 125)[:2]))
    return ('<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
            f'class="page" viewBox="0 0 {width} {total}" width="{width}" height="{total}" role="img">'
            f"<title>{html.escape(title)}</title><desc>{html.escape(caption)}</desc>"
            f"<style>{STYLE}</style>"
            f'<rect class="paper" width="{width}" height="{total}"/>'
            f'<text x="12" y="25" font-size="15" font-weight="600" fill="currentColor">'
            f"{html.escape(title)}</text>{inner}{lines}</svg>\n")


def clients_shown(data):
    """Where most of the line is; of equals the largest number up to CLIENTS."""
    counts = {}
    for point in data.points():
        counts[point.clients] = counts.get(point.clients, 0) + 1
    return max(counts, key=lambda clients: (counts[clients], clients <= CLIENTS,
                                            clients if clients <= CLIENTS else -clients))


def mix_picture(out, plotter):
    """(title, svg, Taken, what else has to be said) of throughput over the share of computing."""
    data, taken = kept.mixes(out)
    if not data:
        return None
    clients = clients_shown(data)
    title = (f"Requests per second over the share of computing, {clients:,} "
             f"client{'' if clients == 1 else 's'}")
    return title, mix_plots.draw(plotter, data, clients, "requests_per_s"), taken, (
        "A request waits and computes for 1 ms in all.")


def stall_picture(out, plotter):
    results, taken = kept.results(out)
    mine = [r for r in results if (r.bench, r.metric.name) == ("stall", "late_p99_us")]
    title = "How late a 1 ms sleep ends while everything computes, us, 99th percentile"
    return (title, plotter.draw(mine, title), taken,
            "1w, 2w: workers; \u00d7: times sley's.") if mine else None


def growth_picture(out, plotter):
    data, taken = kept.growth(out)
    if not data:
        return None
    title = "The cost of many tasks over their number, and the power of it (1 is linear)"
    return title, growth_plots.draw(plotter, data, data.subjects[0]), taken, (
        "Medians on one worker, fastest and slowest round.")


PICTURES = (
    # file, what to run for it, how it is made
    ("mix.svg", "./run bench cpu-io", mix_picture),
    ("lateness.svg", "./run bench stall", stall_picture),
    ("growth.svg", "./run bench scaling", growth_picture),
)


def refusal(found, command, any_quality):
    """Why there is no picture, or None."""
    if not found or not found[1]:
        return f"there is nothing to draw: {command} has to come first"
    taken = found[2]
    if any_quality:
        return None
    if not taken.machine:
        return f"on which machine the figures were taken is not known: {command} again"
    if taken.quick:
        return f"the figures are of a quick run: {command}, or gallery --quick for a look"
    if taken.busy():
        return (f"others used more than {table.BUSY} CPUs meanwhile: {command} again on a quiet "
                "machine, or gallery --quick for a look")
    return None


def markdown(drawn):
    """What stands between the marks."""
    pictures = "\n".join(f"![{title}](docs/gallery/{name})\n" for name, title in drawn)
    return ("## In pictures\n\nOn which machine, and when, stands below each; `./run bench` makes "
            f"them on yours.\n\n{pictures}")


def put_between(text, drawn):
    """The text with the pictures between the marks, or None if they are not both there."""
    begin, end = text.find(BEGIN), text.find(END)
    if begin < 0 or end < begin:
        return None
    return text[:begin + len(BEGIN)] + "\n" + markdown(drawn) + text[end:]


def write(path, text):
    """Whole or not at all."""
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(path + ".new", path)


def update_readme(root, drawn):
    path = os.path.join(root, "README.md")
    with open(path, encoding="utf-8") as file:
        text = file.read()
    changed = put_between(text, drawn)
    if changed is None:
        return f"{path} has no marks for the gallery"
    if changed != text:
        write(path, changed)
    return None


def command(out, any_quality, root=ROOT):
    """The exit status."""
    failures, drawn = [], []
    plotter = plots.Plotter(failures)
    place = os.path.join(out, "gallery") if any_quality else os.path.join(root, "docs", "gallery")
    for name, first, make in PICTURES:
        found = make(out, plotter)
        problem = refusal(found, first, any_quality)
        if problem:
            failures.append(f"{name}: {problem}")
            continue
        title, svg, taken, note = found
        os.makedirs(place, exist_ok=True)
        write(os.path.join(place, name), standalone(svg, title, f"{note} {taken.words()}"))
        print(f"written: {os.path.join(place, name)}")
        drawn.append((name, title))
    if len(drawn) == len(PICTURES) and not any_quality:
        problem = update_readme(root, drawn)
        failures += [problem] if problem else []
    for failure in failures:
        print(f"gallery: {failure}", file=sys.stderr)
    return FAILED if failures else 0
