"""Tells what runs now and how long all of it will take.

On a terminal one line that is rewritten; elsewhere plain lines, one when a block starts, so that a
log stays short. The estimate is what the programs have taken before: in this session, else in the
last one (build/bench/durations.json), else a guess that the first round corrects.
"""
import json
import os
import sys


def span(seconds):
    """A time for people."""
    seconds = int(round(seconds))
    if seconds < 60:
        return f"{max(seconds, 1)} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60:02} s"
    return f"{seconds // 3600} h {seconds // 60 % 60:02} min"


class Durations:
    """How long one run of (row, workers, program) takes, kept between sessions."""

    def __init__(self, path, quick):
        self.path, self.quick, self.known = path, quick, {}
        self.guess = 0.5 if quick else 4.0
        try:
            with open(path, encoding="utf-8") as file:
                self.known = {key: float(value) for key, value in json.load(file).items()}
        except (OSError, ValueError, TypeError, AttributeError):
            pass  # none yet, or not ours: only an estimate is lost

    def key(self, bench, workers, name):
        return f"{'quick' if self.quick else 'full'} {bench} {workers} {name}"

    def learn(self, bench, workers, name, seconds):
        self.known[self.key(bench, workers, name)] = round(seconds, 3)

    def expect(self, bench, workers, name):
        return self.known.get(self.key(bench, workers, name), self.guess)

    def save(self):
        os.makedirs(os.path.dirname(self.path), exist_ok=True)
        with open(self.path, "w", encoding="utf-8") as file:
            json.dump(self.known, file, indent=0, sort_keys=True)


class Progress:
    def __init__(self, stream=None):
        self.stream = stream or sys.stderr
        self.live = self.stream.isatty()
        self.shown = False

    def line(self, text):
        """A line that stays."""
        self.clear()
        print(text, file=self.stream, flush=True)

    def block(self, text):
        """A block starts: in a log this is all that is said of it."""
        if not self.live:
            self.line(text)

    def now(self, text):
        """On a terminal, what runs this very moment."""
        if self.live:
            width = os.get_terminal_size(self.stream.fileno()).columns or 80
            self.stream.write("\r\033[K" + text[: width - 1])
            self.stream.flush()
            self.shown = True

    def clear(self):
        if self.shown:
            self.stream.write("\r\033[K")
            self.stream.flush()
            self.shown = False
