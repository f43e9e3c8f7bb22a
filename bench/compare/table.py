"""The table on the terminal: a block at a time, as it is finished."""
import stats

HEAD = ("bench", "workers", "metric", "peer", "median", "min", "max", "unit", "ratio", "runs",
        "cpus", "others")
LEFT = {"bench", "metric", "peer", "unit"}
WIDTH = {"bench": 9, "workers": 7, "metric": 17, "peer": 12, "median": 9, "min": 9, "max": 9,
         "unit": 8, "ratio": 7, "runs": 4, "cpus": 5, "others": 6}
BUSY = 0.25  # CPUs that others use, from which on figures are not to be trusted


def figure(value):
    """Three to four digits that mean something."""
    decimals = 0 if value >= 1000 else 1 if value >= 100 else 2 if value >= 10 else 3
    return f"{value:.{decimals}f}"


def times(value):
    """A ratio; "-" where there is none."""
    if value is None:
        return "-"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def share(value):
    return "?" if value is None else f"{value:.2f}"


def cells(result):
    median, low, high = stats.summarise(result.values)
    return {"bench": result.bench, "workers": str(result.workers), "metric": result.metric.name,
            "peer": result.peer, "median": figure(median), "min": figure(low),
            "max": figure(high), "unit": result.metric.unit, "ratio": times(result.ratio),
            "runs": str(len(result.values)), "cpus": share(result.cpus),
            "others": share(result.others)}


def line(texts):
    padded = (texts[name].ljust(WIDTH[name]) if name in LEFT else texts[name].rjust(WIDTH[name])
              for name in HEAD)
    return "  ".join(padded).rstrip()


def header():
    return line({name: name for name in HEAD})


def ranked(results):
    """sley first, then the others from the best to the worst of their row; metric by metric."""
    order = list(dict.fromkeys(result.metric.name for result in results))

    def place(result):
        median = stats.summarise(result.values)[0]
        return (order.index(result.metric.name), result.peer != "sley",
                median if result.metric.better == "less" else -median)

    return sorted(results, key=place)


def block(results):
    return "\n".join(line(cells(result)) for result in ranked(results))


def gather(lines):
    """Lines `NAME: PLACE: WHAT` that differ in the place only become one: `NAME: WHAT (PLACES)`."""
    groups = {}
    for text in lines:
        parts = text.split(": ", 2)
        key = (parts[0], parts[2]) if len(parts) == 3 else text
        groups.setdefault(key, []).append(text)
    return [members[0] if len(set(members)) == 1 else
            f"{key[0]}: {key[1]} ({'; '.join(text.split(': ', 2)[1] for text in members)})"
            for key, members in groups.items()]


def standing(results):
    """(ahead, compared): how often sley is ahead of a peer, of how many comparisons."""
    compared = [result for result in results if result.peer != "sley" and result.ratio is not None]
    return sum(1 for result in compared if result.ratio > 1), len(compared)


def busiest(results):
    return max((result.others for result in results if result.others is not None), default=0.0)
