"""What is measured: the points of the sweep, and the figures at each.

A request takes a millisecond when nobody else is there, and a part of it, the share, is computing.
So along the share the demand goes from none of a processor to all of one, and the number of clients
says how many such requests there are at once.

How many requests a run has is a matter of three things. It should last a while: so many that the
best design would be busy for the settings' seconds. Even the best spends a few microseconds on a
request that computes nothing, so a thousand clients do not make the million requests a second that
their waits alone would allow; asking for those made every run at that point several times as long
as it was meant to be. And each client should make EACH requests on average. All clients are there
whenever one is issued, however few there are (bench/cpu_io/clients.c); more of them only make the
first ones a smaller part, which come all at once and are answered sooner than later ones where the
design keeps the order. They lie at the lower end, so with a fifth of them the median and the p99
are those of a long run; ten for each client would double the time of the heaviest points, for the
same two figures. What is cut off are waits longer than a run: a design that leaves a client
standing for all of it would perhaps have left it for longer.

Where the requests of a design that wastes nothing would take longer than MOST_SECONDS, the point is
left out, and named on the page: with two processors, ten thousand clients of whose requests a
quarter or more is computing. Their queue is that of a thousand, ten times as long. Smaller requests
there would be affordable, but they would not be the requests of the other points: what a design
adds to each would weigh more, and nobody could tell that from the number of clients.
"""
import math
import statistics
from dataclasses import dataclass, field

REQUEST_US = 1000
LEAST_US = 10  # of a processor, for a request that computes nothing: between 1, of tasks where many
               # are due at once, and 20, where each is waited for alone
EACH = 5  # requests for each client, at least
MOST_SECONDS = 3  # of a run of a design that wastes nothing

QUICK_SHARES, FULL_SHARES = (0, 10, 50, 90, 100), (0, 1, 5, 10, 25, 50, 75, 90, 100)
QUICK_CLIENTS, FULL_CLIENTS = (1, 32, 1000), (1, 10, 100, 1000, 10000)
FIGURES = ("requests_per_s", "p50_us", "p99_us", "max_us", "cpu_s")


@dataclass(frozen=True, order=True)
class Point:
    share: int  # per cent of a request that is computing
    clients: int

    @property
    def cpu_us(self):
        return REQUEST_US * self.share // 100

    @property
    def io_us(self):
        return REQUEST_US - self.cpu_us

    def rate(self, workers):
        """Requests a second, of a design that wastes nothing."""
        return min(self.clients * 1e6 / REQUEST_US, workers * 1e6 / (self.cpu_us + LEAST_US))

    def requests(self, seconds, workers):
        """So many that the best design is busy for about that time, but EACH for each client."""
        return max(EACH * self.clients, int(self.rate(workers) * seconds), 50)

    def affordable(self, workers):
        return EACH * self.clients <= MOST_SECONDS * self.rate(workers)


def points(quick, workers=math.inf):
    """Those that so many workers can do in a reasonable time."""
    shares, clients = (QUICK_SHARES, QUICK_CLIENTS) if quick else (FULL_SHARES, FULL_CLIENTS)
    return [point for count in clients for share in shares
            if (point := Point(share, count)).affordable(workers)]


@dataclass
class Data:
    """Runs: (point, design) -> a dictionary of figures for each counted run. Fell: what could not
    do a point, and why."""

    runs: dict = field(default_factory=dict)
    fell: dict = field(default_factory=dict)
    ours: tuple = ()  # the designs that sley offers
    index: dict = field(default_factory=dict)  # point -> its designs, in the order of runs

    def add(self, point, design, figures):
        self.runs.setdefault((point, design), []).append(figures)
        self.index.setdefault(point, {})[design] = None

    def remove(self, point, design):
        """As if it had not been measured there."""
        self.runs.pop((point, design), None)
        self.index.get(point, {}).pop(design, None)
        if not self.index.get(point, True):
            del self.index[point]

    def points(self):
        return sorted(self.index)

    def designs(self, point=None):
        """Those measured at the point, or at any."""
        if point is not None:
            return list(self.index.get(point, ()))
        return list(dict.fromkeys(design for _, design in self.runs))

    def median(self, point, design, figure):
        """None if it has not been measured there."""
        runs = self.runs.get((point, design))
        return statistics.median(run[figure] for run in runs) if runs else None

    def best(self, point, figure, among=None):
        """(design, value) of the best there, or (None, None)."""
        values = {design: self.median(point, design, figure) for design in self.designs(point)
                  if among is None or design in among}
        if not values:
            return None, None
        pick = max if figure == "requests_per_s" else min
        design = pick(values, key=values.get)
        return design, values[design]

    def behind(self, point, design, figure):
        """How many times worse than the best design there; 1: it is the best; None: no figure."""
        mine, (_, best) = self.median(point, design, figure), self.best(point, figure)
        if mine is None or not mine or not best:
            return None
        return best / mine if figure == "requests_per_s" else mine / best
