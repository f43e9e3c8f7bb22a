"""Made-up figures of cpu-io: of every kind that a machine could give, and of some that none would."""
import fakes  # noqa: F401  (finds the modules)
from mix import points, sweep

NAMES = ["tasks", "tasks+threads", "tasks+processes", "loop", "threads", "go", "asyncio"]
REASONS = ["no more threads", "killed by signal 9; with 1 client at every share: 2.0 times, it seems",
           "exit status 1: with 3,000 clients and 10 % computing."]


def add(data, point, name, rate, late):
    data.add(point, name, {"requests_per_s": rate, "p50_us": late / 3, "p99_us": late,
                           "max_us": late * 2, "cpu_s": 1.0})


def equal(rates, quick=True):
    """The same at every point."""
    data = points.Data(ours=sweep.SLEY_DESIGNS)
    for point in points.points(quick):
        for name, value in rates.items():
            add(data, point, name, value, 2e6 / value)
    return data


def measured(rates, lates=None, point=points.Point(50, 32), data=None):
    """One point; a design's figures are those of its runs."""
    data = data or points.Data(ours=sweep.SLEY_DESIGNS)
    for name, runs in rates.items():
        for number, rate in enumerate(runs):
            late = lates[name][number] if lates else 1e6 / rate
            add(data, point, name, rate, late)
    return data


class World:
    """How the figures of one set come about, drawn by chance."""

    def __init__(self, chance, untied):
        self.chance = chance
        self.shares = chance.sample(points.FULL_SHARES, chance.randint(1, 4))
        self.clients = chance.sample(points.FULL_CLIENTS, chance.randint(1, 3))
        self.names = chance.sample(NAMES, chance.randint(1, len(NAMES)))
        self.decades = chance.choice((0.05, 0.3, 1, 3, 6))  # between the worst and the best
        self.noise = 0.0001 if untied else chance.choice((0, 0.001, 0.05, 0.5))
        self.ties = 0 if untied else chance.choice((0, 0, 0.3, 0.9))
        self.falls = chance.choice((0, 0.05, 0.3, 0.9))
        self.missing = 0 if untied else chance.choice((0, 0, 0.1, 0.5))
        self.runs = chance.randint(1, 4)

    def figure(self, middle):
        if self.chance.random() < self.ties:
            return middle
        return middle * 10 ** self.chance.uniform(-self.decades / 2, self.decades / 2)

    def place(self, data, point, name):
        rate, late = self.figure(1000.0), self.figure(5000.0)
        for _ in range(self.runs):
            wobble, other = (1 + self.noise * self.chance.uniform(-1, 1) for _ in range(2))
            add(data, point, name, rate * wobble, late * other)

    def data(self):
        """Data; who has fallen at a share is not asked for more clients there."""
        data = points.Data(ours=sweep.SLEY_DESIGNS)
        for count in sorted(self.clients):
            for share in self.shares:
                for name in self.names:
                    point = points.Point(share, count)
                    if any((points.Point(share, n), name) in data.fell for n in self.clients):
                        data.fell[point, name] = "it could not with fewer clients"
                    elif self.chance.random() < self.falls / len(self.clients):
                        data.fell[point, name] = self.chance.choice(REASONS)
                    elif self.chance.random() >= self.missing:
                        self.place(data, point, name)
        return data


def any_data(chance, untied=False):
    return World(chance, untied).data()


def whole(chance, quick=True):
    """All points of a sweep, every design, three runs of each."""
    world = World(chance, untied=True)
    world.shares = points.QUICK_SHARES if quick else points.FULL_SHARES
    world.clients = points.QUICK_CLIENTS if quick else points.FULL_CLIENTS
    world.names, world.falls, world.decades, world.runs = NAMES, 0.1, 2, 3
    return world.data()
